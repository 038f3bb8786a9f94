"""What others changed on hosts, from the stream of an agent to whoever may know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ovsfleet.v1 import agent_pb2, state_pb2
from sqlalchemy import text
from sqlalchemy.event import listen, remove

from controller.auth import Principal, Role
from controller.domain.errors import UnavailableError
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.domain.safety import ConfirmPolicy, DriftAction, DriftPolicy
from controller.services import drift, queries, tokens
from controller.services.drift import Difference, DriftEvent, FoundEvent, Wanted
from controller.services.status import SessionStart, open_session
from controller.southbound.drift import DriftRecorder
from controller.southbound.threads import Threads
from controller.southbound.timing import utc_now
from controller.store.engine import Database
from tests.support.agent_end import AgentEnd, Identity, Site, eventually, session
from tests.support.api import Api, LiveServer, make_app
from tests.support.cli import QuickCli
from tests.support.manifests import ADMIN, apply, bridge, host, port, segment
from tests.support.watchers import export, mirror

pytestmark = pytest.mark.integration

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WHO = "ovs-vsctl (invoked by bash (pid 7)): ovs-vsctl set port p1 tag=7 -- del-port br-x other"


def uid_of(db: Database, kind: Kind, name: str, project: str = DEFAULT_PROJECT) -> UUID:
    return queries.get(db, ADMIN, kind, project, name).object.uid


def event(
    number: int, resource: str, action: DriftAction = DriftAction.ENFORCED, **more: Any
) -> DriftEvent:
    differences = (Difference("tag", "5", "7"),)
    fields = {"at": NOW + timedelta(seconds=number), "differences": differences, "who": WHO}
    return DriftEvent(number, resource=resource, action=action, **{**fields, **more})


def stored(db: Database, principal: Principal = ADMIN, **wanted: Any) -> list[FoundEvent]:
    return [*drift.list_events(db, principal, Wanted(**wanted), page_size=100).items]


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    listen(db._engine, "before_cursor_execute", note)
    yield statements
    remove(db._engine, "before_cursor_execute", note)


class Speaking:
    """The newest session of h1, beside a bridge, a mirror and ports of two projects on it."""

    def __init__(self, api: Api) -> None:
        api.add_projects("blue")
        self.api, self.db = api, api.db
        apply(self.db, host(1), bridge("br-x", "h1"), segment("red"), segment("b", "blue"))
        apply(self.db, port("p1", "h1", segment="red"), port("p2", "h1", "blue", segment="b"))
        apply(self.db, mirror("m", "h1", bridge="br-x", select_all=True, output_vlan=9))
        self.host = uid_of(self.db, Kind.HOST, "h1")
        self.uids = {
            "port:p1": uid_of(self.db, Kind.PORT, "p1"),
            "port:p2": uid_of(self.db, Kind.PORT, "p2", "blue"),
            "bridge:br-x": uid_of(self.db, Kind.BRIDGE, "br-x"),
            "mirror:m": uid_of(self.db, Kind.MIRROR, "m"),
        }
        self.resources = [*map(self.resource, self.uids), "overlay"]
        self.epoch = 0

    def resource(self, word: str) -> str:
        return f"{word.partition(':')[0]}:{self.uids[word]}"

    def open(self, nonce: str) -> int:
        return open_session(self.db, self.host, SessionStart(nonce, "0"), now=NOW)

    def tell(self, *events: DriftEvent, now: datetime = NOW) -> bool:
        return drift.record(self.db, self.host, self.epoch, events, now=now)

    def tell_of_all(self) -> None:
        assert self.tell(*(event(n, each) for n, each in enumerate(self.resources, start=1)))


@pytest.fixture(scope="module")
def fleet(shared_database_url: str) -> Iterator[Speaking]:
    database = Database(shared_database_url, pool_size=20)
    secret = tokens.ensure_admin(database, now=NOW)
    assert secret is not None
    yield Speaking(Api(database, make_app(database), secret))
    database.close()


@pytest.fixture
def speaking(fleet: Speaking) -> Speaking:
    """Nothing has happened yet."""
    with fleet.db.transaction() as tx:
        tx.execute(text("DELETE FROM drift_event"))
    fleet.epoch = fleet.open("one")
    return fleet


async def send(agent: AgentEnd, *events: agent_pb2.DriftEvent) -> None:
    report = agent_pb2.DriftReport(events=events)
    await agent.stream.write(agent_pb2.SessionRequest(drift=report))


async def confirmed(agent: AgentEnd, sequence: int) -> None:
    while (await agent.answered("drift_received")).drift_received.sequence < sequence:
        pass


async def test_what_an_agent_tells_is_stored_once_and_confirmed(site: Site, h1: Identity) -> None:
    apply(site.db, port("p1", "h1", segment="red"))
    resource = f"port:{uid_of(site.db, Kind.PORT, 'p1')}"
    plain = agent_pb2.DriftEvent(
        sequence=1,
        at=Timestamp(seconds=int(NOW.timestamp())),
        resource=resource,
        action=agent_pb2.DRIFT_ACTION_ENFORCED,
        differences=[agent_pb2.Difference(field="tag", intended="5", found="7")],
        who=WHO,
    )
    wild = agent_pb2.DriftEvent(
        sequence=2,
        at=Timestamp(seconds=2**62),
        resource="x\0" * 500,
        action=77,  # type: ignore[arg-type]
        differences=[agent_pb2.Difference(field="f\0", found="y" * 9000)] * 300,
        who="z" * 9000,
    )
    for _ in range(2):
        async with session(site, h1) as agent:
            await send(agent, plain)
            await send(agent, wild, plain)
            await confirmed(agent, 2)
    odd, known = stored(site.db)
    assert (known.host, known.object, known.action) == (
        "h1",
        queries.get(site.db, ADMIN, Kind.PORT, DEFAULT_PROJECT, "p1").object.ref,
        DriftAction.ENFORCED,
    )
    assert (known.at, known.differences, known.who) == (NOW, (Difference("tag", "5", "7"),), WHO)
    assert (odd.object, odd.action, odd.at) == (None, DriftAction.REPORTED, odd.received_at)
    assert (len(odd.resource), len(odd.differences), len(odd.who)) == (200, 50, 1000)


async def test_a_policy_reaches_every_host_that_it_is_for(site: Site, h1: Identity) -> None:
    apply(site.db, port("p1", "h1", segment="red"))
    report = {"drift_policy": DriftPolicy.REPORT}
    async with session(site, h1) as agent:
        await agent.receive()
        for told in (segment("red", **report), export("e", **report), bridge("b", "h1", **report)):
            state = await agent.receive_until(apply(site.db, told).revision)
        words = {resource.partition(":")[0] for resource in state.host.safety.drift}
        assert words == {"segment", "flow-export", "bridge"}
        careful = apply(site.db, host(1, confirm=ConfirmPolicy.ALWAYS))
        state = await agent.receive_until(careful.revision)
        assert state.host.safety.confirm == state_pb2.CONFIRM_POLICY_ALWAYS


def test_another_process_of_the_agent_counts_from_one_again(speaking: Speaking) -> None:
    speaking.tell_of_all()
    assert speaking.tell(event(1, "overlay"), event(2, "overlay"))
    speaking.epoch = speaking.open("two")
    assert speaking.tell(event(1, "overlay"))
    assert len(stored(speaking.db)) == len(speaking.resources) + 1


def test_many_events_cost_no_more_statements_than_one(speaking: Speaking) -> None:
    """To look who speaks, to name objects, to write, and to tell it in the story, where that has
    room for it; and one to read."""
    for count in (1, 50):
        events = [event(count + n, speaking.resource("port:p1")) for n in range(count)]
        with counted(speaking.db) as statements:
            assert speaking.tell(*events)
        assert len(_of_data(statements)) == 5
        with counted(speaking.db) as statements:
            assert len(stored(speaking.db, kind=Kind.PORT, name="p1")) >= count
        assert len(_of_data(statements)) == 1


def _of_data(statements: list[str]) -> list[str]:
    return [each for each in statements if each.split()[0] in {"SELECT", "INSERT"}]


def test_a_session_that_was_taken_over_tells_nothing_any_more(speaking: Speaking) -> None:
    speaking.open("two")
    assert not speaking.tell(event(1, "overlay"))
    assert stored(speaking.db) == []


async def test_events_outlast_a_database_that_is_away(
    speaking: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, outages = drift.record, iter(range(2))

    def sometimes(*args: Any, **more: Any) -> bool:
        if next(outages, None) is not None:
            raise UnavailableError("away")
        return record(*args, **more)

    monkeypatch.setattr(drift, "record", sometimes)
    threads = Threads(speaking.db)
    recorder = DriftRecorder(threads, utc_now)
    task = asyncio.create_task(recorder.run())
    told = Session(speaking)
    recorder.report(told, [event(n, "overlay") for n in range(1, 1200)])  # type: ignore[arg-type]
    await eventually(lambda: told.received == [399, 599, 799, 999, 1199], "all that were kept")
    task.cancel()
    await threads.close(patience_s=5.0)


class Session:
    """What the recorder knows of a session."""

    def __init__(self, speaking: Speaking) -> None:
        self.host_uid, self.epoch = speaking.host, speaking.epoch
        self.received: list[int] = []

    def answer(self, response: agent_pb2.SessionResponse) -> None:
        self.received.append(response.drift_received.sequence)


def test_people_of_a_project_see_what_is_theirs_and_what_is_everybodys(speaking: Speaking) -> None:
    speaking.tell_of_all()
    blue = Principal("blue", frozenset({Role.PROJECT_ADMIN}), frozenset({"blue"}))
    seen = stored(speaking.db, blue)
    assert [each.object.name for each in seen if each.object] == ["br-x", "p2"]
    assert {each.who for each in seen} == {"ovs-vsctl (invoked by bash (pid 7))"}
    speaking.tell(event(9, speaking.resource("port:p2"), who="agent moves tap7 of guest 8"))
    assert stored(speaking.db, blue)[0].who == "agent"
    nobody = Principal("nobody", frozenset({Role.VIEWER}), frozenset())
    assert [each.object.name for each in stored(speaking.db, nobody) if each.object] == ["br-x"]


def test_history_is_forgotten_by_age_and_by_number(
    speaking: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaking.tell(event(1, "overlay"), now=NOW - timedelta(days=31))
    speaking.tell(*(event(n, "overlay") for n in range(2, 7)))
    assert drift.forget(speaking.db, now=NOW) == 1
    monkeypatch.setattr(drift, "KEPT_OF_A_HOST", 2)
    assert drift.forget(speaking.db, now=NOW) == 3
    assert [each.at for each in stored(speaking.db)] == [
        NOW + timedelta(seconds=6),
        NOW + timedelta(seconds=5),
    ]


async def read(client: httpx.AsyncClient, **asked: str | int) -> dict[str, Any]:
    answer = await client.get("/v1/drift-events", params=asked)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_events_are_listed_by_what_they_are_of_page_by_page(
    speaking: Speaking,
) -> None:
    speaking.tell_of_all()
    speaking.tell(event(9, speaking.resource("port:p1"), DriftAction.GAVE_UP))
    async with speaking.api.admin as admin:
        (first, second) = (await read(admin, kind="Port", name="p1"))["items"]
        assert (first["action"], second["action"]) == ("gave_up", "enforced")
        assert first["object"] == {"kind": "Port", "name": "p1", "project": "default"}
        assert first["differences"] == [{"field": "tag", "intended": "5", "found": "7"}]
        for asked, count in (
            ({"host": "h2"}, 0),
            ({"project": "blue"}, 1),
            ({"action": "gave_up"}, 1),
            ({"since": (NOW + timedelta(seconds=5)).isoformat()}, 2),
        ):
            assert len((await read(admin, **asked))["items"]) == count, asked
        page, found = await read(admin, page_size=4), list[dict[str, Any]]()
        found += page["items"]
        found += (await read(admin, page_size=4, page_token=page["next_page_token"]))["items"]
        on_host = await admin.get("/v1/hosts/h1/drift-events")
        assert found == on_host.json()["items"] == (await read(admin))["items"]
        assert [each["resource"] for each in found][1] == "overlay"
        assert (await admin.get("/v1/hosts/h9/drift-events")).status_code == 404
        for wrong in ({"since": "2030-01-01"}, {"kind": "Cat"}, {"action": "x"}):
            assert (await admin.get("/v1/drift-events", params=wrong)).status_code == 422


def test_a_person_is_shown_who_did_what(speaking: Speaking, tmp_path: Path) -> None:
    server = LiveServer(speaking.api.app)
    server.start()
    try:
        _show(speaking, QuickCli(server.url, speaking.api.secret, tmp_path))
    finally:
        server.stop()


def _show(speaking: Speaking, cli: QuickCli) -> None:
    assert "Nobody" in cli.run("drift").stderr
    speaking.tell_of_all()
    gone = (Difference("present", "yes", "no"),)
    left = event(
        9, speaking.resource("bridge:br-x"), DriftAction.REPORTED, differences=gone, who=""
    )
    speaking.tell(left)
    shown = [" ".join(line.split()) for line in cli.out("drift", "--host", "h1").splitlines()]
    assert shown[0] == "TIME HOST OBJECT ACTION WHO WHAT"
    assert shown[1] == "2030-01-01T00:00:09Z h1 bridge/br-x reported - it was gone"
    tag = "tag was 7, and 5 is intended"
    assert shown[2] == f"2030-01-01T00:00:05Z h1 overlay enforced {WHO} {tag}"
    assert len(cli.out("drift", "--kind", "port", "-l", "1").splitlines()) == 2
    described = cli.out("describe", "port", "p1")
    assert "Drift" in described
    assert f"{tag}: ovs-vsctl" in described
    assert "it was gone" in cli.out("describe", "host", "h1")
