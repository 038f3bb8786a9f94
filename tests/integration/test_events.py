"""What happened in a fleet, from whoever does it to whoever may know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen
from sqlalchemy.event import remove as unlisten

from controller.auth import Principal, Role
from controller.client import context, rest, stories
from controller.client.output import Format
from controller.domain.events import EventType, Severity
from controller.domain.intent import Kind, Lifecycle
from controller.domain.safety import DriftAction
from controller.services import drift, enrolment, events, queries, status, tokens
from controller.services.drift import Difference, DriftEvent
from controller.services.events import Event, Wanted
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.store.engine import Database
from tests.support.api import NOWHERE, Api, LiveServer, make_app
from tests.support.cli import QuickCli
from tests.support.grants import release
from tests.support.manifests import ADMIN, apply, host, port, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BLUE = Principal("blue", frozenset({Role.PROJECT_ADMIN}), frozenset({"blue"}))
RED = Principal("red", frozenset({Role.VIEWER}), frozenset({"default"}))


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    listen(db._engine, "before_cursor_execute", note)
    yield statements
    unlisten(db._engine, "before_cursor_execute", note)


class Fleet:
    """h1 with a port of each of two projects; its agent says what a test has it say."""

    def __init__(self, api: Api) -> None:
        api.add_projects("blue")
        self.api, self.db = api, api.db
        apply(self.db, host(1), segment("red"), segment("b", "blue"))
        apply(self.db, port("p1", "h1", segment="red"), port("p2", "h1", "blue", segment="b"))
        self.host = self.uid(Kind.HOST, "h1")
        self.ports = {
            "p1": self.uid(Kind.PORT, "p1"),
            "p2": self.uid(Kind.PORT, "p2", "blue"),
        }
        self.epoch, self.now = 0, NOW

    def uid(self, kind: Kind, name: str, project: str = "default") -> UUID:
        return queries.get(self.db, ADMIN, kind, project, name).object.uid

    def open(self) -> None:
        self.epoch = status.open_session(self.db, self.host, SessionStart("n", "1"), now=self.now)

    def close(self) -> None:
        status.close_session(self.db, self.host, self.epoch, now=self.now)

    def report(self, revision: int, *failures: tuple[str, str], **fields: Any) -> None:
        told = tuple(
            ReportedFailure(of, "transient", why, f"{why} of {of}") for of, why in failures
        )
        values = {"outcome": Outcome.APPLIED, "observed_revision": revision, **fields}
        report = HostReport(
            applied_revision=revision, applied_hash=b"%d" % revision, failures=told, **values
        )
        assert status.record(self.db, self.host, self.epoch, report, now=self.now)

    def told(self, principal: Principal = ADMIN, **wanted: Any) -> list[Event]:
        return [*events.list_events(self.db, principal, Wanted(**wanted), page_size=100).items]

    def story(self, principal: Principal = ADMIN, **wanted: Any) -> list[str]:
        """Oldest first."""
        return [each.type.value for each in reversed(self.told(principal, **wanted))]

    def forget(self) -> None:
        with self.db.transaction() as tx:
            tx.execute(text("DELETE FROM event"))


@pytest.fixture(scope="module")
def shared(shared_database_url: str) -> Iterator[Fleet]:
    database = Database(shared_database_url, pool_size=20)
    secret = tokens.ensure_admin(database, now=NOW)
    assert secret is not None
    yield Fleet(Api(database, make_app(database), secret))
    database.close()


@pytest.fixture
def fleet(shared: Fleet) -> Fleet:
    """h1 is connected, has applied revision 2, and nothing else has ever happened."""
    shared.now = NOW
    status.sweep_liveness(shared.db, now=NOW + 9 * MINUTE, silence=MINUTE)
    shared.open()
    release(shared.db, "h1")
    shared.report(2)
    shared.forget()
    return shared


def test_a_change_is_told_once_for_each_kind_and_found_by_each_name(fleet: Fleet) -> None:
    many = [segment(f"s{n}", mtu=1400) for n in range(3)]
    apply(fleet.db, *many, port("p3", "h1", segment="red"))
    apply(fleet.db, segment("s1", mtu=1300))
    apply(fleet.db, segment("s1", mtu=1300))
    remove(fleet.db, port("p3", "h1", segment="red"), segment("s0"))
    found = fleet.told()
    assert {(each.type, each.kind, each.count) for each in found} == {
        (EventType.CREATED, Kind.SEGMENT, 3),
        (EventType.CREATED, Kind.PORT, 1),
        (EventType.UPDATED, Kind.SEGMENT, 1),
        (EventType.DELETED, Kind.PORT, 1),
        (EventType.DELETED, Kind.SEGMENT, 1),
    }
    assert [(each.message, each.name) for each in fleet.told(name="s1")] == [
        ("changed mtu", "s1"),
        ("3 Segments were created: s0, s1, s2", None),
    ]
    assert {each.name for each in fleet.told(host="h1")} == {"p3"}
    assert {each.principal for each in found} == {ADMIN.name}
    remove(fleet.db, segment("s1"), segment("s2"))


def test_a_host_that_comes_goes_and_falls_silent_is_told_when_it_does(fleet: Fleet) -> None:
    fleet.report(2)
    fleet.open()
    assert fleet.told() == []
    fleet.close()
    fleet.open()
    status.sweep_liveness(fleet.db, now=NOW + 9 * MINUTE, silence=MINUTE)
    status.sweep_liveness(fleet.db, now=NOW + 9 * MINUTE, silence=MINUTE)
    status.heartbeat(fleet.db, fleet.host, fleet.epoch, now=NOW + 10 * MINUTE)
    assert fleet.story() == [
        "host.disconnected",
        "host.connected",
        "host.silent",
        "host.connected",
    ]
    assert {(each.kind, each.name, each.host) for each in fleet.told()} == {(Kind.HOST, "h1", "h1")}


def test_a_report_tells_what_is_new_in_it_and_writes_nothing_else(fleet: Fleet) -> None:
    p1, p2 = (f"port:{fleet.ports[name]}" for name in ("p1", "p2"))
    fleet.report(3, (p1, "NamespaceMissing"), ("bridge:ghost", "DatapathError"))
    with counted(fleet.db) as statements:
        fleet.report(3, (p1, "NamespaceMissing"), ("bridge:ghost", "DatapathError"))
    assert [each for each in statements if "event" in each] == []
    fleet.report(3, (p1, "DeviceMissing"), (p2, "DeviceMissing"), ("change", "OnTrial"))
    fleet.report(4)
    with counted(fleet.db) as statements:
        fleet.report(4)
    assert len(statements) == 2, "to look for grants and to write the status"
    assert [(e.type.value, e.name, e.reason) for e in fleet.told(name="p1")][::-1] == [
        ("resource.failed", "p1", "NamespaceMissing"),
        ("resource.failed", "p1", "DeviceMissing"),
        ("resource.recovered", "p1", "DeviceMissing"),
    ]
    ghost = next(each for each in fleet.told() if each.kind is None)
    assert (ghost.name, ghost.host) == (None, "h1")
    assert fleet.story(type=EventType.APPLIED) == ["host.applied"] * 2
    assert "host.applied" not in fleet.story()
    assert fleet.story(host="h1").count("host.applied") == 2
    # What is of another project, or of nothing, does not exist.
    assert {each.name for each in fleet.told(BLUE)} == {"p2"}


def test_a_host_that_flaps_fills_no_table(fleet: Fleet) -> None:
    for second in range(40):
        fleet.now = NOW + timedelta(seconds=second)
        fleet.close()
        fleet.open()
    fleet.now = NOW + MINUTE
    fleet.close()
    found = fleet.told(type=EventType.DISCONNECTED)
    assert len(found) == 5 + 1 + 1
    (repeated,) = (each for each in found if each.reason == "Repeated")
    assert (repeated.count, repeated.name) == (35, "h1")
    many = [(f"bridge:{n}", "DatapathError") for n in range(300)]
    fleet.open()
    fleet.report(5, *many)
    counts = [each.count for each in fleet.told(type=EventType.FAILED)]
    assert (len(counts), sum(counts)) == (21, 300)


def test_a_noisy_project_takes_no_room_from_another_and_each_port_has_its_story(
    fleet: Fleet,
) -> None:
    noisy = [port(f"n{n}", "h1", "blue", segment="b") for n in range(130)]
    apply(fleet.db, *noisy)
    assert [each.count for each in fleet.told(BLUE, type=EventType.CREATED)] == [130]
    (made,) = fleet.told(BLUE, name="n129")
    assert (made.type, made.count, made.reason) == (EventType.CREATED, 130, "Continued")
    assert fleet.story(host="h1") == ["object.created"] * 2
    page = queries.list_views(fleet.db, BLUE, Kind.PORT, "blue", page_size=500)
    failing = [(f"port:{each.object.uid}", "DeviceMissing") for each in page.items]
    for _ in range(2):
        fleet.report(5, (f"port:{fleet.ports['p1']}", "DeviceMissing"), *failing)
        fleet.report(5)
    found = fleet.told(RED, type=EventType.FAILED)
    assert [(each.name, each.count) for each in found] == [("p1", 1), ("p1", 1)]
    found = fleet.told(BLUE, type=EventType.FAILED)
    assert (len(found), sum(each.count for each in found)) == (22, 2 * 131)
    assert {each.project for each in found} == {"blue"}
    for name in ("p2", *(f"n{n}" for n in range(130))):
        assert fleet.story(BLUE, name=name, type=EventType.FAILED), name
    remove(fleet.db, *noisy)


def test_what_the_agent_says_of_a_host_is_for_who_may_see_all_of_it(fleet: Fleet) -> None:
    trouble = {"outcome": Outcome.REVERTED, "observed_revision": 9}
    fleet.report(4, ("change", "Reverted"), **trouble)
    fleet.report(4, ("change", "Reverted"), **trouble)
    release(fleet.db, "h1")
    (reverted,) = fleet.told(type=EventType.REVERTED)
    assert (reverted.severity, reverted.revision) == (Severity.ERROR, 9)
    assert reverted.message.endswith("until it is released: Reverted of change")
    assert fleet.told(BLUE, type=EventType.REVERTED)[0].message.endswith("released")
    (released,) = fleet.told(type=EventType.RELEASED)
    assert (released.principal, released.message) == (
        ADMIN.name,
        "it was let go on with what waited for a person: pin: 4",
    )
    assert [each.type for each in fleet.told(severity=Severity.ERROR)] == [EventType.REVERTED]
    fleet.report(9)


def test_drift_new_machines_and_states_of_hosts_are_in_the_story(fleet: Fleet) -> None:
    differences = (Difference("tag", "5", "7"),)
    resources = (f"port:{fleet.ports['p1']}", "overlay")
    found = [
        DriftEvent(n, NOW, each, DriftAction.ENFORCED, differences, "ovs-vsctl: set port")
        for n, each in enumerate(resources, start=1)
    ]
    for _ in range(2):
        assert drift.record(fleet.db, fleet.host, fleet.epoch, found, now=NOW)
    assert {each.message for each in fleet.told(type=EventType.DRIFT_ENFORCED)} == {
        "changed by others and mended: tag: ovs-vsctl: set port",
        "overlay: changed by others and mended: tag: ovs-vsctl: set port",
    }
    day = timedelta(days=1)
    token = enrolment.create_join_token(
        fleet.db, ADMIN, "h1", ttl=day, now=NOW, request_id="r", replaces=True
    )
    for _ in range(2):
        enrolment.redeem(fleet.db, token.secret, "h1", "key", now=NOW)
    apply(fleet.db, host(1, state=Lifecycle.MAINTENANCE))
    apply(fleet.db, host(1))
    assert fleet.story().count("host.replaced") == 1
    said = [each.message for each in fleet.told(type=EventType.STATE_CHANGED)]
    assert said == ["it is active now", "it is maintenance now"]


def test_events_are_forgotten_by_age_and_by_number(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(4):
        fleet.now = NOW + minute * MINUTE
        fleet.close()
        fleet.open()
    assert events.forget(fleet.db, before=NOW + MINUTE) == 2
    monkeypatch.setattr(events, "KEPT_OF_A_HOST", 5)
    assert events.forget(fleet.db, before=NOW) == 1
    assert len(fleet.told()) == 5


def lines(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


class Waking:
    """Wakes whoever follows after each thing that happens."""

    def __init__(self, *happen: Callable[[], None]) -> None:
        self._happen = iter(happen)

    def wait(self, _seconds: float) -> None:
        happen = next(self._happen, None)
        if happen is None:
            raise KeyboardInterrupt
        happen()


def test_a_person_is_shown_what_was_and_what_happens(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = LiveServer(fleet.api.app)
    server.start()
    try:
        cli = QuickCli(server.url, fleet.api.secret, tmp_path)
        apply(fleet.db, segment("red", mtu=1300))
        shown = lines(cli.out("history", "segment", "red"))
        assert shown[1].endswith("admin updated mtu: auto → 1300")
        assert shown[2].endswith("admin created")
        apply(fleet.db, segment("red"))
        shown = lines(cli.out("changes", "-k", "seg", "-l", "2"))
        assert shown[1].endswith("updated segment/red default admin")
        fleet.close()
        shown = lines(cli.out("events", "-l", "2"))
        assert shown[1].startswith("2030-01-01T00:00:00Z warning host.disconnected host/h1 h1 -")
        assert shown[2].endswith("info object.updated segment/red - admin changed mtu")
        signed_in = context.Context(server.url, fleet.api.secret)
        away = replace(fleet.api.app.state.context, db=Database(NOWHERE))
        back = partial(setattr, fleet.api.app.state, "context", fleet.api.app.state.context)
        go = partial(setattr, fleet.api.app.state, "context", away)
        with rest.Api(signed_in) as api, pytest.raises(KeyboardInterrupt):
            stories.follow_events(api, Waking(go, fleet.open, back), {}, Format.TABLE)
        said = "host/h1 connected: its agent has connected"
        # The server in this process logs to the same place.
        told = [each for each in capsys.readouterr().out.splitlines() if " info " in each]
        assert told == [f"2030-01-01T00:00:00Z  info     {said}"]
    finally:
        server.stop()


async def test_events_are_read_page_by_page_and_wrong_questions_are_refused(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.close()
        fleet.open()
    async with fleet.api.admin as admin:
        whole = (await admin.get("/v1/events")).json()["items"]
        assert len(whole) == 6
        found, token = [], ""
        while True:
            page = (await admin.get(f"/v1/events?page_size=2&page_token={token}")).json()
            found += page["items"]
            if not (token := page["next_page_token"]):
                break
        assert found == whole
        for wrong in ({"type": "x"}, {"severity": "bad"}, {"until": "today"}, {"kind": "Cat"}):
            assert (await admin.get("/v1/events", params=wrong)).status_code == 422
