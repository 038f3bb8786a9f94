"""When the accepted state is put on trial before anything is done for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from agent.attempts import steps_by_resource
from agent.model import HostState
from agent.observed import ObservedState
from agent.planner.management import touches
from agent.planner.management_path import management_path
from agent.planner.plan import Plan
from agent.safety import ConfirmPolicy
from agent.state_file import Cached

_UNKNOWN_WAY = "what may be the way to the controller, which is not known"


def needs_trial(cached: Cached, plan: Plan, observed: ObservedState) -> tuple[tuple[str, str], ...]:
    """What of ``plan`` would put the accepted state on trial: resource, and what is done to it."""
    if not may_try(cached):
        return ()
    touched = dict(touched_by(cached.state, plan, observed))
    if cached.confirmed is None:
        # All else is the repair of what was confirmed and realized.
        touched = {r: what for r, what in touched.items() if r in cached.short.missing}
    return tuple(touched.items())


def may_try(cached: Cached) -> bool:
    """Whether there is something to go back to, be it the same state without what was never made.

    On a host that is held nothing is tried alone.
    """
    return cached.confirmed is not None or (bool(cached.short.missing) and not cached.is_held)


def touched_by(state: HostState, plan: Plan, observed: ObservedState) -> Iterator[tuple[str, str]]:
    """What of ``plan`` asks for a trial of ``state``: resource, and what is done to it."""
    if not observed.is_way_known and not plan.is_empty:
        yield "", _UNKNOWN_WAY
    if state.safety.confirm is ConfirmPolicy.ALWAYS or not observed.is_way_known:
        steps = (step for stage in plan.stages for step in stage.steps())
        yield from ((step.resource, step.describe()) for step in steps)
    path = management_path(observed)
    yield from ((each.resource, each.what) for each in touches(plan, path, observed))


def maybe_on_path(plan: Plan, observed: ObservedState) -> frozenset[str]:
    """Resources that ``plan`` does something for which may be on the way to the controller."""
    if not observed.is_way_known:
        return frozenset(steps_by_resource(plan))
    return frozenset(each.resource for each in touches(plan, management_path(observed), observed))
