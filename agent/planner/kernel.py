"""Segments that the kernel carries: one vxlan device each, with a static forwarding table.

On a host with Open vSwitch the device is a port of the overlay bridge with the segment's local
VLAN, elsewhere it is enslaved to a Linux bridge of the segment's own (``linux_bridges``). Its
port is ``protected`` as those of tunnels are. Alone in its VLAN it would not need that; but next to
what is left of another segment with the same local VLAN, on two hosts, frames would go round
between both for ever.

A device is made down, gets its table and its place, and comes up last, so that nothing is flooded
to where it should not be. Its address and some of what it sends change in place, without a packet
lost. The rest cannot be changed: it is made anew then, after its port is gone, because Open vSwitch
stays with the device that it knew.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import Failure
from agent.fragments import ArpMode
from agent.model import BROADCAST_FDB, Backend
from agent.observed import FdbEntry, Link, OvsInterface, OvsPort, Vxlan
from agent.planner.answers import answering, placed_macs, unanswered
from agent.planner.carriage import (
    DEVICE_TABLE,
    device_attributes,
    device_name,
    wanted_attributes,
)
from agent.planner.claims import (
    Carriage,
    Claim,
    DeviceKey,
    LinkName,
    OvsName,
    Thing,
    ThingKind,
    UdpPort,
)
from agent.planner.draft import NOTHING, Draft, joined
from agent.planner.health import foreign_interface, interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.links import Wish, configure, enslaved_elsewhere, fit_for_userspace
from agent.planner.linux_bridges import derived_mac, kept_bridge
from agent.planner.plan import (
    AddFdb,
    AddPort,
    CreateVxlan,
    DeleteFdb,
    SetVxlan,
    Stage,
)
from agent.planner.rows import mend_port
from agent.planner.segments import Segment
from agent.vxlan_attributes import FIXED, VXLAN


def draft_kernel_segment(
    segment: Segment, host_uid: str, inventory: Inventory, *, bridge_is_there: bool
) -> Draft | Failure:
    """``bridge_is_there`` tells whether its bridge is, of either sort."""
    device = _kept_device(segment, inventory)
    if refusal := _refusal(segment, device, inventory):
        return refusal
    is_plugged = bridge_is_there and device is not None and not segment.on_linux_bridge
    row = _kept_row(segment, inventory) if is_plugged else None
    if device is not None and segment.on_linux_bridge and not bridge_is_there:
        # A bridge that has the name but is not the segment's goes: its device has no place yet.
        device = replace(device, master="")
    stage = joined(
        _device_steps(segment, host_uid, inventory, device, is_plugged=row is not None),
        answering(segment, host_uid, inventory, device, _mac(segment, host_uid, inventory)),
        _row_steps(segment, inventory, row),
    )
    claims = _claims(segment, device, row)
    is_well = row is not None and not stage.ovsdb
    waits = bool(claims) or not bridge_is_there
    return Draft(
        segment.id,
        bridge=segment.bridge,
        claims=claims,
        stale=_stale(segment, inventory, device, row),
        prepare=NOTHING if device is not None else _creation(segment, host_uid, inventory),
        make=stage if waits else NOTHING,
        mend=NOTHING if waits else stage,
        takes=frozenset({device.name} if device is not None else ()),
        failures=(
            *unanswered(segment),
            *(interface_failures(segment.id, row.port.interfaces[0]) if row and is_well else ()),
        ),
    )


# --- what is there -------------------------------------------------------------------------------


def has_device(segment: Segment, inventory: Inventory) -> bool:
    """Whether the kernel carries it already, in whatever way."""
    return any(link.kind == "vxlan" for link in inventory.links.get(segment.id, ()))


def _kept_device(segment: Segment, inventory: Inventory) -> Link | None:
    """The device that already is this segment's and need not be made anew."""
    for link in inventory.links.get(segment.id, ()):
        is_named = link.name == device_name(segment.vni)
        if is_named and link.vxlan is not None and _can_become(segment, link.vxlan, inventory):
            return link
    return None


def _can_become(segment: Segment, vxlan: Vxlan, inventory: Inventory) -> bool:
    """Whether the kernel lets a device that is there be what the segment's shall be."""
    wanted = _vxlan(segment)
    is_alike = replace(vxlan, local_ip=wanted.local_ip, attributes=wanted.attributes) == wanted
    has_family = bool(vxlan.local_ip) and (":" in vxlan.local_ip) == (":" in wanted.local_ip)
    return is_alike and has_family and not _changes(segment, vxlan, inventory).keys() & FIXED.keys()


def _changes(segment: Segment, vxlan: Vxlan, inventory: Inventory) -> dict[str, int]:
    """The attributes that are not as intent says, or are to be given back."""
    released = inventory.released(segment.id, DEVICE_TABLE, device_name(segment.vni))
    wanted = wanted_attributes(_vxlan(segment).attributes, vxlan.attributes, released)
    there = vxlan.attributes
    return {
        name: value
        for name, value in wanted.items()
        if there.get(name, VXLAN[name].default) != value
    }


def _kept_row(segment: Segment, inventory: Inventory) -> PlacedPort | None:
    name = device_name(segment.vni)
    for placed in inventory.ports.get(segment.id, ()):
        interfaces = placed.port.interfaces
        is_named = (placed.port.name, [each.name for each in interfaces]) == (name, [name])
        if is_named and placed.bridge == segment.bridge and interfaces[0].type in ("", "system"):
            return placed
    return None


def _vxlan(segment: Segment) -> Vxlan:
    return Vxlan(
        segment.vni,
        segment.local_ip,
        segment.dst_port,
        proxy=segment.arp_mode is ArpMode.STRICT,
        attributes=device_attributes(segment.options, segment.local_ip),
    )


def _stale(
    segment: Segment, inventory: Inventory, device: Link | None, kept_row: PlacedPort | None
) -> tuple[Thing, ...]:
    """What is to go: of this segment's own, and all tunnels that Open vSwitch has for it."""
    ports = (*inventory.ports.get(segment.id, ()), *inventory.meshes.get(segment.id, ()))
    bridge = segment.on_linux_bridge and kept_bridge(segment.id, segment.bridge, inventory)
    kept = {each.name for each in (device, bridge) if each}
    links = (link for link in inventory.links.get(segment.id, ()) if not inventory.is_backed(link))
    return (
        *(Thing(ThingKind.BRIDGE, row.name) for row in inventory.bridges.get(segment.id, ())),
        *(Thing(ThingKind.PORT, each.port.name) for each in ports if each is not kept_row),
        *(Thing(ThingKind.LINK, link.name) for link in links if link.name not in kept),
    )


def _refusal(segment: Segment, device: Link | None, inventory: Inventory) -> Failure | None:
    for placed in (*inventory.ports.get(segment.id, ()), *inventory.meshes.get(segment.id, ())):
        if strangers := inventory.foreign_interfaces(placed.port):
            return foreign_interface(segment.id, placed.port.name, strangers)
    if device is None:
        return None
    return enslaved_elsewhere(segment.id, device, inventory)


def _claims(segment: Segment, device: Link | None, row: PlacedPort | None) -> tuple[Claim, ...]:
    """The name in OVSDB also for a device that has no row: somebody else's row would take it.

    One that is down carries nothing yet, so that it has the traffic still to claim.
    """
    name = device_name(segment.vni)
    place = () if segment.on_linux_bridge or row is not None else (OvsName(name),)
    if device is not None and device.up:
        return place
    traffic = (UdpPort(segment.dst_port, Backend.OVS), Carriage(segment.id, Backend.OVS))
    if device is not None:
        return (*place, *traffic)
    return (OvsName(name), LinkName(name), DeviceKey(segment.vni, segment.dst_port), *traffic)


# --- steps ---------------------------------------------------------------------------------------


def _creation(segment: Segment, host_uid: str, inventory: Inventory) -> Stage:
    """Down, it carries nothing: it can be made, or fail, while tunnels still carry the segment."""
    name, mark = device_name(segment.vni), inventory.alias(segment.id)
    mac = _mac(segment, host_uid, inventory)
    create = CreateVxlan(segment.id, name, mark, _vxlan(segment), mac, segment.mtu)
    table = AddFdb(segment.id, name, tuple(sorted(segment.fdb)))
    return Stage(pre=(create, table) if table.entries else (create,))


def _mac(segment: Segment, host_uid: str, inventory: Inventory) -> str:
    return derived_mac(inventory.owner, segment.id, host_uid, "vxlan")


def _device_steps(
    segment: Segment, host_uid: str, inventory: Inventory, device: Link | None, *, is_plugged: bool
) -> Stage:
    name = device_name(segment.vni)
    mac = _mac(segment, host_uid, inventory)
    master = segment.bridge if segment.on_linux_bridge else None
    userspace = segment.bridge in inventory.userspace
    if device is None:
        wish = Wish(up=True, master=master, userspace=userspace)
        placed = tuple(sorted(placed_macs(segment)))
        told = (AddFdb(segment.id, name, placed),) if placed else ()
        return Stage(post=(*configure(segment.id, None, name, None, wish), *told))
    first = Wish(quiet=True)
    if master is None and inventory.owns_device(device.master):
        first = replace(first, master="")
    wish = Wish(segment.mtu, mac, up=True, master=master, userspace=userspace)
    fit = fit_for_userspace(
        segment.id, None, device, segment.bridge, inventory, moves=not is_plugged
    )
    placing = Stage(
        pre=(
            *_reshaping(segment, device, inventory),
            *fit,
            *configure(segment.id, None, name, device, first),
        ),
        post=configure(segment.id, None, name, device, wish),
    )
    return joined(placing, _table_steps(segment, device, inventory))


def _reshaping(segment: Segment, device: Link, inventory: Inventory) -> tuple[SetVxlan, ...]:
    """What changes of the device in place."""
    if device.vxlan is None:
        return ()
    changes = _changes(segment, device.vxlan, inventory)
    address = "" if device.vxlan.local_ip == segment.local_ip else segment.local_ip
    if not changes and not address:
        return ()
    return (SetVxlan(segment.id, device.name, device.ifindex, changes, address),)


def _table_steps(segment: Segment, device: Link, inventory: Inventory) -> Stage:
    """A MAC that moved is led to its new place by the one step, without a gap in between.

    Somebody else's entry for a MAC refuses ours, which is only seen by trying. Until then its
    frames are flooded, so that known MACs come last and keep nothing else from being mended.
    """
    learned = inventory.observed.learned.get(device.name, frozenset())
    wanted = segment.fdb | _besides(placed_macs(segment), learned)
    there = _besides(inventory.observed.fdb.get(device.name, frozenset()), learned)
    if device.master != segment.bridge:
        there = frozenset(entry for entry in there if entry.dst)  # a bridge forgets what left it
    if wanted == there:
        return NOTHING
    staying = {entry.mac for entry in segment.fdb} - {BROADCAST_FDB}
    moved = {entry for entry in there if entry.dst and entry.mac in staying}
    gone = tuple(sorted(there - wanted - moved))
    missing = sorted(wanted - there)
    flooded = tuple(entry for entry in missing if entry.mac == BROADCAST_FDB)
    known = tuple(entry for entry in missing if entry.mac != BROADCAST_FDB)
    target = (segment.id, device.name)
    return Stage(
        pre=(
            *((DeleteFdb(*target, gone, device.ifindex),) if gone else ()),
            *((AddFdb(*target, flooded, device.ifindex),) if flooded else ()),
        ),
        post=(AddFdb(*target, known, device.ifindex),) if known else (),
    )


def _besides(entries: frozenset[FdbEntry], learned: frozenset[str]) -> frozenset[FdbEntry]:
    """Those of the bridge are what it has not learned to be elsewhere."""
    if not learned:
        return entries
    return frozenset(each for each in entries if each.dst or each.mac not in learned)


def _row_steps(segment: Segment, inventory: Inventory, row: PlacedPort | None) -> Stage:
    if segment.on_linux_bridge:
        return NOTHING
    name, marks = device_name(segment.vni), inventory.mark(segment.id)
    interface = OvsInterface(name, external_ids=marks)
    wanted = OvsPort(name, (interface,), tag=segment.tag, protected=True, external_ids=marks)
    if row is None:
        return Stage(ovsdb=(AddPort(segment.id, segment.bridge, wanted),))
    return Stage(ovsdb=mend_port(segment.id, row, wanted, interface_columns=()))
