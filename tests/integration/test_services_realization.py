"""How far the hosts are with one revision: which count, and what keeps the others."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from controller.auth import Principal, Role
from controller.domain.errors import NotFoundError
from controller.domain.intent import Kind
from controller.domain.status import Phase
from controller.services import queries, status
from controller.services.realization import SHOWN, Realization, realization
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)

P1, P2 = port("p1", "h1", segment="red"), port("p2", "h2", segment="red")
ALONE = port("alone", "h1", bridge="br-x")


class Fleet:
    """h1 and h2 on one segment, a port on a bridge of h1, and h3 with nothing."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.epoch: dict[str, int] = {}
        everything = (
            host(1),
            host(2),
            host(3),
            segment("red"),
            P1,
            P2,
            bridge("br-x", "h1"),
            ALONE,
        )
        made = apply(db, *everything)
        self.uid = {result.ref.name: result.uid for result in made.results}

    def report(
        self, name: str, revision: int, *failures: tuple[str, str], **fields: object
    ) -> None:
        """``failures`` are resources and reasons."""
        uid = queries.get(self.db, ADMIN, Kind.HOST, "default", name).object.uid
        if name not in self.epoch:
            self.epoch[name] = status.open_session(self.db, uid, SessionStart("n", "1"), now=NOW)
        values = {
            "observed_revision": revision,
            "applied_revision": revision,
            "applied_hash": b"%d" % revision,
            "outcome": Outcome.APPLIED,
            "failures": tuple(ReportedFailure(r, "conflict", why, why) for r, why in failures),
            **fields,
        }
        report = HostReport(**values)  # type: ignore[arg-type]
        assert status.record(self.db, uid, self.epoch[name], report, now=NOW)


@pytest.fixture
def fleet(db: Database) -> Fleet:
    made = Fleet(db)
    for name in ("h1", "h2", "h3"):
        made.report(name, 1)
    return made


def behind(found: Realization) -> dict[str, tuple[Phase, str]]:
    assert found.applied == found.total - len(found.pending)
    assert found.is_complete == (not found.pending)
    return {each.host: (each.phase, each.reason) for each in found.pending}


def test_only_the_hosts_that_a_deletion_concerns_have_to_apply_it(
    db: Database, fleet: Fleet
) -> None:
    revision = remove(db, ALONE).revision
    found = realization(db, ADMIN, revision)
    assert (found.revision, found.head, found.total, found.applied) == (revision, revision, 1, 0)
    (waiting,) = found.pending
    assert waiting.host_uid == fleet.uid["h1"]
    assert (waiting.host, waiting.applied_revision) == ("h1", 1)
    assert (waiting.phase, waiting.reason) == (Phase.PENDING, "Applying")
    assert waiting.message == f"revision {revision} is needed, 1 is applied"
    fleet.report("h1", revision)
    assert realization(db, ADMIN, revision).is_complete


def test_who_shares_a_segment_with_what_was_deleted_is_concerned(
    db: Database, fleet: Fleet
) -> None:
    revision = remove(db, P1).revision
    assert behind(realization(db, ADMIN, revision)).keys() == {"h1", "h2"}
    fleet.report("h2", revision)
    assert behind(realization(db, ADMIN, revision)).keys() == {"h1"}


def test_a_newer_revision_contains_the_older_ones(db: Database, fleet: Fleet) -> None:
    revision = remove(db, P1).revision
    newer = apply(db, segment("unused"), port("p3", "h1", segment="unused")).revision
    fleet.report("h1", newer)
    fleet.report("h2", revision)
    assert realization(db, ADMIN, revision).is_complete
    found = realization(db, ADMIN, revision)
    assert (found.revision, found.head) == (revision, newer)


def test_a_host_that_joins_a_segment_later_is_not_waited_for(db: Database, fleet: Fleet) -> None:
    revision = remove(db, P1).revision
    apply(db, port("p3", "h3", segment="red"))
    assert behind(realization(db, ADMIN, revision)).keys() == {"h1", "h2"}


def test_a_host_that_has_left_since_is_still_waited_for(db: Database, fleet: Fleet) -> None:
    revision = apply(db, segment("red", mtu=1300)).revision
    remove(db, P2)
    assert behind(realization(db, ADMIN, revision)).keys() == {"h1", "h2"}


def test_a_host_that_is_not_intended_any_more_is_not_waited_for(db: Database, fleet: Fleet) -> None:
    revision = remove(db, P2).revision
    last = remove(db, host(2)).revision
    assert behind(realization(db, ADMIN, revision)).keys() == {"h1"}
    assert realization(db, ADMIN, last).total == 0
    assert realization(db, ADMIN, last).is_complete


def test_what_concerns_no_host_is_realized_at_once(db: Database) -> None:
    revision = apply(db, segment("red")).revision
    found = realization(db, ADMIN, revision)
    assert (found.total, found.is_complete) == (0, True)


def test_what_keeps_a_host_from_applying_is_told(db: Database, fleet: Fleet) -> None:
    revision = apply(db, host(4), port("p4", "h4", segment="red"), removals=()).revision
    fleet.report("h1", 1, ("host", "OvsdbDown"), outcome=Outcome.HELD)
    fleet.report("h2", 1, outcome=Outcome.REVERTED)
    assert behind(realization(db, ADMIN, revision)) == {
        "h1": (Phase.FAILED, "OvsdbDown"),
        "h2": (Phase.DEGRADED, "Reverted"),
        "h4": (Phase.PENDING, "NotEnrolled"),
    }
    status.close_session(db, uid_of(fleet, "h2"), fleet.epoch["h2"], now=NOW)
    assert behind(realization(db, ADMIN, revision))["h2"] == (Phase.UNKNOWN, "HostSilent")


def test_a_host_that_carries_what_was_deleted_is_not_done_although_it_applied(
    db: Database, fleet: Fleet
) -> None:
    revision = remove(db, ALONE, bridge("br-x", "h1")).revision
    bridge_left = (f"bridge:{fleet.uid['br-x']}", "BridgeInUse")
    fleet.report("h1", revision, bridge_left)
    found = realization(db, ADMIN, revision)
    assert behind(found) == {"h1": (Phase.FAILED, "BridgeInUse")}
    assert found.pending[0].message == "what was deleted is still there: BridgeInUse"
    tenant = Principal("t", frozenset({Role.VIEWER}), frozenset({"blue"}))
    (seen,) = realization(db, tenant, revision).pending
    assert seen.message == "what was deleted is still there: some resources failed"
    fleet.report("h1", revision, (f"port:{fleet.uid['alone']}", "NotRemoved"))
    assert behind(realization(db, ADMIN, revision)) == {"h1": (Phase.FAILED, "NotRemoved")}
    fleet.report("h1", revision)
    assert realization(db, ADMIN, revision).is_complete


def test_a_port_that_moved_is_left_on_the_host_that_it_went_off(db: Database, fleet: Fleet) -> None:
    revision = apply(db, port("p1", "h3", segment="red")).revision
    later = apply(db, port("p1", "h3", segment="red", mtu=1300)).revision
    p1 = (f"port:{fleet.uid['p1']}", "NotRemoved")
    for name in ("h1", "h3"):
        fleet.report(name, later, p1)
    fleet.report("h2", later)
    assert behind(realization(db, ADMIN, revision)) == {"h1": (Phase.FAILED, "NotRemoved")}
    assert realization(db, ADMIN, later).is_complete


def test_what_is_left_of_a_mesh_is_told_on_both_ends_of_it(db: Database, fleet: Fleet) -> None:
    revision = remove(db, P1).revision
    red, h1, h2 = (fleet.uid[name] for name in ("red", "h1", "h2"))
    fleet.report("h1", revision, ("overlay", "BridgeInUse"), (f"tunnel:{red}/{h2}", "ForeignRow"))
    fleet.report("h2", revision, (f"tunnel:{red}/{h1}", "ForeignInterface"))
    assert behind(realization(db, ADMIN, revision)) == {
        "h1": (Phase.FAILED, "BridgeInUse"),
        "h2": (Phase.FAILED, "ForeignInterface"),
    }
    # The segment is still there, and shows what is wrong with its tunnels as well.
    assert queries.get(db, ADMIN, Kind.SEGMENT, "default", "red").status.phase is Phase.DEGRADED


def test_failures_of_what_is_intended_do_not_undo_a_deletion(db: Database, fleet: Fleet) -> None:
    apply(db, port("p3", "h3", segment="red"))
    revision = remove(db, P1, ALONE).revision
    red, h3 = fleet.uid["red"], fleet.uid["h3"]
    fleet.report("h1", revision, (f"bridge:{fleet.uid['br-x']}", "DatapathTypeUnavailable"))
    fleet.report(
        "h2",
        revision,
        (f"port:{fleet.uid['p2']}", "NamespaceMissing"),
        (f"tunnel:{red}/{h3}", "InterfaceError"),
        (f"segment:{red}", "LocalVlanTaken"),
        ("overlay", "AlreadyTaken"),
    )
    fleet.report("h3", revision, ("host", "VswitchdStalled"))
    assert realization(db, ADMIN, revision).is_complete


def test_leftovers_of_one_deletion_do_not_hold_up_another(db: Database, fleet: Fleet) -> None:
    first = remove(db, ALONE).revision
    second = remove(db, P1).revision
    fleet.report("h1", second, (f"port:{fleet.uid['alone']}", "ForeignInterface"))
    fleet.report("h2", second)
    assert behind(realization(db, ADMIN, first)).keys() == {"h1"}
    assert realization(db, ADMIN, second).is_complete


@pytest.mark.parametrize("resource", ["port:", "port:x", f"tunnel:{UUID(int=1)}/x", "odd", ""])
def test_a_failure_that_names_nothing_of_ours_changes_nothing(
    db: Database, fleet: Fleet, resource: str
) -> None:
    revision = remove(db, ALONE).revision
    fleet.report("h1", revision, (resource, "Odd"))
    assert realization(db, ADMIN, revision).is_complete


def test_of_very_many_hosts_the_first_are_named_and_all_are_counted(db: Database) -> None:
    many = range(1, SHOWN + 21)
    apply(db, segment("red"), *(host(n) for n in many))
    revision = apply(db, *(port(f"p{n}", f"h{n}", segment="red") for n in many)).revision
    found = realization(db, ADMIN, revision)
    assert (found.total, found.applied, len(found.pending)) == (len(many), 0, SHOWN)
    assert [each.host for each in found.pending] == sorted(f"h{n}" for n in many)[:SHOWN]


@pytest.mark.parametrize("revision", [-1, 0, 2, 2**64])
def test_a_revision_that_never_was_is_not_found(db: Database, revision: int) -> None:
    apply(db, segment("red"))
    with pytest.raises(NotFoundError, match=f"no revision {revision}.* is at revision 1"):
        realization(db, ADMIN, revision)


def uid_of(fleet: Fleet, name: str) -> UUID:
    uid = fleet.uid[name]
    assert uid is not None
    return uid
