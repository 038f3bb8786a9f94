"""The host beside what is intended of it, resource by resource, as a person wants to see it.

Says of every difference, whoever made it and whatever is done about it: that is for the closed loop
and its policies. Pure; plans as the loop does, and carries nothing out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.attempts import Steps, steps_by_resource
from agent.drift_left import LEFT_REASONS
from agent.errors import ErrorKind, Failure
from agent.left_out import LEFT_OUT
from agent.model import desired_ids
from agent.observation import Compared, Likeness
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.planner.brake import NOT_REMOVED
from agent.planner.differences import ABSENT, Difference, Surroundings, differences
from agent.safety import REMOVALS_ID
from agent.state_file import Cached

_WAITS = LEFT_REASONS | {LEFT_OUT, NOT_REMOVED, "NoWayBack"}
"""Conflicts in which nothing foreign is in the way: a person is to decide."""
_SURPLUS = Difference("present", "no", "yes")
_LONGEST = 500
"""Characters of the steps that are told in words."""


def compare(
    cached: Cached, observed: ObservedState, reported: Iterable[Failure] = ()
) -> tuple[Compared, ...]:
    """Every resource that is intended or has something here; of ``reported`` failures those that
    tell why something is still to be done."""
    # Rows can be compared without an ovs-vswitchd; that it is not there is told beside them.
    plan = make_plan(
        cached.state,
        replace(observed, vswitchd_running=True),
        may_cut=cached.confirmed is not None,
    )
    steps = steps_by_resource(plan)
    failures = {each.resource: each for each in plan.failures}
    failures |= {each.resource: each for each in reported if each.resource in steps}
    around = Surroundings(observed, before=observed)
    told = steps.keys() | failures.keys()
    return (
        *_of_ovs(cached, observed),
        *(_compared(each, steps.get(each, ()), failures.get(each), around) for each in told),
        *(Compared(each, Likeness.AS_INTENDED) for each in desired_ids(cached.state) - told),
    )


def _of_ovs(cached: Cached, observed: ObservedState) -> Iterator[Compared]:
    if observed.has_ovs and not observed.vswitchd_running:
        for each in make_plan(cached.state, observed).failures:
            yield Compared(each.resource, Likeness.FAILED, (), each.reason, each.message)


def _compared(
    resource: str, steps: Steps, failure: Failure | None, around: Surroundings
) -> Compared:
    found = differences(steps, around)
    if failure is None:
        return Compared(resource, _likeness(found), found, message="" if found else _todo(steps))
    if not found and failure.reason == NOT_REMOVED:
        found = (_SURPLUS,)
    return Compared(
        resource, _hindered(failure) or _likeness(found), found, failure.reason, failure.message
    )


def _likeness(found: tuple[Difference, ...]) -> Likeness:
    return Likeness.MISSING if ABSENT in found else Likeness.DIFFERS


def _hindered(failure: Failure) -> Likeness | None:
    """None where what differs says it better."""
    if failure.kind is ErrorKind.UNSUPPORTED:
        return Likeness.UNSUPPORTED
    if failure.kind is not ErrorKind.CONFLICT:
        return Likeness.FAILED
    waits = failure.reason in _WAITS or failure.resource == REMOVALS_ID
    return None if waits else Likeness.FOREIGN


def _todo(steps: Steps) -> str:
    """Of what goes by itself: no column tells of it."""
    words = "; ".join(step.describe() for step in steps)
    return f"the agent is about to put back what went by itself: {words}"[:_LONGEST]
