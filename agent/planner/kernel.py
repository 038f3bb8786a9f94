"""Segments that the kernel carries: one vxlan device each, with a static forwarding table.

On a host with Open vSwitch the device is a port of the overlay bridge with the segment's local
VLAN, elsewhere it is enslaved to a Linux bridge of the segment's own (``linux_bridges``). Its
port is ``protected`` as those of tunnels are. Alone in its VLAN it would not need that; but next to
what is left of another segment with the same local VLAN, on two hosts, frames would go round
between both for ever.

A device is made down, gets its table and its place, and comes up last, so that nothing is flooded
to where it should not be. What makes it what it is cannot be changed: it is made anew then, after
its port is gone, because Open vSwitch stays with the device that it knew.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import Failure
from agent.model import BROADCAST_FDB, Backend, Link, OvsInterface, OvsPort, Vxlan
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
    Stage,
)
from agent.planner.rows import mend_port
from agent.planner.segments import Segment


def device_name(vni: int) -> str:
    return f"kx{vni}"


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
        failures=interface_failures(segment.id, row.port.interfaces[0]) if row and is_well else (),
    )


# --- what is there -------------------------------------------------------------------------------


def _kept_device(segment: Segment, inventory: Inventory) -> Link | None:
    """The device that already is this segment's and need not be made anew."""
    for link in inventory.links.get(segment.id, ()):
        if (link.name, link.vxlan) == (device_name(segment.vni), _vxlan(segment)):
            return link
    return None


def _kept_row(segment: Segment, inventory: Inventory) -> PlacedPort | None:
    name = device_name(segment.vni)
    for placed in inventory.ports.get(segment.id, ()):
        interfaces = placed.port.interfaces
        is_named = (placed.port.name, [each.name for each in interfaces]) == (name, [name])
        if is_named and placed.bridge == segment.bridge and interfaces[0].type in ("", "system"):
            return placed
    return None


def _vxlan(segment: Segment) -> Vxlan:
    return Vxlan(segment.vni, segment.local_ip, segment.dst_port)


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
    mac = derived_mac(inventory.owner, segment.id, host_uid, "vxlan")
    create = CreateVxlan(segment.id, name, mark, _vxlan(segment), mac, segment.mtu)
    table = AddFdb(segment.id, name, tuple(sorted(segment.fdb)))
    return Stage(pre=(create, table) if table.entries else (create,))


def _device_steps(
    segment: Segment, host_uid: str, inventory: Inventory, device: Link | None, *, is_plugged: bool
) -> Stage:
    name = device_name(segment.vni)
    mac = derived_mac(inventory.owner, segment.id, host_uid, "vxlan")
    master = segment.bridge if segment.on_linux_bridge else None
    userspace = segment.bridge in inventory.userspace
    if device is None:
        wish = Wish(up=True, master=master, userspace=userspace)
        return Stage(post=configure(segment.id, None, name, None, wish))
    first = Wish(quiet=True)
    if master is None and inventory.owns_device(device.master):
        first = replace(first, master="")
    wish = Wish(segment.mtu, mac, up=True, master=master, userspace=userspace)
    fit = fit_for_userspace(
        segment.id, None, device, segment.bridge, inventory, moves=not is_plugged
    )
    placing = Stage(
        pre=fit + configure(segment.id, None, name, device, first),
        post=configure(segment.id, None, name, device, wish),
    )
    return joined(placing, _table_steps(segment, device, inventory))


def _table_steps(segment: Segment, device: Link, inventory: Inventory) -> Stage:
    """A MAC that moved is led to its new place by the one step, without a gap in between.

    Somebody else's entry for a MAC refuses ours, which is only seen by trying. Until then its
    frames are flooded, so that known MACs come last and keep nothing else from being mended.
    """
    wanted, there = segment.fdb, inventory.observed.fdb.get(device.name, frozenset())
    if wanted == there:
        return NOTHING
    staying = {entry.mac for entry in wanted} - {BROADCAST_FDB}
    gone = tuple(sorted(entry for entry in there - wanted if entry.mac not in staying))
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


def _row_steps(segment: Segment, inventory: Inventory, row: PlacedPort | None) -> Stage:
    if segment.on_linux_bridge:
        return NOTHING
    name, marks = device_name(segment.vni), inventory.mark(segment.id)
    interface = OvsInterface(name, external_ids=marks)
    wanted = OvsPort(name, (interface,), tag=segment.tag, protected=True, external_ids=marks)
    if row is None:
        return Stage(ovsdb=(AddPort(segment.id, segment.bridge, wanted),))
    return Stage(ovsdb=mend_port(segment.id, row, wanted, interface_columns=()))
