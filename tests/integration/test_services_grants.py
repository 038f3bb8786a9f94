"""What operators allow on hosts beyond intent, and what holds a host until they do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.auth import Principal, Role
from controller.compiler import compile_host
from controller.domain.errors import ForbiddenError, InvalidError
from controller.domain.grants import GrantKind
from controller.domain.intent import Kind, Lifecycle
from controller.domain.safety import DriftPolicy
from controller.services import changes, desired, grants, queries, status
from controller.services.grants import Wanted
from controller.services.intent import Change, ConfirmationNeededError, commit
from controller.services.status import HostReport, Outcome, ReportedFailure
from controller.store import grants as rows
from controller.store import status as store_status
from controller.store.engine import Database
from tests.support.grants import adopt, release, withdraw
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment
from tests.support.stored_fleet import NOW, FollowingAgent

pytestmark = pytest.mark.integration

OPERATOR = Principal("op", frozenset({Role.OPERATOR}))
GONE = "port:00000000-0000-0000-0000-00000000000a"
OTHER = "bridge:00000000-0000-0000-0000-00000000000b"


class Agent(FollowingAgent):
    """It has confirmed what was there when it came."""

    def __init__(self, db: Database) -> None:
        super().__init__(db, 1)
        self.apply()

    def says(
        self, *failures: ReportedFailure, outcome: Outcome = Outcome.APPLIED, undone: int = 0
    ) -> None:
        report = HostReport(
            undone or self.confirmed, self.confirmed, b"%d" % self.confirmed, outcome, failures
        )
        assert status.record(self.db, self.uid, self.epoch, report, now=NOW)

    def undoes(self, revision: int) -> None:
        why = ReportedFailure("change", "conflict", "Reverted", "port 'p1' took eth0")
        self.says(why, outcome=Outcome.REVERTED, undone=revision)


@pytest.fixture
def h1(db: Database) -> Agent:
    apply(db, host(1), segment("red"), bridge("b1", "h1"))
    return Agent(db)


def reason(db: Database, name: str, kind: Kind = Kind.PORT) -> str:
    conditions = queries.get(db, ADMIN, kind, "default", name).status.conditions
    return next(each.reason for each in conditions if each.type == "Realized")


def held(resource: str, reason: str = "NotRemoved") -> ReportedFailure:
    return ReportedFailure(resource, "conflict", reason, "it waits")


def test_a_host_that_undid_a_change_is_held_until_somebody_releases_it(
    db: Database, h1: Agent
) -> None:
    good, bad = h1.confirmed, apply(db, port("p1", "h1", segment="red")).revision
    h1.undoes(bad)
    corrected = remove(db, port("p1", "h1"))
    (warning,) = corrected.warnings
    assert warning.code == "host_pinned"
    assert f"held at revision {good} since it undid revision {bad}: " in warning.detail
    assert warning.detail.endswith("`ovsfleet release h1`. Its agent says: port 'p1' took eth0")
    assert (h1.sent, reason(db, "h1", Kind.HOST)) == (good, "Reverted")
    apply(db, port("p2", "h1", segment="red"))
    assert reason(db, "p2") == "HostPinned"
    assert reason(db, "red", Kind.SEGMENT) == "HostPinned"

    act = release(db, "h1", by=OPERATOR)
    assert act.released.pin is not None
    assert (act.released.pin.revision, act.released.pin.undone_revision) == (good, bad)
    assert h1.sent == changes.head(db) == act.revision
    assert h1.uid in changes.dirty_hosts(db, act.revision - 1, act.revision)
    assert release(db, "h1").released.is_nothing
    # What the agent said before it was released pins it no more; what it says of the next does.
    h1.undoes(bad)
    assert h1.sent == act.revision
    # If it goes on saying so it has not followed, and can be released again.
    act = release(db, "h1")
    assert act.released.pin is not None
    assert (act.released.pin.undone_revision, h1.intent.grants.released) == (bad, act.revision)
    h1.undoes(act.revision)
    assert h1.sent == good


def test_a_host_that_undid_its_first_state_is_sent_none(db: Database) -> None:
    apply(db, host(1), segment("red"), port("p1", "h1", segment="red"))
    h1 = FollowingAgent(db, 1)
    report = HostReport(changes.head(db), 0, b"", Outcome.REVERTED)
    assert status.record(db, h1.uid, h1.epoch, report, now=NOW)
    assert reason(db, "p1") == "HostPinned"
    batch = desired.load_batch(db, [h1.uid], confirmed={})
    assert not batch.intents
    assert batch.held_at_nothing == {h1.uid}
    release(db, "h1")
    assert h1.sent == changes.head(db)


def test_what_a_host_holds_is_named_to_it_from_its_release_until_it_is_gone(
    db: Database, h1: Agent
) -> None:
    before = compile_host(h1.intent)
    h1.says(held(GONE), held(OTHER), held("removals", "MassRemovalHeld"))
    assert reason(db, "h1", Kind.HOST) == "MassRemovalHeld"
    with pytest.raises(InvalidError, match="reports no 'port:x'"):
        release(db, "h1", removals=["port:x", GONE])
    first = release(db, "h1", removals=[GONE])
    compiled = compile_host(h1.intent)
    assert compiled.removed == (GONE,) == tuple(compiled.part.grants.removals)
    assert compiled.part.grants.count == 1
    assert compiled.hash != before.hash
    # What is on its way is held no more, and the older state proves nothing.
    h1.says(held(GONE), held(OTHER))
    by_default = release(db, "h1")
    assert by_default.released.is_nothing
    assert [each.code for each in by_default.warnings] == ["removals_held"]
    assert release(db, "h1", removals=True).released.removals == (OTHER,)
    h1.says()
    assert compile_host(h1.intent).removed == (OTHER, GONE)
    h1.apply()
    assert h1.confirmed == first.revision + 1
    assert grants.standing(db, ADMIN, "h1").grants == ()
    nothing = release(db, "h1", removals=True)
    assert nothing.released.is_nothing
    assert nothing.revision == changes.head(db) == first.revision + 1
    # Of the revision that the host has, the state stays what it was.
    assert compile_host(h1.intent).removed == (OTHER, GONE)
    apply(db, segment("blue"))
    after = compile_host(h1.intent)
    assert (after.removed, after.part.grants.count) == ((), 2)


def test_many_removals_are_released_only_with_their_number(db: Database, h1: Agent) -> None:
    h1.says(*(held(f"port:{number}") for number in range(6)))
    with pytest.raises(ConfirmationNeededError, match="6 Port"):
        release(db, "h1", removals=True)
    assert len(release(db, "h1", removals=True, confirm_count=6).released.removals) == 6


def test_only_what_has_no_way_back_is_forced_and_only_when_that_is_said(
    db: Database, h1: Agent
) -> None:
    fought, drifted = held(GONE, "DriftFought"), held("port:2", "Drifted")
    h1.says(held(OTHER, "NoWayBack"), fought, drifted, held("port:1", "Foreign"))
    assert release(db, "h1").released.retried == (GONE, "port:2")
    part = compile_host(h1.intent).part
    assert (list(part.grants.forced), part.grants.count, part.grants.mended) == ([], 1, 1)
    h1.says(held(OTHER, "NoWayBack"), held("port:1", "DeviceInUse"), drifted)
    assert release(db, "h1", force=True, drift=False).released.forced == (OTHER,)
    by_name = release(db, "h1", force=("port:1",), drift=False).released
    assert (by_name.forced, by_name.retried) == (("port:1",), ())
    part = compile_host(h1.intent).part
    assert set(part.grants.forced) == {OTHER, "port:1"}
    # Who names something else has nothing mended that others changed.
    assert (part.grants.count, part.grants.mended) == (3, 1)
    h1.says()
    h1.apply()
    apply(db, segment("blue"))
    assert not compile_host(h1.intent).part.grants.forced


def test_what_was_forced_stays_so_until_its_object_is_another(db: Database, h1: Agent) -> None:
    uid = queries.get(db, ADMIN, Kind.BRIDGE, "default", "b1").object.uid
    resource = f"bridge:{uid}"
    h1.says(held(resource, "NoWayBack"))
    release(db, "h1", force=True)
    h1.says()
    h1.apply()
    apply(db, replace(bridge("b1", "h1"), labels={"a": "b"}))
    assert list(compile_host(h1.intent).part.grants.forced) == [resource]
    h1.apply()
    before = compile_host(h1.intent)
    apply(db, bridge("b1", "h1", drift_policy=DriftPolicy.REPORT))
    assert not compile_host(h1.intent).part.grants.forced
    # A host that is held at what it had has it as it was.
    h1.undoes(changes.head(db))
    assert compile_host(h1.intent).hash == before.hash


def test_what_an_agent_does_not_take_for_forced_any_more_is_forced_anew(
    db: Database, h1: Agent
) -> None:
    h1.says(held(OTHER, "NoWayBack"))
    first = release(db, "h1", force=True).revision
    assert release(db, "h1", force=True).released.is_nothing
    adopt(db, "h1", Wanted(kind=Kind.BRIDGE, name="b1"))
    assert dict(compile_host(h1.intent).part.grants.forced_at) == {OTHER: first}
    h1.apply()
    h1.says(held(OTHER, "NoWayBack"))
    again = release(db, "h1", force=True).revision
    assert dict(compile_host(h1.intent).part.grants.forced_at) == {OTHER: again}


def test_only_a_release_that_lifts_a_pin_lets_a_host_try_again_what_it_undid(
    db: Database, h1: Agent
) -> None:
    bad = apply(db, port("p1", "h1", segment="red")).revision
    adopt(db, "h1", Wanted(kind=Kind.BRIDGE, name="b1"))
    assert (h1.intent.grants.count, h1.intent.grants.released) == (1, 0)
    h1.undoes(bad)
    act = release(db, "h1")
    assert (h1.intent.grants.count, h1.intent.grants.released) == (2, act.revision)
    h1.says(held(GONE, "DriftFought"))
    release(db, "h1")
    assert (h1.intent.grants.count, h1.intent.grants.released) == (3, act.revision)


@pytest.mark.parametrize("accepts", [False, True])
def test_leave_to_alter_what_is_taken_over_is_for_one_version_of_the_object(
    db: Database, h1: Agent, *, accepts: bool
) -> None:
    adopt(db, "h1", Wanted(kind=Kind.BRIDGE, name="b1"), accept_differences=accepts)
    apply(db, bridge("b1", "h1", drift_policy=DriftPolicy.REPORT))
    assert len(compile_host(h1.intent).part.grants.adoptions) == (0 if accepts else 1)
    remove(db, bridge("b1", "h1"))
    assert not compile_host(h1.intent).part.grants.adoptions


def test_a_state_that_a_host_is_held_at_stays_when_a_grant_was_done(
    db: Database, h1: Agent
) -> None:
    adopt(db, "h1", Wanted(kind=Kind.BRIDGE, name="b1"))
    confirmed = compile_host(h1.intent)
    h1.apply()
    assert grants.standing(db, ADMIN, "h1").grants == ()
    h1.undoes(apply(db, port("p1", "h1", segment="red")).revision)
    assert compile_host(h1.intent).hash == confirmed.hash


def test_a_host_in_maintenance_is_not_sent_again_what_it_undid(db: Database, h1: Agent) -> None:
    good, bad = h1.confirmed, apply(db, port("p1", "h1", segment="red")).revision
    apply(db, host(1, state=Lifecycle.MAINTENANCE))
    h1.undoes(bad)
    remove(db, port("p1", "h1"))
    h1.says(held(GONE, "DriftFought"), outcome=Outcome.REVERTED, undone=bad)
    act = release(db, "h1")
    assert (act.released.pin, act.released.retried) == (None, (GONE,))
    assert [each.code for each in act.warnings] == ["host_maintained"]
    assert h1.sent == good
    apply(db, host(1))
    assert h1.sent == good
    assert release(db, "h1").revision == h1.sent
    assert not h1.intent.ports


def test_what_was_granted_can_be_taken_back(db: Database, h1: Agent) -> None:
    h1.says(held(GONE), held(OTHER))
    release(db, "h1", removals=True)
    with pytest.raises(InvalidError, match="nothing is granted for 'port:x'"):
        withdraw(db, "h1", "port:x")
    act = withdraw(db, "h1", GONE)
    assert (act.withdrawn, compile_host(h1.intent).removed) == ((GONE,), (OTHER,))
    assert act.warnings == ()
    assert h1.uid in changes.dirty_hosts(db, act.revision - 1, act.revision)
    assert withdraw(db, "h1").withdrawn == (OTHER,)
    assert withdraw(db, "h1").revision == act.revision + 1


def test_what_is_taken_back_is_not_done_by_a_host_that_was_away_or_is_held(
    db: Database, h1: Agent
) -> None:
    h1.says(held(GONE), held(OTHER, "NoWayBack"))
    release(db, "h1", removals=True, force=True)
    h1.confirmed = changes.head(db)
    h1.says(held(GONE), held(OTHER, "NoWayBack"))
    apply(db, host(1, state=Lifecycle.MAINTENANCE))
    before = compile_host(h1.intent)
    assert before.removed == (GONE,)
    status.close_session(db, h1.uid, h1.epoch, now=NOW)
    act = withdraw(db, "h1")
    assert [each.code for each in act.warnings] == ["host_away"]
    after = compile_host(h1.intent)
    assert (after.removed, list(after.part.grants.forced)) == ((), [])
    # Or else the state is not sent.
    assert after.hash != before.hash


def test_who_takes_back_is_told_that_a_pinned_host_does_not_hear_of_it(
    db: Database, h1: Agent
) -> None:
    h1.says(held(GONE))
    release(db, "h1", removals=True)
    h1.undoes(changes.head(db))
    assert [each.code for each in withdraw(db, "h1").warnings] == ["host_pinned"]


def test_the_count_of_grants_never_falls_while_the_host_is_there(db: Database, h1: Agent) -> None:
    adopt(db, "h1", Wanted(resource="overlay"))
    with db.transaction() as tx:
        store_status.write_off(tx, h1.uid, NOW)
    adopt(db, "h1", Wanted(resource="overlay"))
    assert compile_host(h1.intent).part.grants.count == 2


def test_what_is_granted_reaches_no_host_that_is_held_before_it_is_released(
    db: Database, h1: Agent
) -> None:
    h1.undoes(apply(db, port("p1", "h1", segment="red")).revision)
    held_at = compile_host(h1.intent)
    act = adopt(db, "h1", Wanted(kind=Kind.BRIDGE, name="b1"))
    assert [each.code for each in act.warnings] == ["host_pinned"]
    assert compile_host(h1.intent).hash == held_at.hash
    release(db, "h1")
    part = compile_host(h1.intent).part
    assert (part.grants.count, [each.resource for each in part.grants.adoptions]) == (
        2,
        list(act.adopted),
    )


def test_what_is_adopted_is_on_the_host_or_reported_by_it(db: Database, h1: Agent) -> None:
    apply(db, host(2), bridge("b2", "h2"), port("p1", "h1", segment="red"))
    with pytest.raises(InvalidError) as refused:
        adopt(
            db,
            "h1",
            Wanted(kind=Kind.BRIDGE, name="b2"),
            Wanted(kind=Kind.PORT, name="nobody"),
            Wanted(resource=GONE),
            Wanted(resource="overlay"),
        )
    pointers = [each.pointer for each in refused.value.violations]
    assert pointers == [f"/resources/{index}" for index in range(3)]
    both = (Wanted(kind=Kind.BRIDGE, name="b1"), Wanted(kind=Kind.PORT, name="p1"))
    act = adopt(db, "h1", *both, accept_differences=True)
    standing = grants.standing(db, ADMIN, "h1")
    assert (standing.count, [g.resource for g in standing.grants]) == (1, list(act.adopted))
    assert {g.kind for g in standing.grants} == {GrantKind.ADOPT}
    assert {each.partition(":")[0] for each in act.adopted} == {"bridge", "port"}
    # With the object goes what it was allowed.
    remove(db, port("p1", "h1"))
    h1.apply()
    assert grants.standing(db, ADMIN, "h1").grants == ()


def test_a_viewer_and_an_operator_of_one_project_release_nothing(db: Database, h1: Agent) -> None:
    for who in (
        Principal("viewer", frozenset({Role.VIEWER})),
        Principal("red", frozenset({Role.OPERATOR}), frozenset({"default"})),
    ):
        with pytest.raises(ForbiddenError):
            release(db, "h1", by=who)


def test_a_host_that_is_deleted_takes_its_grants_along(db: Database, h1: Agent) -> None:
    adopt(db, "h1", Wanted(resource="overlay"))
    remove(db, bridge("b1", "h1"), host(1))
    with db.snapshot() as tx:
        assert rows.read_grants(tx, h1.uid) == []
        assert rows.count_grants(tx, h1.uid) == 0


def test_a_forced_change_is_stored_with_a_warning_and_needs_no_force_again(db: Database) -> None:
    apply(db, host(1, management_interface="eth0"))
    taker = bridge("lan", "h1", interface="eth0")
    forced = commit(db, ADMIN, Change((taker,), force=True), request_id="test")
    assert [each.code for each in forced.warnings] == ["management_interface_taken"]
    assert "`ovsfleet release h1`" in forced.warnings[0].fix
    labelled = Change((replace(taker, labels={"a": "b"}),))
    assert commit(db, ADMIN, labelled, request_id="test").warnings == ()
    project_admin = Principal("p", frozenset({Role.PROJECT_ADMIN}))
    with pytest.raises(ForbiddenError, match="force"):
        commit(db, project_admin, Change((segment("red"),), force=True), request_id="test")
