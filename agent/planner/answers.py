"""Who answers ARP on a segment that the kernel carries, and what has to be known for it.

With ``suppress`` the Linux bridge answers for what it knows and floods the rest: it has to know who
has an address (its neighbour table), and that this MAC address is behind the vxlan device (its
forwarding table). With ``strict`` the vxlan device answers from a neighbour table of its own, and
drops every other request.

Only IPv4 is answered for. The kernel refuses IPv6 neighbours on a device that has IPv6 turned off,
which is how a tenant is kept from reaching the host itself through it (``agent.netlink.quiet``).
With ``suppress`` neighbour discovery is flooded therefore, with ``strict`` it finds nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import ErrorKind, Failure
from agent.fragments import ArpMode, Neighbour
from agent.observed import FdbEntry, Link
from agent.planner.bridge_steps import SetBridgePort
from agent.planner.carriage import device_name
from agent.planner.inventory import Inventory
from agent.planner.linux_bridges import derived_mac, kept_bridge
from agent.planner.plan import AddNeighbours, DeleteNeighbours, NetlinkStep, Stage
from agent.planner.segments import Segment

_NEIGH_SUPPRESS = "IFLA_BRPORT_NEIGH_SUPPRESS"


def placed_macs(segment: Segment) -> frozenset[FdbEntry]:
    """What the bridge is told to be behind the device, besides what it learns."""
    if segment.arp_mode is not ArpMode.SUPPRESS:
        return frozenset()
    reachable = {entry.mac for entry in segment.fdb}
    macs = {each.mac for each in _answered(segment)}
    return frozenset(FdbEntry(mac, "") for mac in macs & reachable)


def answering(
    segment: Segment, host_uid: str, inventory: Inventory, device: Link | None, mac: str
) -> Stage:
    """Once all devices are up and in their place; ``mac`` is what the vxlan device shall have."""
    name, wanted = device_name(segment.vni), _answered(segment)
    own = wanted if segment.arp_mode is ArpMode.STRICT else frozenset[Neighbour]()
    there = _known_by(device, mac, inventory)
    steps = list(_steps(segment.id, name, own, there, device))
    if segment.on_linux_bridge:
        steps += _suppression(segment, device)
        bridge = kept_bridge(segment.id, segment.bridge, inventory)
        own = wanted if segment.arp_mode is ArpMode.SUPPRESS else frozenset()
        mac = derived_mac(inventory.owner, segment.id, host_uid, "bridge")
        there = _known_by(bridge, mac, inventory)
        steps += _steps(segment.id, segment.bridge, own, there, bridge)
    return Stage(post=tuple(steps))


def unanswered(segment: Segment) -> tuple[Failure, ...]:
    """What a strict segment cuts off from the other hosts."""
    if segment.arp_mode is not ArpMode.STRICT:
        return ()
    ips = sorted(each.ip for each in segment.addresses if ":" in each.ip)
    if not ips:
        return ()
    message = (
        f"nobody here answers for {len(ips)} IPv6 addresses of other hosts, {ips[0]} among them: "
        "arp_mode strict is for IPv4; give the segment arp_mode flood or suppress"
    )
    return (Failure(segment.id, ErrorKind.UNSUPPORTED, "Ipv6Unanswered", message),)


def _answered(segment: Segment) -> frozenset[Neighbour]:
    return frozenset(each for each in segment.addresses if ":" not in each.ip)


def _suppression(segment: Segment, device: Link | None) -> Iterator[NetlinkStep]:
    """What a device is in a bridge it is no more once it is out of it."""
    wanted = segment.arp_mode is ArpMode.SUPPRESS
    if device is None or device.master != segment.bridge:
        is_so = False
    else:
        is_so = bool(device.bridge_port_attributes.get(_NEIGH_SUPPRESS))
    if wanted != is_so:
        index = None if device is None else device.ifindex
        attributes = ((_NEIGH_SUPPRESS, int(wanted)),)
        yield SetBridgePort(segment.id, device_name(segment.vni), attributes, index)


def _steps(
    resource: str,
    name: str,
    wanted: frozenset[Neighbour],
    there: frozenset[Neighbour],
    link: Link | None,
) -> Iterator[NetlinkStep]:
    staying = {each.ip for each in wanted}
    gone = tuple(sorted(each for each in there - wanted if each.ip not in staying))
    missing = tuple(sorted(wanted - there))
    if gone and link is not None:
        yield DeleteNeighbours(resource, name, gone, link.ifindex)
    if missing:
        yield AddNeighbours(resource, name, missing, None if link is None else link.ifindex)


def _known_by(link: Link | None, mac: str, inventory: Inventory) -> frozenset[Neighbour]:
    """The kernel forgets all neighbours of a device that gets another MAC, or was down."""
    if link is None or not link.up or link.mac.lower() != mac:
        return frozenset()
    return inventory.observed.neighbours.get(link.name, frozenset())
