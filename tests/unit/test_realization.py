"""How far the hosts of one object are with it, judged from the same facts as its status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.intent import Kind
from controller.domain.realization import State, Verdict, overall, pending_since, verdict
from controller.domain.segment_status import SegmentFacts, segment_status
from controller.domain.spread_status import tunnel_status
from controller.domain.status import (
    HostFacts,
    Liveness,
    Outcome,
    Phase,
    Trouble,
    host_status,
)

REVISION = 7
CHANGED = datetime(2026, 1, 2, tzinfo=UTC)
EARLIER = CHANGED - timedelta(hours=1)
WELL = HostFacts("h1", Liveness.CONNECTED, applied_revision=REVISION, outcome=Outcome.APPLIED)
BEHIND = replace(WELL, applied_revision=REVISION - 1)
FAILED = replace(WELL, troubles=(Trouble("port:1", "NoNamespace", "make it", EARLIER, "h1"),))
SILENT = replace(WELL, liveness=Liveness.SILENT, since=EARLIER)
ABSENT = HostFacts("h1")


def judged(*facts: HostFacts, kind: Kind = Kind.SEGMENT) -> list[Verdict]:
    return [verdict(kind, REVISION, each, changed_at=CHANGED) for each in facts]


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([], State.REALIZED),
        ([WELL, WELL], State.REALIZED),
        ([WELL, BEHIND], State.IN_PROGRESS),
        ([BEHIND, ABSENT], State.IN_PROGRESS),
        ([WELL, SILENT], State.IN_PROGRESS),
        ([ABSENT, SILENT], State.PENDING),
        ([WELL, FAILED], State.DEGRADED),
        ([FAILED, ABSENT], State.ERROR),
        ([FAILED, FAILED], State.ERROR),
    ],
)
def test_the_state_is_what_all_hosts_together_make(facts: list[HostFacts], state: State) -> None:
    assert overall(judged(*facts)) is state


def test_a_host_on_which_one_thing_fails_is_degraded_and_no_error() -> None:
    assert overall(judged(FAILED, kind=Kind.HOST)) is State.DEGRADED


def test_it_is_pending_since_the_first_host_was_not_as_intended() -> None:
    assert pending_since(judged(WELL)) is None
    assert pending_since(judged(WELL, BEHIND, ABSENT)) == CHANGED
    assert pending_since(judged(BEHIND, FAILED)) == EARLIER
    assert pending_since(judged(BEHIND, SILENT)) == EARLIER


troubles = st.sampled_from(
    [(), FAILED.troubles, (Trouble("host", "SwitchDown", "start it", None, "h1"),)]
)
host_facts = st.builds(
    HostFacts,
    name=st.sampled_from(["h1", "h2", "h3"]),
    liveness=st.sampled_from(Liveness),
    applied_revision=st.integers(0, 9),
    outcome=st.sampled_from([None, *Outcome]),
    troubles=troubles,
    since=st.none() | st.just(EARLIER),
)


def _summed_up(members: Sequence[HostFacts]) -> SegmentFacts:
    absent = {Liveness.NOT_ENROLLED, Liveness.NEVER_CONNECTED}
    return SegmentFacts(
        members=len(members),
        oldest_applied_revision=min((m.applied_revision for m in members), default=0),
        absent=tuple(m.name for m in members if m.liveness in absent),
        silent=tuple(m.name for m in members if m.liveness is Liveness.SILENT),
        troubles=tuple(trouble for m in members for trouble in m.troubles),
    )


@given(st.lists(host_facts, min_size=1, max_size=4))
def test_an_object_is_realized_exactly_while_it_is_ready(facts: list[HostFacts]) -> None:
    on_hosts = overall(judged(*facts)) is State.REALIZED
    assert on_hosts == (segment_status(REVISION, _summed_up(facts)).phase is Phase.READY)
    assert on_hosts == (tunnel_status(REVISION, facts).phase is Phase.READY)
    of_host = overall(judged(facts[0], kind=Kind.HOST)) is State.REALIZED
    assert of_host == (host_status(REVISION, facts[0]).phase is Phase.READY)
    assert (pending_since(judged(*facts)) is None) == on_hosts
