"""What is ours and no longer intended: deleted where intent says so, reported where it does not.

Absence from the desired state is no order to delete: only ``HostState.removed`` is.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.errors import ErrorKind, Failure
from agent.model import ObservedState, segment_id
from agent.planner.draft import Draft
from agent.planner.inventory import (
    Inventory,
    Thing,
    ThingKind,
    take_inventory,
)
from agent.planner.ports import foreign_interface

_TUNNEL_PREFIX = "tunnel:"


def is_removed(resource: str, removed: Collection[str]) -> bool:
    """Whether intent deleted ``resource``; a segment takes all of its tunnels with it."""
    return resource in removed or _segment_of(resource) in removed


def still_owed(removed: Collection[str], observed: ObservedState, owner: str) -> frozenset[str]:
    """The ids in ``removed`` of which something is still on the host."""
    present = take_inventory(observed, owner).owned_ids()
    present |= {_segment_of(resource) for resource in present}
    return present.intersection(removed)


def draft_removals(
    intended: Collection[str], removed: Collection[str], inventory: Inventory
) -> list[Draft | Failure]:
    """``intended`` names what is desired; a segment in it stands for all of its tunnels, because
    which ones it has could not be told.
    """
    drafts: list[Draft | Failure] = []
    for resource in sorted(inventory.owned_ids()):
        if resource in intended:
            continue
        if is_removed(resource, removed):
            drafts.append(_removal(resource, inventory))
        elif _segment_of(resource) not in intended:
            drafts.append(_not_removed(resource, inventory))
    return drafts


def _removal(resource: str, inventory: Inventory) -> Draft | Failure:
    for placed in inventory.ports.get(resource, ()):
        if strangers := inventory.foreign_interfaces(placed.port):
            return foreign_interface(resource, placed.port.name, strangers)
    return Draft(resource, stale=_things(resource, inventory))


def _things(resource: str, inventory: Inventory) -> tuple[Thing, ...]:
    bridges = (Thing(ThingKind.BRIDGE, row.name) for row in inventory.bridges.get(resource, ()))
    ports = (Thing(ThingKind.PORT, row.port.name) for row in inventory.ports.get(resource, ()))
    links = (
        Thing(ThingKind.LINK, link.name)
        for link in inventory.links.get(resource, ())
        if not inventory.is_backed(link)
    )
    return (*bridges, *ports, *links)


def _not_removed(resource: str, inventory: Inventory) -> Failure:
    names = ", ".join(str(thing) for thing in _things(resource, inventory)) or "its device"
    message = (
        f"{names} is ours, but intent neither has it nor says that it was deleted, so it stays; "
        "delete it by hand, or take its ovsfleet mark off to keep it"
    )
    return Failure(resource, ErrorKind.CONFLICT, "NotRemoved", message)


def _segment_of(resource: str) -> str:
    """The segment that a tunnel belongs to; empty for everything else."""
    if not resource.startswith(_TUNNEL_PREFIX):
        return ""
    return segment_id(resource.removeprefix(_TUNNEL_PREFIX).partition("/")[0])
