"""What is not done because the host could be cut off from its controller for good.

Pure. Everything else that touches the way there is done on trial, see ``agent.planner.management``.
"""

from __future__ import annotations

from dataclasses import replace

from agent.attempts import without
from agent.errors import ErrorKind, Failure
from agent.model import HostState
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.planner.management import Touch, touches
from agent.planner.management_path import ManagementPath, management_path
from agent.planner.plan import Plan
from agent.state_file import Cached


def planned(cached: Cached, observed: ObservedState) -> Plan:
    """The plan for the accepted state, as far as it may be carried out.

    What goes back to the confirmed state is not held: the host was reached with that.
    """
    desired = cached.state
    plan = make_plan(desired, observed, may_cut=cached.confirmed is not None)
    is_undoing = cached.undone is not None and not cached.undone.is_settled
    return plan if is_undoing else with_way_back(plan, desired, observed)


def with_way_back(plan: Plan, desired: HostState, observed: ObservedState) -> Plan:
    """``plan`` less the resources for which there is none, and with why; an operator may force."""
    if plan.is_empty:
        return plan
    path = management_path(observed)
    held: dict[str, Touch] = {}
    for touch in touches(plan, path, observed):
        if _is_for_good(touch, desired) and touch.resource not in desired.grants.forced:
            held.setdefault(touch.resource, touch)
    if not held:
        return plan
    failures = tuple(_no_way_back(touch, path, desired) for touch in held.values())
    told = tuple(each for each in plan.failures if each.resource not in held)
    return replace(without(plan, held), failures=tuple(sorted((*told, *failures))))


def _is_for_good(touch: Touch, desired: HostState) -> bool:
    """What is taken over was somebody else's: no state says what it is to go back to."""
    return not touch.has_way_back or desired.grants.adoptions.get(touch.resource, False)


def _no_way_back(touch: Touch, path: ManagementPath, desired: HostState) -> Failure:
    lost = (
        "what it was like before it was taken over"
        if touch.has_way_back
        else "what the kernel drops of that"
    )
    message = (
        f"not done, because it could cut this host off for good: {touch.what}; {path.describe()}, "
        f"and {lost} could not be brought back by undoing the change. Have "
        "the host reach the controller over something else first, or allow it with: "
        f"ovsfleet release {desired.host_name} --force"
    )
    return Failure(touch.resource, ErrorKind.CONFLICT, "NoWayBack", message)
