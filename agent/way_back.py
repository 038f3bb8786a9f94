"""What is not done because the host could be cut off from its controller for good.

Pure. Everything else that touches the way there is done on trial, see ``agent.planner.management``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from agent.attempts import Steps, steps_by_resource, without
from agent.errors import ErrorKind, Failure
from agent.held_back import held_back
from agent.model import HostState, desired_ids
from agent.observed import ObservedState
from agent.planner import here, make_plan
from agent.planner.bridge_steps import SetBridgeAttributes, SetBridgePort, SetBridgeVlans
from agent.planner.management import Touch, touches
from agent.planner.management_path import ManagementPath, management_path
from agent.planner.plan import (
    AddAddress,
    CreateLinuxBridge,
    DeleteAddress,
    DeleteLink,
    Plan,
    SetLink,
    Step,
)
from agent.planner.recovery import Sifted
from agent.state_file import Cached

_OF_THE_KERNEL = (
    SetLink,
    AddAddress,
    DeleteAddress,
    CreateLinuxBridge,
    SetBridgeAttributes,
    SetBridgePort,
    SetBridgeVlans,
)


def planned(
    cached: Cached, observed: ObservedState, sift: Callable[[Plan], Sifted] = Sifted
) -> Plan:
    """The plan for the accepted state, as far as it may be carried out; ``sift`` takes out what is
    left to others, which would not be done in any case.

    What goes back to the confirmed state is not held: the host was reached with that.
    """
    if (undone := cached.going_back) is not None:
        plan = sift(make_plan(_forced(cached.state, undone.resources), observed)).plan
        plan = held_back(plan, cached, observed)
        is_dead = observed.has_ovs and not observed.vswitchd_running
        return replace(plan, stages=without_ovs(cached, observed).stages) if is_dead else plan
    sifted = sift(make_plan(cached.state, observed, may_cut=cached.confirmed is not None))
    found = found_there(cached, observed) | cached.short.astray
    plan = with_way_back(sifted.plan, cached.state, observed, found, sifted.recovering)
    return held_back(plan, cached, observed)


def without_ovs(cached: Cached, observed: ObservedState) -> Plan:
    """What of the way back asks nothing of Open vSwitch, which may be what the change broke: the
    host's own cards, and bridges of the kernel. All else waits, for its rows may not be known.
    """
    undone = cached.going_back
    if undone is None:
        return Plan()
    desired = _forced(cached.state, undone.resources)
    plan = make_plan(desired, replace(observed, vswitchd_running=True))
    waits = {
        resource
        for resource, steps in steps_by_resource(plan).items()
        if resource not in undone.resources
        or not all(_is_kernels_alone(each, observed) for each in steps)
    }
    return replace(without(plan, waits), failures=())


def _is_kernels_alone(step: Step, observed: ObservedState) -> bool:
    if isinstance(step, DeleteLink):
        link = observed.links.get(step.name)
        return link is not None and link.kind == "bridge"
    return isinstance(step, _OF_THE_KERNEL)


def _forced(desired: HostState, resources: frozenset[str]) -> HostState:
    """A card of the way back may have got addresses of its own while it was not in its bridge."""
    grants = replace(desired.grants, forced=desired.grants.forced | resources)
    return replace(desired, grants=grants)


def found_there(cached: Cached, observed: ObservedState) -> frozenset[str]:
    """Resources that are on the host and in no confirmed state: where a state directory was lost,
    or the host is enrolled anew. Undoing the accepted state leaves them as it made them.
    """
    if cached.confirmed is None:
        return frozenset()
    if cached.trial is not None:
        return cached.trial.kept
    made = desired_ids(cached.state) - desired_ids(cached.confirmed)
    if cached.before is not None:
        return made & cached.before.there
    return made & here(cached.state, observed, cached.confirmed)


def with_way_back(
    plan: Plan,
    desired: HostState,
    observed: ObservedState,
    found: Collection[str] = frozenset(),
    recovering: Steps = (),
) -> Plan:
    """``plan`` less the resources for which there is none, and with why; an operator may force.

    What is ``found`` on the host is so in no state that could be gone back to; the steps that are
    ``recovering`` take nothing of it away.
    """
    if plan.is_empty:
        return plan
    path = management_path(observed)
    spared = {(step.resource, step.describe()) for step in recovering}
    held: dict[str, Touch] = {}
    lost: set[str] = set()
    for touch in touches(plan, path, observed):
        if touch.resource in desired.grants.forced:
            continue
        if _is_for_good(touch, desired):
            lost.add(touch.resource)
        elif touch.resource not in found or (touch.resource, touch.what) in spared:
            continue
        held.setdefault(touch.resource, touch)
    if not held:
        return plan
    failures = tuple(_no_way_back(touch, path, desired, found) for touch in held.values())
    told = tuple(each for each in plan.failures if each.resource not in held)
    still = tuple(step for step in recovering if step.resource not in lost)
    return replace(without(plan, held, but=still), failures=tuple(sorted((*told, *failures))))


def _is_for_good(touch: Touch, desired: HostState) -> bool:
    """What is taken over was somebody else's: no state says what it is to go back to."""
    return not touch.has_way_back or desired.grants.adoptions.get(touch.resource, False)


def _no_way_back(
    touch: Touch, path: ManagementPath, desired: HostState, found: Collection[str]
) -> Failure:
    lost = "what the kernel drops of that"
    if touch.has_way_back:
        is_ours = touch.resource in found
        lost = f"what it {'is like now' if is_ours else 'was like before it was taken over'}"
    message = (
        f"not done, because it could cut this host off for good: {touch.what}; {path.describe()}, "
        f"and {lost} could not be brought back by undoing the change. Have "
        "the host reach the controller over something else first, or allow it with: "
        f"ovsfleet release {desired.host_name} --force"
    )
    return Failure(touch.resource, ErrorKind.CONFLICT, "NoWayBack", message)
