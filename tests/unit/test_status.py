"""How objects are doing, derived from what their hosts reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.domain.grants import Pin
from controller.domain.segment_status import SegmentFacts, segment_status
from controller.domain.spread_status import tunnel_status
from controller.domain.status import (
    HostFacts,
    Liveness,
    Outcome,
    Phase,
    Status,
    Trouble,
    host_status,
    lag,
    resource_status,
)

WELL = HostFacts("h1", Liveness.CONNECTED, applied_revision=7, outcome=Outcome.APPLIED)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PORT_TROUBLE = Trouble("port:1", "NamespaceMissing", "no namespace 'x': create it", SINCE)
DRIFTED = Trouble("port:1", "Drifted", "tag was 7, and 5 is intended", SINCE)
FOUGHT = Trouble("port:2", "DriftFought", "run 'ovsfleet release h1'", SINCE)
PIN = Pin(3, 6, "port 'p1' took eth0")
HOST_TROUBLE = Trouble("host", "VswitchdDown", "ovs-vswitchd does not run: start it", SINCE)
HELD_BACK = Trouble("removals", "MassRemovalHeld", "12 of 20 are absent", SINCE)
TRIAL = Trouble("change", "OnTrial", "revision 8 is on trial", SINCE)
ON_TRIAL = replace(WELL, troubles=(TRIAL,), trial=TRIAL.message)


def summary(status: Status) -> tuple[Phase, str]:
    realized = next(c for c in status.conditions if c.type == "Realized")
    return status.phase, realized.reason


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (WELL, (Phase.READY, "Applied")),
        (replace(WELL, applied_revision=4), (Phase.PENDING, "Applying")),
        (replace(WELL, outcome=None), (Phase.PENDING, "Applying")),
        (replace(WELL, liveness=Liveness.NOT_ENROLLED), (Phase.PENDING, "NotEnrolled")),
        (replace(WELL, liveness=Liveness.NEVER_CONNECTED), (Phase.PENDING, "NeverConnected")),
        (replace(WELL, liveness=Liveness.SILENT), (Phase.UNKNOWN, "HostSilent")),
        (replace(WELL, troubles=(PORT_TROUBLE,)), (Phase.DEGRADED, "SomeFailed")),
        (replace(WELL, troubles=(DRIFTED, FOUGHT)), (Phase.DEGRADED, "DriftFought")),
        (replace(WELL, troubles=(DRIFTED, PORT_TROUBLE)), (Phase.DEGRADED, "SomeFailed")),
        (replace(WELL, troubles=(PORT_TROUBLE, HOST_TROUBLE)), (Phase.FAILED, "VswitchdDown")),
        (replace(WELL, outcome=Outcome.HELD), (Phase.FAILED, "Held")),
        (replace(WELL, pin=PIN), (Phase.DEGRADED, "Reverted")),
        (replace(WELL, troubles=(HELD_BACK, PORT_TROUBLE)), (Phase.DEGRADED, "MassRemovalHeld")),
        (ON_TRIAL, (Phase.PENDING, "OnTrial")),
        (replace(ON_TRIAL, troubles=(TRIAL, PORT_TROUBLE)), (Phase.DEGRADED, "SomeFailed")),
    ],
)
def test_a_host_is_as_well_as_its_last_report(
    facts: HostFacts, expected: tuple[Phase, str]
) -> None:
    assert summary(host_status(5, facts)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (WELL, (Phase.READY, "Applied")),
        (replace(WELL, applied_revision=4), (Phase.PENDING, "Applying")),
        (replace(WELL, troubles=(PORT_TROUBLE,)), (Phase.FAILED, "NamespaceMissing")),
        (replace(WELL, troubles=(HOST_TROUBLE,)), (Phase.FAILED, "VswitchdDown")),
        (replace(WELL, troubles=(DRIFTED,)), (Phase.DEGRADED, "Drifted")),
        (replace(WELL, troubles=(DRIFTED, FOUGHT)), (Phase.DEGRADED, "DriftFought")),
        (replace(WELL, troubles=(DRIFTED, PORT_TROUBLE)), (Phase.FAILED, "NamespaceMissing")),
        (replace(WELL, troubles=(DRIFTED,), applied_revision=4), (Phase.PENDING, "Applying")),
        (
            replace(WELL, liveness=Liveness.SILENT, troubles=(PORT_TROUBLE,)),
            (Phase.UNKNOWN, "HostSilent"),
        ),
        (replace(WELL, liveness=Liveness.NOT_ENROLLED), (Phase.PENDING, "NotEnrolled")),
    ],
)
def test_a_port_is_ready_when_its_host_has_applied_it_and_nothing_names_it(
    facts: HostFacts, expected: tuple[Phase, str]
) -> None:
    assert summary(resource_status(5, facts)) == expected


OTHER = replace(WELL, name="h2", applied_revision=6)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (OTHER, (Phase.READY, "Applied")),
        (replace(OTHER, applied_revision=4), (Phase.PENDING, "Applying")),
        (replace(OTHER, liveness=Liveness.SILENT), (Phase.UNKNOWN, "HostSilent")),
        (replace(OTHER, troubles=(PORT_TROUBLE,)), (Phase.FAILED, "NamespaceMissing")),
        (replace(OTHER, troubles=(DRIFTED,)), (Phase.DEGRADED, "Drifted")),
    ],
)
def test_a_tunnel_is_as_well_as_its_worse_end(
    other: HostFacts, expected: tuple[Phase, str]
) -> None:
    assert summary(tunnel_status(5, (WELL, other))) == expected
    assert summary(tunnel_status(5, (other, WELL))) == expected
    assert summary(tunnel_status(5, (WELL,))) == (Phase.READY, "Applied")


def test_a_tunnel_is_observed_once_both_ends_have_applied_it() -> None:
    assert tunnel_status(6, (WELL, OTHER)).observed_revision == 6
    assert tunnel_status(7, (WELL, OTHER)).observed_revision == 0


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (SegmentFacts(), (Phase.READY, "NoMembers")),
        (SegmentFacts(4, 2, 5), (Phase.READY, "Applied")),
        (SegmentFacts(6, 2, 5), (Phase.PENDING, "Applying")),
        (SegmentFacts(4, 2, 4), (Phase.PENDING, "Applying")),
        (SegmentFacts(4, 2, 9, silent=("h2",)), (Phase.UNKNOWN, "HostSilent")),
        (SegmentFacts(4, 2, 0, absent=("h2",)), (Phase.PENDING, "HostNotConnected")),
        (SegmentFacts(4, 2, 9, troubles=(PORT_TROUBLE,)), (Phase.DEGRADED, "NamespaceMissing")),
        (SegmentFacts(4, 2, 9, troubles=(DRIFTED, FOUGHT)), (Phase.DEGRADED, "DriftFought")),
    ],
)
def test_a_segment_is_ready_when_every_member_has_its_newest_mesh(
    facts: SegmentFacts, expected: tuple[Phase, str]
) -> None:
    assert summary(segment_status(5, facts)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (WELL, (Phase.PENDING, "Applying")),
        (replace(WELL, liveness=Liveness.NOT_ENROLLED), (Phase.PENDING, "NotEnrolled")),
        (replace(WELL, liveness=Liveness.SILENT), (Phase.UNKNOWN, "HostSilent")),
        (replace(WELL, outcome=Outcome.HELD), (Phase.FAILED, "Held")),
        (replace(WELL, pin=PIN), (Phase.DEGRADED, "Reverted")),
        (replace(WELL, troubles=(HOST_TROUBLE,)), (Phase.FAILED, "VswitchdDown")),
        (replace(WELL, troubles=(PORT_TROUBLE,)), (Phase.PENDING, "Applying")),
    ],
)
def test_a_host_that_is_behind_says_what_keeps_it(
    facts: HostFacts, expected: tuple[Phase, str]
) -> None:
    found = lag(8, facts, ())
    assert found is not None
    assert found[:2] == expected
    assert lag(7, facts, ()) is None


def test_what_a_host_could_not_take_away_keeps_it_from_being_done() -> None:
    found = lag(7, WELL, (PORT_TROUBLE,))
    assert found is not None
    assert found[:2] == (Phase.FAILED, "NamespaceMissing")
    assert PORT_TROUBLE.message in found[2]


def test_hosts_alone_have_an_applied_revision() -> None:
    assert host_status(5, WELL).applied_revision == 7
    assert resource_status(5, WELL).applied_revision is None
    assert segment_status(5, SegmentFacts(4, 2, 5)).applied_revision is None


def test_an_object_is_observed_at_its_own_revision_once_its_hosts_have_applied_it() -> None:
    assert resource_status(5, WELL).observed_revision == 5
    assert resource_status(8, WELL).observed_revision == 0
    assert segment_status(5, SegmentFacts(9, 1, 6)).observed_revision == 5
    assert segment_status(5, SegmentFacts()).observed_revision == 5


def test_a_condition_says_since_when_and_what_to_do() -> None:
    (condition,) = resource_status(5, replace(WELL, troubles=(PORT_TROUBLE,))).conditions
    assert (condition.last_transition, condition.message) == (SINCE, PORT_TROUBLE.message)
    connected = host_status(5, replace(WELL, liveness=Liveness.NOT_ENROLLED)).conditions[0]
    assert (connected.type, connected.status) == ("Connected", "False")
    assert "join token" in connected.message


def test_many_silent_members_are_named_and_counted() -> None:
    facts = SegmentFacts(1, 9, 1, silent=tuple(f"h{n}" for n in range(9)))
    assert segment_status(1, facts).conditions[0].message.endswith("h4 and 4 more")


def test_what_waits_for_a_pinned_host_says_how_it_is_released() -> None:
    pinned = replace(WELL, applied_revision=3, pin=PIN)
    status = host_status(2, pinned)
    assert status.pinned_revision == 3
    assert [c.type for c in status.conditions] == ["Connected", "Realized", "Pinned"]
    assert "port 'p1' took eth0" in status.conditions[-1].message
    waits = resource_status(4, pinned)
    assert summary(waits) == (Phase.PENDING, "HostPinned")
    # It may be of a project that the reader knows nothing of.
    assert "p1" not in waits.conditions[0].message
    assert "`ovsfleet release h1`" in waits.conditions[0].message
    assert summary(resource_status(3, pinned)) == (Phase.READY, "Applied")
    assert summary(resource_status(8, replace(ON_TRIAL, troubles=()))) == (Phase.PENDING, "OnTrial")
    members = SegmentFacts(4, 2, 3, pinned=("h1",), oldest_pin=3)
    assert summary(segment_status(4, members)) == (Phase.PENDING, "HostPinned")
    tried = SegmentFacts(4, 2, 3, on_trial=("h1",))
    assert summary(segment_status(4, tried)) == (Phase.PENDING, "OnTrial")


@pytest.mark.parametrize(
    ("undone", "words"),
    [(6, "it undid revision 6:"), (None, "it undid a later one:"), (3, "it undid a part of that:")],
)
def test_a_pin_says_what_was_undone(undone: int | None, words: str) -> None:
    assert f"is held at revision 3 since {words}" in Pin(3, undone, "").describe("h1")
