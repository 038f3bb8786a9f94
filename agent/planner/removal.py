"""What is ours and no longer intended: deleted where intent says so, reported where it does not.

Absence from the desired state is no order to delete: only ``HostState.removed`` is. But a tunnel
that stays beside other ones of its segment may close a circle with them in which floods never end.
Being ``protected`` does not keep it from that, where the others are not: it goes into a VLAN of its
own until a person has decided.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from agent.errors import ErrorKind, Failure
from agent.observed import ObservedState, OvsPort
from agent.planner.claims import Thing, ThingKind
from agent.planner.draft import Draft
from agent.planner.flow_exports import clear_export
from agent.planner.health import foreign_interface
from agent.planner.inventory import Inventory, PlacedPort, bound_ids, owned_ids
from agent.planner.mirrors import delete_mirror
from agent.planner.ownership import is_segment, segment_of
from agent.planner.plan import ColumnValue, OvsdbOp, SetPort, Stage

DEAD_VLAN = 4095
"""No segment ever has it: local VLANs end at 4094."""
_CUT_OFF: Mapping[str, ColumnValue] = {
    "tag": DEAD_VLAN,
    "trunks": frozenset[int](),
    "vlan_mode": None,
    "protected": True,
}

Meshes: TypeAlias = Mapping[str | int | None, bool]
"""Of the segments that tunnels carry here, by their ids and by their VLANs: whether all of those
tunnels are protected."""


def is_removed(resource: str, removed: Collection[str]) -> bool:
    """Whether intent deleted ``resource``; a segment takes all of its tunnels with it."""
    return resource in removed or segment_of(resource) in removed


def still_owed(removed: Collection[str], observed: ObservedState, owner: str) -> frozenset[str]:
    """The ids in ``removed`` of which something is still on the host."""
    if not removed:
        return frozenset()
    present = owned_ids(observed, owner) | bound_ids(observed, owner)
    present |= {segment_of(resource) for resource in present}
    return present.intersection(removed)


def draft_removals(
    intended: Collection[str],
    unclear: Collection[str],
    removed: Collection[str],
    meshes: Meshes,
    inventory: Inventory,
) -> list[Draft | Failure]:
    """``intended`` names what is desired or dealt with, ``unclear`` the segments of which it could
    not be told which tunnels they have.
    """
    drafts: list[Draft | Failure] = []
    for resource in sorted(inventory.owned_ids()):
        if resource in intended:
            continue
        if is_removed(resource, removed):
            drafts.append(removal(resource, inventory))
        elif segment_of(resource) not in unclear:
            drafts.append(_left_over(resource, meshes, inventory))
    return drafts


def removal(resource: str, inventory: Inventory) -> Draft | Failure:
    """Everything that is ours for ``resource`` goes."""
    for placed in inventory.ports.get(resource, ()):
        if strangers := inventory.foreign_interfaces(placed.port):
            return foreign_interface(resource, placed.port.name, strangers)
    return Draft(
        resource,
        stale=_things(resource, inventory),
        mend=Stage(ovsdb=_monitoring(resource, inventory)),
    )


def _monitoring(resource: str, inventory: Inventory) -> tuple[OvsdbOp, ...]:
    """Rows in the bridges' own columns, which are in nobody's way."""
    mirrors = inventory.mirrors.get(resource, ())
    exports = inventory.exports.get(resource, ())
    return (
        *(delete_mirror(resource, each, inventory) for each in mirrors),
        *(clear_export(resource, each, inventory) for each in exports),
    )


def _things(resource: str, inventory: Inventory) -> tuple[Thing, ...]:
    bridges = (Thing(ThingKind.BRIDGE, row.name) for row in inventory.bridges.get(resource, ()))
    ports = (Thing(ThingKind.PORT, row.port.name) for row in inventory.ports.get(resource, ()))
    links = (
        Thing(ThingKind.LINK, link.name)
        for link in inventory.links.get(resource, ())
        if not inventory.is_backed(link)
    )
    return (*bridges, *ports, *links)


def _left_over(resource: str, meshes: Meshes, inventory: Inventory) -> Draft:
    """It stays, but not where floods could go round."""
    rows = inventory.ports.get(resource, ()) if _segment(resource) else ()
    looping = [each for each in rows if _may_loop(resource, each.port, meshes)]
    ops = tuple(op for placed in looping for op in _cut_off(resource, placed))
    is_dead = bool(looping) or any(placed.port.tag == DEAD_VLAN for placed in rows)
    failure = _not_removed(resource, inventory, is_dead=is_dead)
    return Draft(resource, mend=Stage(ovsdb=ops), failures=(failure,))


def _segment(resource: str) -> str | None:
    """The segment that a resource carries: by one of its tunnels, or by the kernel's device."""
    return resource if is_segment(resource) else segment_of(resource)


def _may_loop(resource: str, row: OvsPort, meshes: Meshes) -> bool:
    found = [meshes[each] for each in (_segment(resource), row.tag) if each in meshes]
    return bool(found) and not (row.protected and all(found))


def _cut_off(resource: str, placed: PlacedPort) -> tuple[OvsdbOp, ...]:
    row = placed.port
    columns = {name: each for name, each in _CUT_OFF.items() if getattr(row, name) != each}
    return (SetPort(resource, placed.bridge, row.name, row, columns),) if columns else ()


def _not_removed(resource: str, inventory: Inventory, *, is_dead: bool) -> Failure:
    found = [str(thing) for thing in _things(resource, inventory)]
    found += [f"mirror {each.mirror.name}" for each in inventory.mirrors.get(resource, ())]
    exports = inventory.exports.get(resource, ())
    found += [f"{each.table} of bridge {each.bridge}" for each in exports]
    names = ", ".join(found) or "its device"
    cut_off = f", cut off in VLAN {DEAD_VLAN} lest it closes a loop" if is_dead else ""
    message = (
        f"{names} is ours, but intent neither has it nor says that it was deleted, so it stays"
        f"{cut_off}; "
        "delete it by hand, or take its ovsfleet mark off to keep it"
    )
    return Failure(resource, ErrorKind.CONFLICT, "NotRemoved", message)
