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
    ClearFlowExport,
    CreateVeth,
    DeleteBridge,
    DeleteInterface,
    DeleteLink,
    DeleteMirror,
    DeletePort,
    Plan,
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


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may be done, and what of that puts back what went by itself."""

    plan: Plan
    recovering: Steps = ()


def recovering(steps: Iterable[Step], around: Surroundings, left: Collection[str] = ()) -> Steps:
    """Of the steps of one resource; ``left`` are the fields in which it is known to be left."""
    found = tuple(
        step
        for group in _groups(steps)
        if not all(isinstance(step, _DELETIONS) for step in group)
        and not _tells(group, around)
        and not any(each.field in left for each in differences(group, around.strict))
        for step in group
    )
    is_made = any(True for step in found for _ in made(step))
    return tuple(step for step in found if is_made or _is_on_what_is_there(step, around))


def _is_on_what_is_there(step: Step, around: Surroundings) -> bool:
    """A device of a row that is left deleted is not there to be set up."""
    is_on_device = isinstance(step, SetLink | AddAddress)
    return not is_on_device or find_device(around.observed, step) is not None


def _groups(steps: Iterable[Step]) -> Iterator[Steps]:
    """What is made in the place of something that goes is one with that."""
    grouped: dict[str | int, Steps] = {}
    for index, step in enumerate(steps):
        key = gone(step) or next(made(step), "") or index
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
