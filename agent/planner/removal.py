"""What is ours and no longer intended: deleted where intent says so, reported where it does not.

Absence from the desired state is no order to delete: only ``HostState.removed`` is. But a tunnel
that stays beside other ones of its segment may close a circle with them in which floods never end.
Being ``protected`` does not keep it from that, where the others are not: it goes into a VLAN of its
own until a person has decided.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agent.errors import ErrorKind, Failure
from agent.model import HostState, PortType
from agent.observed import ObservedState, OvsPort
from agent.planner.brake import NOT_REMOVED
from agent.planner.claims import Thing, ThingKind
from agent.planner.draft import Draft
from agent.planner.flow_exports import clear_export
from agent.planner.free_vlans import FreeVlans
from agent.planner.health import foreign_interface
from agent.planner.inventory import Inventory, PlacedPort, bound_ids, owned_ids
from agent.planner.mirrors import delete_mirror
from agent.planner.ownership import aliased_id, is_segment, segment_of
from agent.planner.plan import ColumnValue, OvsdbOp, SetPort, Stage

_EVERYBODYS_VLAN = 4095
"""Where guests wait to be bound, and where agents before this one put what they cut off."""
_CUT_OFF: Mapping[str, ColumnValue] = {
    "trunks": frozenset[int](),
    "vlan_mode": None,
    "protected": True,
}


@dataclass(frozen=True, slots=True)
class Meshes:
    """Of the segments that are here."""

    protected: Mapping[str, bool]
    """By their ids, whether all tunnels that carry them are."""
    homes: Mapping[int, str]
    """Their ids by their VLANs."""


def is_removed(resource: str, removed: Collection[str]) -> bool:
    """Whether intent deleted ``resource``; a segment takes all of its tunnels with it."""
    return resource in removed or segment_of(resource) in removed


def still_owed(removed: Collection[str], observed: ObservedState, owner: str) -> frozenset[str]:
    """The ids in ``removed`` of which something is still on the host."""
    if not removed:
        return frozenset()
    return owned_here(observed, owner).intersection(removed)


def owned_here(observed: ObservedState, owner: str) -> frozenset[str]:
    """The ids of what is on the host and ours, and of the segments of which a part is."""
    present = owned_ids(observed, owner) | bound_ids(observed, owner)
    return frozenset(present | {segment_of(resource) for resource in present})


def here(
    desired: HostState, observed: ObservedState, known: HostState | None = None
) -> frozenset[str]:
    """The ids of what is on the host and ours, also of what bears no mark there.

    A card of somebody else's in a Linux bridge has none: that it is in a bridge of ours is all that
    there is of its port. In which one does not matter: taken out of it, it is not as it was. But
    where the state that is ``known`` has a port for it, it is there for that one.
    """
    owner, links = desired.fleet_uid, observed.links
    ours = {name for name, link in links.items() if aliased_id(link, owner)}
    cards = {name for name, link in links.items() if link.master in ours} - ours
    cards -= {port.interface for port in (known.ports if known is not None else ())}
    plugged = {
        port.id
        for port in desired.ports
        if port.type is PortType.SYSTEM and port.interface in cards
    }
    return owned_here(observed, owner) | plugged


def draft_removals(
    intended: Collection[str],
    unclear: Collection[str],
    removed: Collection[str],
    meshes: Meshes,
    inventory: Inventory,
    *,
    vlans: FreeVlans,
) -> list[Draft | Failure]:
    """``intended`` names what is desired or dealt with, ``unclear`` the segments of which it could
    not be told which tunnels they have.
    """
    gone = [each for each in sorted(inventory.owned_ids()) if each not in intended]
    stale = {each for each in gone if is_removed(each, removed)}
    left = [each for each in gone if each not in stale and segment_of(each) not in unclear]
    looping = {each: _looping(each, meshes, inventory) for each in left}
    apart = vlans.apart((row for rows in looping.values() for row in rows), inventory)
    return [
        *(removal(resource, inventory) for resource in gone if resource in stale),
        *(_left_over(each, looping[each], apart, inventory) for each in left),
    ]


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


def _left_over(
    resource: str, looping: Sequence[PlacedPort], apart: Mapping[str, int], inventory: Inventory
) -> Draft:
    """It stays, but not where floods could go round."""
    vlans = {row.port.name: apart.get(row.port.name) for row in looping}
    ops = tuple(op for row in looping for op in _cut_off(resource, row, vlans[row.port.name]))
    failure = _not_removed(resource, inventory, {vlan for vlan in vlans.values() if vlan})
    return Draft(resource, mend=Stage(ovsdb=ops), failures=(failure,))


def _segment(resource: str) -> str:
    """The segment that a resource carries: by one of its tunnels, or by the kernel's device."""
    return resource if is_segment(resource) else segment_of(resource)


def _looping(resource: str, meshes: Meshes, inventory: Inventory) -> tuple[PlacedPort, ...]:
    rows = inventory.ports.get(resource, ()) if _segment(resource) else ()
    return tuple(each for each in rows if _may_loop(resource, each.port, meshes))


def _may_loop(resource: str, row: OvsPort, meshes: Meshes) -> bool:
    """Or bring what belongs to one segment into another: by its VLAN, which that has now."""
    segment, tag = _segment(resource), row.tag or 0
    if tag == _EVERYBODYS_VLAN or meshes.homes.get(tag, segment) != segment:
        return True
    return segment in meshes.protected and not (row.protected and meshes.protected[segment])


def _cut_off(resource: str, placed: PlacedPort, vlan: int | None) -> tuple[OvsdbOp, ...]:
    row = placed.port
    wanted = {**_CUT_OFF, "tag": vlan or row.tag}
    columns = {name: each for name, each in wanted.items() if getattr(row, name) != each}
    return (SetPort(resource, placed.bridge, row.name, row, columns),) if columns else ()


def _not_removed(resource: str, inventory: Inventory, vlans: Collection[int]) -> Failure:
    found = [str(thing) for thing in _things(resource, inventory)]
    found += [f"mirror {each.mirror.name}" for each in inventory.mirrors.get(resource, ())]
    exports = inventory.exports.get(resource, ())
    found += [f"{each.table} of bridge {each.bridge}" for each in exports]
    names = ", ".join(found) or "its device"
    where = " and ".join(str(vlan) for vlan in sorted(vlans))
    cut_off = f", cut off in VLAN {where} lest it closes a loop" if where else ""
    message = (
        f"{names} is ours, but intent neither has it nor says that it was deleted, so it stays"
        f"{cut_off}; "
        "`ovsfleet release HOST --removals` has it deleted; to keep it, take its ovsfleet mark off"
    )
    return Failure(resource, ErrorKind.CONFLICT, NOT_REMOVED, message)
