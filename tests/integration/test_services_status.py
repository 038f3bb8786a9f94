"""What hosts report, and the statuses that people see for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from controller.auth import Principal, Role
from controller.domain.errors import NotFoundError
from controller.domain.intent import Kind, Ref
from controller.domain.status import Phase
from controller.services import desired, enrolment, queries, status
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def start(**fields: object) -> SessionStart:
    return SessionStart(**{"instance_nonce": "n", "agent_version": "1", **fields})  # type: ignore[arg-type]


def report(revision: int, *failures: ReportedFailure, **fields: object) -> HostReport:
    values = {
        "observed_revision": revision,
        "applied_revision": revision,
        "applied_hash": b"hash-%d" % revision,
        "outcome": Outcome.APPLIED,
        "failures": failures,
        **fields,
    }
    return HostReport(**values)  # type: ignore[arg-type]


def failure(resource: str, reason: str = "NamespaceMissing") -> ReportedFailure:
    return ReportedFailure(resource, "transient", reason, f"{resource} is not well")


def phase(db: Database, kind: Kind, name: str) -> Phase:
    return queries.get(db, ADMIN, kind, "default", name).status.phase


class Fleet:
    """Two hosts on one segment, with a bridge on the first."""

    def __init__(self, db: Database) -> None:
        self.db = db
        result = apply(
            db,
            host(1),
            host(2),
            segment("red"),
            port("p1", "h1", segment="red"),
            port("p2", "h2", segment="red"),
            bridge("br-x", "h1"),
        )
        self.uid = {r.ref.name: r.uid for r in result.results if r.uid is not None}
        self.epoch = {
            name: status.open_session(db, self.uid[name], start(), now=NOW) for name in ("h1", "h2")
        }

    def record(self, name: str, what: HostReport, now: datetime = NOW) -> bool:
        return status.record(self.db, self.uid[name], self.epoch[name], what, now=now)


@pytest.fixture
def fleet(db: Database) -> Fleet:
    return Fleet(db)


def test_everything_is_ready_once_all_hosts_applied_it(db: Database, fleet: Fleet) -> None:
    assert phase(db, Kind.PORT, "p1") is Phase.PENDING
    fleet.record("h1", report(1))
    assert phase(db, Kind.PORT, "p1") is Phase.READY
    assert phase(db, Kind.BRIDGE, "br-x") is Phase.READY
    assert phase(db, Kind.HOST, "h1") is Phase.READY
    assert phase(db, Kind.SEGMENT, "red") is Phase.PENDING
    fleet.record("h2", report(1))
    assert phase(db, Kind.SEGMENT, "red") is Phase.READY


def test_a_segment_waits_for_old_members_to_learn_of_a_new_one(db: Database, fleet: Fleet) -> None:
    fleet.record("h1", report(1))
    fleet.record("h2", report(1))
    apply(db, host(3), port("p3", "h3", segment="red"))
    epoch = status.open_session(
        db, queries.get(db, ADMIN, Kind.HOST, "default", "h3").object.uid, start(), now=NOW
    )
    uid = queries.get(db, ADMIN, Kind.HOST, "default", "h3").object.uid
    status.record(db, uid, epoch, report(2), now=NOW)
    assert phase(db, Kind.SEGMENT, "red") is Phase.PENDING
    fleet.record("h1", report(2))
    fleet.record("h2", report(2))
    assert phase(db, Kind.SEGMENT, "red") is Phase.READY


def test_a_failure_marks_its_object_and_no_other(db: Database, fleet: Fleet) -> None:
    fleet.record("h2", report(1))
    fleet.record("h1", report(1, failure(f"port:{fleet.uid['p1']}")))
    assert phase(db, Kind.PORT, "p1") is Phase.FAILED
    assert phase(db, Kind.BRIDGE, "br-x") is Phase.READY
    assert phase(db, Kind.SEGMENT, "red") is Phase.READY
    assert phase(db, Kind.HOST, "h1") is Phase.DEGRADED
    fleet.record("h1", report(1, failure(f"tunnel:{fleet.uid['red']}/{fleet.uid['h2']}")))
    assert phase(db, Kind.PORT, "p1") is Phase.READY
    assert phase(db, Kind.SEGMENT, "red") is Phase.DEGRADED
    (condition,) = queries.get(db, ADMIN, Kind.SEGMENT, "default", "red").status.conditions
    assert condition.message.startswith("on host 'h1': tunnel:")
    fleet.record("h1", report(1, failure("host")))
    assert phase(db, Kind.HOST, "h1") is Phase.FAILED
    assert phase(db, Kind.PORT, "p1") is Phase.FAILED
    assert phase(db, Kind.PORT, "p2") is Phase.READY


def test_a_segment_is_not_well_while_a_member_s_whole_host_is_not(
    db: Database, fleet: Fleet
) -> None:
    apply(db, segment("blue"), port("p3", "h1", segment="blue"))
    fleet.record("h1", report(2))
    fleet.record("h2", report(2, failure("host", "SwitchUnreachable")))
    assert phase(db, Kind.SEGMENT, "red") is Phase.DEGRADED
    assert phase(db, Kind.SEGMENT, "blue") is Phase.READY
    (condition,) = queries.get(db, ADMIN, Kind.SEGMENT, "default", "red").status.conditions
    assert (condition.reason, condition.message) == (
        "SwitchUnreachable",
        "on host 'h2': host is not well",
    )
    remove(db, port("p2", "h2"))
    fleet.record("h1", report(3))
    assert phase(db, Kind.SEGMENT, "red") is Phase.READY


def test_a_failure_that_stays_keeps_its_age(db: Database, fleet: Fleet) -> None:
    resource = f"port:{fleet.uid['p1']}"
    fleet.record("h1", report(1, failure(resource), failure("overlay")), NOW)
    fleet.record("h1", report(1, failure(resource)), NOW + SECOND)
    (found,) = queries.failures(db, ADMIN, "h1")
    assert (found.resource, found.since) == (resource, NOW)
    assert found.object == Ref(Kind.PORT, "default", "p1")
    fleet.record("h1", report(1, failure(resource, "Other")), NOW + 2 * SECOND)
    (found,) = queries.failures(db, ADMIN, "h1")
    assert (found.reason, found.since) == ("Other", NOW + 2 * SECOND)
    fleet.record("h1", report(1))
    assert queries.failures(db, ADMIN, "h1") == ()


def test_a_session_that_was_replaced_is_fenced(db: Database, fleet: Fleet) -> None:
    uid, old = fleet.uid["h1"], fleet.epoch["h1"]
    new = status.open_session(db, uid, start(instance_nonce="other"), now=NOW)
    assert new > old
    assert not status.heartbeat(db, uid, old, now=NOW)
    assert not status.record(db, uid, old, report(9, failure("host")), now=NOW)
    status.close_session(db, uid, old, now=NOW)
    assert status.heartbeat(db, uid, new, now=NOW)
    assert phase(db, Kind.HOST, "h1") is Phase.PENDING
    assert queries.failures(db, ADMIN, "h1") == ()
    sessions = {uid: old, fleet.uid["h2"]: fleet.epoch["h2"]}
    assert status.heartbeats(db, sessions, now=NOW) == {uid}


def test_a_silent_host_and_all_on_it_become_unknown_and_come_back(
    db: Database, fleet: Fleet
) -> None:
    fleet.record("h1", report(1))
    fleet.record("h2", report(1))
    later = NOW + 10 * SECOND
    status.heartbeat(db, fleet.uid["h2"], fleet.epoch["h2"], now=later)
    assert status.sweep_liveness(db, now=later, silence=3 * SECOND) == 1
    assert status.sweep_liveness(db, now=later, silence=3 * SECOND) == 0
    unknown = [(Kind.HOST, "h1"), (Kind.PORT, "p1"), (Kind.BRIDGE, "br-x"), (Kind.SEGMENT, "red")]
    assert {phase(db, kind, name) for kind, name in unknown} == {Phase.UNKNOWN}
    assert phase(db, Kind.PORT, "p2") is Phase.READY
    assert status.heartbeat(db, fleet.uid["h1"], fleet.epoch["h1"], now=later)
    assert {phase(db, kind, name) for kind, name in unknown} == {Phase.READY}


def test_a_closed_session_makes_its_host_unknown_until_the_next(db: Database, fleet: Fleet) -> None:
    fleet.record("h1", report(1))
    status.close_session(db, fleet.uid["h1"], fleet.epoch["h1"], now=NOW)
    assert phase(db, Kind.HOST, "h1") is Phase.UNKNOWN
    hello = start(applied_revision=1, applied_hash=b"hash-1")
    status.open_session(db, fleet.uid["h1"], hello, now=NOW)
    assert phase(db, Kind.HOST, "h1") is Phase.READY


def test_a_host_that_never_connected_is_pending_and_says_what_to_do(db: Database) -> None:
    apply(db, host(1))
    uid = queries.get(db, ADMIN, Kind.HOST, "default", "h1").object.uid
    reasons = []
    for _ in range(2):
        found = queries.get(db, ADMIN, Kind.HOST, "default", "h1").status
        assert found.phase is Phase.PENDING
        reasons.append({c.type: c.reason for c in found.conditions}["Realized"])
        enrolment.record_certificate(db, uid, "01", NOW + SECOND, now=NOW)
    assert reasons == ["NotEnrolled", "NeverConnected"]


def test_a_host_whose_state_stays_the_same_is_brought_forward(db: Database, fleet: Fleet) -> None:
    fleet.record("h1", report(1))
    apply(db, segment("unused"))
    cursor = status.cursor_now(db)
    hosts = {fleet.uid["h1"]: b"hash-1", fleet.uid["h2"]: b"something else"}
    assert status.advance(db, hosts, 2, now=NOW) == 1
    found, _ = status.changed_since(db, cursor)
    assert [(c.host, c.applied_revision, c.only_moved) for c in found] == [("h1", 2, True)]
    # The agent repeats what it knows: the same state, by the revision it came with.
    fleet.record("h1", report(1))
    found, _ = status.changed_since(db, cursor)
    assert [(c.host, c.applied_revision, c.only_moved) for c in found] == [("h1", 2, False)]
    fleet.record("h1", report(1, applied_hash=b"went back"))
    found, _ = status.changed_since(db, 0)
    assert {c.host: c.applied_revision for c in found} == {"h1": 1, "h2": 0}


def test_changes_of_status_are_told_from_a_cursor(db: Database, fleet: Fleet) -> None:
    everything, cursor = status.changed_since(db, 0)
    assert {c.host for c in everything} == {"h1", "h2"}
    nothing, cursor = status.changed_since(db, cursor)
    assert nothing == ()
    fleet.record("h1", report(1, failure("host")))
    (change,), cursor = status.changed_since(db, cursor)
    assert change.host == "h1"
    assert (change.phase, change.connected, change.failures) == (Phase.FAILED, True, 1)
    assert (change.applied_revision, change.outcome) == (1, Outcome.APPLIED)
    status.heartbeat(db, fleet.uid["h1"], fleet.epoch["h1"], now=NOW + SECOND)
    assert status.changed_since(db, cursor)[0] == ()


def test_a_change_that_commits_late_is_not_missed(db: Database, fleet: Fleet) -> None:
    """A writer began before the cursor was taken and committed after it."""
    with db.transaction() as late:
        late.exec_driver_sql("SELECT pg_current_xact_id()")
        _, cursor = status.changed_since(db, 0)
        late.exec_driver_sql(
            "UPDATE host_status SET failures = 7, changed_xid = pg_current_xact_id()::text::bigint"
            " WHERE host_uid = %s",
            (fleet.uid["h2"],),
        )
        fleet.record("h1", report(1))
        seen, cursor = status.changed_since(db, cursor)
        assert "h1" in {c.host for c in seen}
    found, _ = status.changed_since(db, cursor)
    assert 7 in {c.failures for c in found}


def test_a_pin_goes_when_its_host_has_applied_more(db: Database, fleet: Fleet) -> None:
    fleet.record("h1", report(1))
    head = apply(db, port("p3", "h1", segment="red")).revision
    fleet.record("h1", report(1, observed_revision=head, outcome=Outcome.REVERTED))
    fleet.record("h1", report(1, observed_revision=head))
    assert desired.load_host_intent(db, fleet.uid["h1"]).revision == 1
    fleet.record("h1", report(head))
    assert desired.load_host_intent(db, fleet.uid["h1"]).revision == head


def test_a_host_that_is_not_intended_gets_no_session(db: Database, fleet: Fleet) -> None:
    with pytest.raises(NotFoundError):
        status.open_session(db, uuid4(), start(), now=NOW)
    remove(db, port("p2", "h2"), host(2))
    assert not status.heartbeat(db, fleet.uid["h2"], fleet.epoch["h2"], now=NOW)
    assert not fleet.record("h2", report(2))
    with pytest.raises(NotFoundError):
        desired.load_host_intent(db, fleet.uid["h2"])
    assert {c.host for c in status.changed_since(db, 0)[0]} == {"h1"}


def test_the_summary_counts_each_kind_by_phase(db: Database, fleet: Fleet) -> None:
    fleet.record("h1", report(1))
    counts = queries.summary(db, ADMIN, Kind)
    assert counts[Kind.HOST][Phase.READY] == 1
    assert counts[Kind.HOST][Phase.PENDING] == 1
    assert sum(counts[Kind.PORT].values()) == 2
    tenant = Principal("t", frozenset({Role.VIEWER}), frozenset({"blue"}))
    assert sum(queries.summary(db, tenant, Kind)[Kind.PORT].values()) == 0


def test_a_principal_sees_only_its_own_projects(db: Database, fleet: Fleet) -> None:
    tenant = Principal("t", frozenset({Role.VIEWER}), frozenset({"blue"}))
    uid: UUID = fleet.uid["p1"]
    for ref in ("p1", str(uid)):
        with pytest.raises(NotFoundError):
            queries.get(db, tenant, Kind.PORT, "default", ref)
    for project in (None, "default", "blue"):
        page = queries.list_views(db, tenant, Kind.PORT, project, page_size=10)
        assert page.items == ()
    elsewhere, orphan = failure(f"port:{uid}"), failure(f"port:{uuid4()}")
    fleet.record("h1", report(1, elsewhere, orphan))
    (shown,) = queries.failures(db, tenant, "h1")
    assert (shown.object, shown.resource, shown.message) == (None, "", "")
    everything = {f.message for f in queries.failures(db, ADMIN, "h1")}
    assert everything == {elsewhere.message, orphan.message}
    told = queries.get(db, tenant, Kind.HOST, "default", "h1").status.conditions[-1]
    assert (told.reason, told.message) == ("SomeFailed", "some resources failed")
    page = queries.list_views(db, tenant, Kind.HOST, None, page_size=10)
    assert elsewhere.message not in str(page)
    assert queries.get(db, ADMIN, Kind.PORT, "default", str(uid)).object.name == "p1"
