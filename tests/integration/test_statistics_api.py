"""Reads of rates over REST: what is answered from which numbers, to whom, and what is refused."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from controller.auth import Role
from controller.services.statistics import Intake, Report
from controller.services.statistics_upkeep import roll_up
from controller.store.engine import Database
from tests.support.api import Api, make_app
from tests.support.counting import START, reading, report, steady
from tests.support.manifests import apply, bridge, host, port, segment, tunnel

pytestmark = pytest.mark.integration

SPAN = timedelta(minutes=15)
NOW = START + SPAN
RATE = 1250


@pytest.fixture
def fleet(api: Api) -> dict[str, UUID]:
    """Uids by name; the application's clock stands at ``NOW``."""
    api.app = make_app(api.db, now=lambda: NOW)
    api.add_projects("blue")
    made = apply(
        api.db,
        *(host(1), host(2), bridge("b1", "h1"), bridge("b2", "h2")),
        *(segment("red"), segment("navy", "blue")),
        *(port("p1", "h1", segment="red"), port("p2", "h2", segment="red")),
        port("q1", "h1", "blue", segment="navy"),
        tunnel("t", "h1/b1", "h2/b2"),
    )
    return {result.ref.name: result.uid for result in made.results if result.uid is not None}


def count(db: Database, *histories: list[Report]) -> None:
    """Store reports when they came; what hosts sent at once came in one report."""
    intake = Intake(db)
    for reports in histories:
        for first in range(0, len(reports), 50):
            some = reports[first : first + 50]
            intake.store(some, now=some[-1].sampled_at)


def together(*histories: list[Report]) -> list[Report]:
    """Reports of one host with what each of these has."""
    return [
        report(
            same[0].host_uid, same[0].sequence, same[0].sampled_at, *(r.readings[0] for r in same)
        )
        for same in zip(*histories, strict=True)
    ]


def steady_port(fleet: dict[str, UUID], on: str, name: str, **options: Any) -> list[Report]:
    fields = {"rate": RATE, "start": START, "samples": 181, **options}
    return steady(fleet[on], f"port:{fleet[name]}", **fields)


async def get(api: Api, path: str, secret: str | None = None, **query: str) -> httpx.Response:
    async with api.client(secret or api.secret) as client:
        return await client.get(f"/v1/{path}", params=query)


async def read(api: Api, path: str, **query: str) -> dict[str, Any]:
    answer = await get(api, path, **query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(rates: list[float | None]) -> set[float | None]:
    """Without what the arithmetic of floating point adds."""
    return {rate if rate is None else round(rate, 6) for rate in rates}


async def test_a_port_shows_the_rate_of_the_last_quarter_of_an_hour(
    api: Api, fleet: dict[str, UUID]
) -> None:
    count(api.db, steady_port(fleet, "h1", "p1"))
    body = await read(api, "ports/p1/stats")
    assert body["object"] == {
        "kind": "Port",
        "name": "p1",
        "project": "default",
        "uid": str(fleet["p1"]),
    }
    assert (body["step_seconds"], body["resolution"]) == (5, "raw")
    (series,) = body["series"]
    assert (series["name"], series["host"], series["device"]) == ("p1", "h1", "p1")
    assert list(series["rates"]) == ["rx_bytes"]
    assert len(body["times"]) == len(series["rates"]["rx_bytes"]) == 181
    assert values(series["rates"]["rx_bytes"]) == {RATE}
    assert body["times"][0] <= START.timestamp() < body["times"][1]


async def test_where_nothing_was_heard_there_is_no_rate(api: Api, fleet: dict[str, UUID]) -> None:
    before = steady_port(fleet, "h1", "p1", samples=61)
    after = steady_port(fleet, "h1", "p1", samples=61, start=START + timedelta(minutes=10))
    later = [report(r.host_uid, r.sequence + 61, r.sampled_at, *r.readings) for r in after]
    count(api.db, before, later)
    body = await read(api, "ports/p1/stats", step="60")
    (series,) = body["series"]
    rates = series["rates"]["rx_bytes"]
    # Fully within the gap are the buckets from the seventh to the tenth.
    assert [rate is None for rate in rates] == [False] * 6 + [True] * 4 + [False] * 6
    assert values(rates) == {None, RATE}


async def test_older_numbers_are_read_from_coarser_sums(api: Api, fleet: dict[str, UUID]) -> None:
    count(api.db, steady_port(fleet, "h1", "p1", samples=360))
    roll_up(api.db, now=START + timedelta(hours=5))
    for age, step, resolution, width in (
        (timedelta(hours=5), "", "raw", 80),
        (timedelta(hours=7), "60", "1m", 60),
        (timedelta(hours=7), "11", "1m", 60),
        (timedelta(days=8), "900", "15m", 900),
        (timedelta(days=91), "7000", "1h", 7200),
    ):
        api.app = make_app(api.db, now=lambda age=age: START + age)
        query = {"from": START.isoformat(), "to": (START + timedelta(hours=4)).isoformat()}
        body = await read(api, "ports/p1/stats", **query, **({"step": step} if step else {}))
        assert (body["resolution"], body["step_seconds"]) == (resolution, width)
        (series,) = body["series"]
        assert values(series["rates"]["rx_bytes"]) == {None, RATE}


async def test_a_segment_sums_its_ports_and_shows_the_vxlan_devices_of_members(
    api: Api, fleet: dict[str, UUID]
) -> None:
    device = steady(fleet["h1"], f"segment:{fleet['red']}", rate=7, start=START, samples=181)
    count(
        api.db,
        together(steady_port(fleet, "h1", "p1"), device),
        # Of a port and a segment that are not there: another host adds nothing.
        together(
            steady_port(fleet, "h2", "p2"),
            steady_port(fleet, "h2", "p1", rate=10**6),
            steady(fleet["h2"], f"segment:{fleet['navy']}", rate=10**6, start=START, samples=181),
        ),
    )
    body = await read(api, "segments/red/stats")
    shown = {(s["name"][:2], s["host"]): s["rates"]["rx_bytes"] for s in body["series"]}
    assert set(shown) == {("po", None), ("kx", "h1")}
    # The last bucket is not over for all of the hosts.
    assert shown["po", None][-1] is None
    assert values(shown["po", None][:-1]) == {2 * RATE}
    assert values(shown["kx", "h1"]) == {7}
    (of_port,) = (await read(api, "ports/p1/stats"))["series"]
    assert values(of_port["rates"]["rx_bytes"]) == {RATE}


async def test_a_sum_ends_where_not_all_hosts_have_told_what_they_counted(
    api: Api, fleet: dict[str, UUID]
) -> None:
    count(
        api.db,
        steady_port(fleet, "h1", "p1"),
        steady_port(fleet, "h2", "p2", samples=165),
    )
    for step, last in (("5", 164), ("60", 13)):
        (series,) = (await read(api, "segments/red/stats", step=step))["series"]
        rates = series["rates"]["rx_bytes"]
        assert values(rates[: last + 1]) - {None} == {2 * RATE}
        assert [n for n, rate in enumerate(rates) if rate is not None][-1] <= last
    # Rolled up it is the same, and who is silent for long holds no sum back.
    roll_up(api.db, now=NOW)
    query = {"from": str((START - timedelta(days=1)).timestamp()), "step": "60"}
    (series,) = (await read(api, "segments/red/stats", **query))["series"]
    assert values(series["rates"]["rx_bytes"]) == {None, 2 * RATE}
    api.app = make_app(api.db, now=lambda: NOW + timedelta(minutes=1))
    (series,) = (await read(api, "segments/red/stats", step="5"))["series"]
    assert values(series["rates"]["rx_bytes"]) == {None, RATE, 2 * RATE}


async def test_a_tunnel_shows_both_of_its_ends(api: Api, fleet: dict[str, UUID]) -> None:
    ends = [
        steady(fleet[name], f"tunnel:{fleet['t']}", rate=rate, start=START, samples=181)
        for name, rate in (("h1", 100), ("h2", 200))
    ]
    count(api.db, *ends)
    body = await read(api, "tunnels/t/stats")
    shown = {series["host"]: values(series["rates"]["rx_bytes"]) for series in body["series"]}
    assert shown == {"h1": {100}, "h2": {200}}


async def test_a_host_shows_its_devices_and_the_sum_of_its_ports(
    api: Api, fleet: dict[str, UUID]
) -> None:
    underlay = steady(fleet["h1"], "device:eth0", rate=9, start=START, samples=181)
    mesh = f"tunnel:{fleet['red']}/{fleet['h2']}"
    peer = steady(fleet["h1"], mesh, rate=3, start=START, samples=181)
    ports = [steady_port(fleet, "h1", name) for name in ("p1", "q1")]
    count(api.db, together(*ports, underlay, peer))
    shown = {s["name"]: s["rates"] for s in (await read(api, "hosts/h1/stats"))["series"]}
    assert set(shown) == {"ports", "eth0"}
    assert values(shown["ports"]["rx_bytes"]) == {2 * RATE}
    (one,) = (await read(api, "hosts/h1/stats", subject=mesh))["series"]
    assert values(one["rates"]["rx_bytes"]) == {3}
    assert (await get(api, "hosts/h1/stats", subject="device:eth9")).status_code == 404


async def test_ports_that_are_long_gone_make_no_chart_of_a_host_coarse(
    api: Api, fleet: dict[str, UUID]
) -> None:
    long_ago = START - timedelta(hours=1)
    gone = [reading(f"port:{uuid4()}", rx_bytes=1) for _ in range(400)]
    Intake(api.db).store([report(fleet["h1"], 1, long_ago, *gone)], now=long_ago)
    count(api.db, steady_port(fleet, "h1", "p1", sequence=2))
    for _ in range(2):
        body = await read(api, "hosts/h1/stats")
        assert body["resolution"] == "raw"
        assert values(body["series"][0]["rates"]["rx_bytes"]) == {RATE}
        roll_up(api.db, now=NOW)


async def test_nobody_sees_what_lies_outside_its_projects(api: Api, fleet: dict[str, UUID]) -> None:
    underlay = steady(fleet["h1"], "device:eth0", rate=9, start=START, samples=181)
    ports = [steady_port(fleet, "h1", name) for name in ("p1", "q1")]
    count(api.db, together(*ports, underlay))
    blue = api.token(Role.VIEWER, "blue")
    foreign = f"port:{fleet['p1']}"
    for path, query in (
        ("ports/p1/stats", {}),
        (f"ports/{fleet['p1']}/stats", {}),
        ("segments/red/stats", {}),
        ("hosts/h1/stats", {"subject": foreign}),
        ("hosts/h1/stats", {"subject": "device:eth0"}),
    ):
        answer = await get(api, path, blue, **query)
        assert answer.status_code == 404, path
        assert answer.json()["code"] == "not_found"
    (of_host,) = (await get(api, "hosts/h1/stats", blue)).json()["series"]
    assert of_host["name"] == "ports"
    assert values(of_host["rates"]["rx_bytes"]) == {RATE}
    own = await get(api, "ports/q1/stats", blue, project="blue")
    assert own.json()["series"][0]["rates"]["rx_bytes"]
    async with api.client() as stranger:
        assert (await stranger.get("/v1/ports/p1/stats")).status_code == 401


REFUSED = (
    ("from", {"from": "yesterday"}),
    ("from", {"from": "2026-03-14T15:00:00"}),
    ("from", {"from": "1e3"}),
    ("from", {"from": (NOW + timedelta(hours=1)).isoformat()}),
    ("to", {"to": "nan"}),
    ("to", {"to": "1e300"}),
    ("to", {"to": "0001-01-01T00:00:00+14:00"}),
    ("to", {"to": "9999-12-31T23:59:59Z"}),
    ("step", {"step": "0"}),
    ("step", {"step": "1e99"}),
    ("step", {"step": "999999999999"}),
    ("step", {"from": (NOW - timedelta(hours=1)).isoformat(), "step": "2"}),
)


async def test_what_cannot_be_read_is_refused_by_name(api: Api, fleet: dict[str, UUID]) -> None:
    for named, query in REFUSED:
        answer = await get(api, "ports/p1/stats", **query)
        assert answer.status_code == 422, answer.text
        body = answer.json()
        assert body["detail"].removeprefix("the query parameter ").startswith(f"{named} is ")
        assert body["errors"][0]["fix"]


async def test_a_read_costs_as_many_queries_for_a_thousand_ports_as_for_one(
    api: Api, fleet: dict[str, UUID]
) -> None:
    count(api.db, steady_port(fleet, "h1", "p1"))
    await read(api, "segments/red/stats")
    few = await queries(api, "segments/red/stats")
    apply(api.db, *(port(f"n{n}", "h1", segment="red") for n in range(50)))
    assert await queries(api, "segments/red/stats") == few == 5


async def queries(api: Api, path: str) -> int:
    executed: list[str] = []

    def note(*arguments: Any) -> None:
        executed.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await read(api, path)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(executed)


async def test_who_reads_rates_waits_for_other_readers_and_nobody_waits_for_them(
    api: Api, fleet: dict[str, UUID]
) -> None:
    charts = Database(api.db.url, pool_size=1, pool_wait_s=0.05)
    api.app = make_app(api.db, stats_db=charts, now=lambda: NOW)
    with closing(charts):
        with charts.snapshot():
            for path in ("ports/p1/stats", "hosts/h1/stats", "hosts/h1/rates"):
                answer = await get(api, path)
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2"), path
            apply(api.db, port("p3", "h1", segment="red"))
            assert (await get(api, "ports/p3")).status_code == 200
        assert (await get(api, "ports/p3/stats")).status_code == 200


async def test_a_read_that_takes_too_long_is_given_up(api: Api, fleet: dict[str, UUID]) -> None:
    charts = Database(api.db.url, pool_size=1, statement_s=0.1)
    api.app = make_app(api.db, stats_db=charts, now=lambda: NOW)
    with closing(charts), api.db.transaction() as tx:
        tx.execute(text("LOCK TABLE stat_subject"))
        answer = await get(api, "ports/p1/stats")
    assert answer.status_code == 503
    assert "takes too long" in answer.json()["detail"]
