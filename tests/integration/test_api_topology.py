"""The fleet as a graph, over REST on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from controller.auth import Role
from controller.services.statistics import Intake
from controller.services.status import ReportedFailure
from controller.store.engine import Database
from tests.support.api import NOWHERE, Api
from tests.support.counting import reading, report
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

RACKS = {"h1": "r1", "h2": "r1", "h3": "r2", "h4": None}
ZONES = {"h1": ["east"], "h2": ["east", "west"], "h3": ["west"], "h4": []}


def manifest(kind: str, name: str, project: str = "default", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "project": project}, "spec": spec}


def host(name: str) -> dict[str, Any]:
    made = manifest("Host", name, vteps=[f"192.0.2.{name[1:]}"], zones=ZONES[name])
    rack = RACKS[name]
    made["metadata"]["labels"] = {"site": "a"} | ({"rack": rack} if rack else {})
    return made


def port(on: str, of: str, project: str) -> dict[str, Any]:
    name = f"{of}-{on}"
    return manifest("Port", name, project, host=on, interface=name, segment=of)


async def fleet_of_four(api: Api) -> dict[str, str]:
    """Uids by name: red is on all, blue on h1 and h2, and a tunnel goes from h3 to h4."""
    api.add_projects("blue", "red")
    objects = [
        *(manifest("TransportZone", zone) for zone in ("east", "west")),
        *(host(name) for name in RACKS),
        manifest("Segment", "red", "red", backend="ovs"),
        manifest("Segment", "blue", "blue", backend="ovs"),
        *(port(name, "red", "red") for name in RACKS),
        *(port(name, "blue", "blue") for name in ("h1", "h2")),
        *(manifest("Bridge", f"lan-{n}", host=n, interface="br-lan") for n in ("h3", "h4")),
        manifest(
            "Tunnel",
            "t",
            ends=[{"host": "h3", "bridge": "lan-h3"}, {"host": "h4", "bridge": "lan-h4"}],
        ),
    ]
    async with api.admin as client:
        answer = await client.post("/v1/apply", json={"objects": objects})
    assert answer.status_code == 200, answer.text
    return {result["name"]: result["uid"] for result in answer.json()["results"]}


async def topology(api: Api, secret: str | None = None, **asked: str) -> dict[str, Any]:
    async with api.client(secret or api.secret) as client:
        answer = await client.get("/v1/topology", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def edges(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    titles = {node["id"]: node["title"] for node in found["nodes"]}
    return {(titles[edge["a"]], titles[edge["b"]]): edge for edge in found["edges"]}


def tunnels(found: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {pair: edge["tunnels"] for pair, edge in edges(found).items()}


async def test_hosts_and_what_is_between_them_are_told_with_what_ails_it(api: Api) -> None:
    uids = await fleet_of_four(api)
    broken = f"tunnel:{uids['red']}/{uids['h3']}"
    h1, *_ = hosts = [ReportingHost(api.db, uids[name]) for name in ("h1", "h2", "h3")]
    for each in hosts:
        each.report(api.head())
    h1.report(api.head(), [ReportedFailure(broken, "datapath", "NoRoute", "no route")])
    found = await topology(api)
    assert [node["title"] for node in found["nodes"]] == ["h1", "h2", "h3", "h4"]
    assert [node["connected"] for node in found["nodes"]] == [1, 1, 1, 0]
    assert found["nodes"][0]["labels"] == {"site": "a", "rack": "r1"}
    between = edges(found)
    assert between["h1", "h2"]["phases"]["ready"] == between["h1", "h2"]["tunnels"] == 2
    assert between["h1", "h2"]["segments"] == 2
    assert between["h1", "h2"]["worst"] is None
    assert between["h1", "h3"]["worst"] == {
        "reason": "NoRoute",
        "message": "on host 'h1': no route",
    }
    assert between["h2", "h3"]["worst"] is None
    # The explicit tunnel is counted with the segment's.
    assert (between["h3", "h4"]["tunnels"], between["h3", "h4"]["segments"]) == (2, 1)
    assert between["h3", "h4"]["phases"]["pending"] == 2
    assert "'h4'" in between["h3", "h4"]["worst"]["message"]
    assert [(s["name"], s["hosts"]) for s in found["segments"]] == [("red", 4), ("blue", 2)]


async def test_hosts_stand_in_groups_and_tunnels_are_counted_between_these(api: Api) -> None:
    await fleet_of_four(api)
    by_rack = await topology(api, group_by="label:rack")
    assert tunnels(by_rack) == {
        ("r1", "r1"): 2,
        ("no rack", "r1"): 2,
        ("r1", "r2"): 2,
        ("no rack", "r2"): 2,
    }
    assert by_rack["nodes"][1] == {
        **by_rack["nodes"][1],
        "id": "label:rack=r1",
        "hosts": 2,
        "labels": {"site": "a", "rack": "r1"},
    }
    zones = await topology(api, group_by="zone")
    assert [node["title"] for node in zones["nodes"]] == ["east", "east, west", "no zone", "west"]
    chosen = await topology(api, group_by="host", label_selector="rack=r1")
    assert tunnels(chosen) == {("h1", "h2"): 2}
    opened = await topology(api, group_by="host", within="zone:east,west")
    assert [node["title"] for node in opened["nodes"]] == ["h2"]
    others = await topology(api, group_by="host", within="label:rack")
    assert [node["title"] for node in others["nodes"]] == ["h4"]
    of_one = await topology(api, segment="blue", project="blue")
    assert tunnels(of_one) == {("h1", "h2"): 1}


async def test_a_project_sees_its_own_meshes_alone(api: Api) -> None:
    await fleet_of_four(api)
    secret = api.token(Role.VIEWER, "blue")
    found = await topology(api, secret)
    assert tunnels(found) == {("h1", "h2"): 1, ("h3", "h4"): 1}
    assert [segment["name"] for segment in found["segments"]] == ["blue"]
    async with api.client(secret) as client:
        hidden = await client.get("/v1/topology", params={"segment": "red", "project": "red"})
        wrong = await client.get("/v1/topology", params={"group_by": "colour"})
        nowhere = await client.get("/v1/topology", params={"within": "east"})
    assert hidden.status_code == 404
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "group_by")
    assert (nowhere.status_code, nowhere.json()["errors"][0]["code"]) == (422, "within")


async def test_the_load_of_a_pair_is_what_either_end_counts(api: Api) -> None:
    uids = await fleet_of_four(api)
    now = datetime.now(UTC)
    far = f"tunnel:{uids['red']}/{uids['h1']}"
    Intake(api.db).store(
        [
            report(
                UUID(uids["h2"]),
                n,
                now - timedelta(seconds=5 * (2 - n)),
                reading(far, rx_bytes=n * 5000, tx_bytes=n * 10_000),
            )
            for n in (1, 2)
        ],
        now=now,
    )
    between = edges(await topology(api))
    # What h2 receives is what h1 sends.
    assert (between["h1", "h2"]["tx_bps"], between["h1", "h2"]["rx_bps"]) == (8000, 16_000)
    assert between["h1", "h3"]["tx_bps"] is None
    (hub,) = (await topology(api, meshes="hubs"))["hubs"]
    rates = {spoke["node"]: (spoke["tx_bps"], spoke["rx_bps"]) for spoke in hub["spokes"]}
    assert (rates[uids["h1"]], rates[uids["h2"]]) == ((8000, 16_000), (16_000, 8000))
    assert rates[uids["h3"]] == (None, None)
    # Statistics that cannot be read take no more than themselves along.
    api.app.state.context = replace(api.app.state.context, stats_db=Database(NOWHERE))
    between = edges(await topology(api))
    assert between["h1", "h2"]["tx_bps"] is None


async def test_a_mesh_is_a_hub_and_what_fails_by_itself_is_an_edge(api: Api) -> None:
    uids = await fleet_of_four(api)
    hosts = {name: ReportingHost(api.db, uids[name]) for name in ("h1", "h2", "h3")}
    for each in hosts.values():
        each.report(api.head())
    broken = f"tunnel:{uids['red']}/{uids['h3']}"
    hosts["h1"].report(api.head(), [ReportedFailure(broken, "datapath", "NoRoute", "no route")])
    found = await topology(api, meshes="hubs")
    (hub,) = found["hubs"]
    assert (found["meshes"], found["tunnels"], found["edges_left_out"]) == ("hubs", 8, 0)
    assert (hub["segments"], hub["tunnels"]) == ([{"project": "red", "name": "red"}], 6)
    assert hub["id"] == f"segment:{uids['red']}"
    spokes = {spoke["node"]: spoke for spoke in hub["spokes"]}
    assert [spoke["ends"] for spoke in spokes.values()] == [3] * 4
    assert (spokes[uids["h1"]]["phases"]["ready"], spokes[uids["h1"]]["phases"]["failed"]) == (2, 1)
    assert spokes[uids["h3"]]["worst"] is None
    assert spokes[uids["h4"]]["phases"]["pending"] == 3
    # Two hosts need no hub, and an explicit tunnel is one line.
    assert tunnels(found) == {("h1", "h2"): 1, ("h1", "h3"): 1, ("h3", "h4"): 1}
    few = await topology(api, meshes="auto")
    assert (few["meshes"], few["hubs"], few["tunnels"]) == ("pairs", [], 8)
    own = await topology(api, api.token(Role.VIEWER, "blue"), meshes="hubs")
    assert (own["hubs"], own["tunnels"]) == ([], 2)
