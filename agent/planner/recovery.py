"""Of what is left as it was found, the steps that put back what went by itself.

One rule holds for what somebody changed, for what a change failed of, and for what is on the host
in no confirmed state: it is left in what differs, and in nothing else. A device that ovs-vswitchd
made anew, and all that went with a boot, is put back although the rest is left. Nobody is reached
over what is not there, so that neither a policy of drift nor the way back speaks against it.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from agent.model import OVS_KINDS
from agent.planner.differences import Surroundings, differences, find_device
from agent.planner.plan import (
    AddAddress,
    AddFdb,
    AddPort,
    ClearFlowExport,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteAddress,
    DeleteBridge,
    DeleteInterface,
    DeleteLink,
    DeleteMirror,
    DeletePort,
    NetlinkStep,
    Plan,
    SetInterface,
    SetLink,
    Step,
)
from agent.planner.superfluous import gone, made

Steps = tuple[Step, ...]

_DELETIONS = (
    ClearFlowExport,
    DeleteBridge,
    DeleteInterface,
    DeleteLink,
    DeleteMirror,
    DeletePort,
)
_CREATIONS = CreateLinuxBridge | CreateTap | CreateVeth | CreateVxlan


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may be done, and what of that puts back what went by itself."""

    plan: Plan
    recovering: Steps = ()


def recovering(steps: Steps, around: Surroundings, left: Collection[str] = ()) -> Steps:
    """Of the steps of one resource; ``left`` are the fields in which it is known to be left.

    What is planned for a device that is to be made is not for the one that is there until then.
    """
    found = tuple(
        step
        for group in _groups(steps)
        if not all(isinstance(step, _DELETIONS) for step in group)
        and not _tells(group, around)
        and not any(each.field in left for each in differences(group, around.strict))
        for step in group
    )
    unmade = {step.name for step in steps if isinstance(step, _CREATIONS) and step not in found}
    found = tuple(step for step in found if not _devices(step) & unmade)
    is_made = any(True for step in found for _ in made(step))
    return tuple(step for step in found if is_made or _is_on_what_is_there(step, around))


def _devices(step: Step) -> set[str]:
    """Those of the host that it sets up, or plugs into Open vSwitch."""
    match step:
        case AddPort():
            return {row.name for row in step.port.interfaces}
        case DeletePort():
            return {row.name for row in step.based_on.interfaces}
        case SetLink() | AddAddress() | DeleteAddress() if step.netns is not None:
            return set()
    return {step.name} if isinstance(step, NetlinkStep | SetInterface) else set()


def _is_on_what_is_there(step: Step, around: Surroundings) -> bool:
    """A device that is left deleted, or whose row is, is not there to be set up; one that is out of
    its bridge has no entries of the bridge's own side."""
    if not isinstance(step, NetlinkStep):
        return True
    device = find_device(around.observed, step)
    is_bridged = isinstance(step, AddFdb) and not all(each.dst for each in step.entries)
    return device is not None and bool(device.master or not is_bridged)


def _groups(steps: Iterable[Step]) -> Iterator[Steps]:
    """What is made in the place of something that goes is one with that, and so is what takes a
    device down for a while and what brings it up."""
    grouped: dict[object, Steps] = {}
    for index, step in enumerate(steps):
        key: object = gone(step) or next(made(step), "") or index
        if isinstance(step, SetLink) and step.up is not None:
            key = step.netns, step.name
        grouped[key] = (*grouped.get(key, ()), step)
    return iter(grouped.values())


def _tells(group: Steps, around: Surroundings) -> bool:
    """Whether it may be somebody's doing; a veth goes with the namespace of its other end."""
    if any(isinstance(step, CreateVeth) for step in group):
        return False
    (step, *more) = group
    if not more and isinstance(step, SetLink | AddAddress):
        device = find_device(around.observed, step)
        is_made = device is not None and device.kind in OVS_KINDS
        if device is not None and is_made and around.before is None and not around.devices_recover:
            # Whether ovs-vswitchd made it again while no agent ran, only its being down tells.
            return device.up
    return bool(differences(group, around))
