"""Where a frame goes in a fabric of hosts: flooding by NORMAL, by Linux bridges and by the kernel's
vxlan devices, followed copy by copy.

Honours what the planner relies on: access tags, trunks, ``protected``, that a tunnel takes only
packets with the mirrored identity, while a vxlan device takes all for its VNI and sends by its
forwarding table. Bridges have learned nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.model import BROADCAST_FDB
from agent.observed import Link, ObservedState, OvsBridge, OvsPort
from agent.planner.claims import TunnelKey, tunnel_key

MAX_COPIES = 1_000
"""More copies than any loop-free fabric of a test can make."""

Fabric = Mapping[str, ObservedState]


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a bridge of a host, or a device in a Linux bridge of it."""

    host: str
    bridge: str
    port: str


class LoopError(AssertionError):
    """The flood does not end."""


def flood(fabric: Fabric, source: Place, mac: str = BROADCAST_FDB) -> Counter[Place]:
    """How many copies of a frame to ``mac`` sent into ``source`` each other port puts out."""
    copies: Counter[Place] = Counter()
    queue = deque([(source, _tag(fabric, source))])
    while queue:
        ingress, vlan = queue.popleft()
        for place in _egress(fabric[ingress.host], ingress, vlan):
            copies[place] += 1
            for packet in _encapsulated(fabric[place.host], place, mac):
                queue.extend(_arrivals(fabric, place.host, packet))
        if copies.total() > MAX_COPIES:
            raise LoopError(f"a frame into {source} loops")
    return copies


def places(fabric: Fabric) -> Iterator[Place]:
    """Everywhere that a frame can come in."""
    for host, observed in fabric.items():
        for bridge in observed.bridges.values():
            yield from (Place(host, bridge.name, port.name) for port in bridge.ports)
        for link in observed.links.values():
            if link.master:
                yield Place(host, link.master, link.name)


# --- bridges -------------------------------------------------------------------------------------


def _egress(observed: ObservedState, ingress: Place, vlan: int) -> Iterator[Place]:
    if ingress.bridge in observed.bridges:
        bridge = observed.bridges[ingress.bridge]
        ports = (port.name for port in _ovs_egress(bridge, ingress.port, vlan))
    else:
        ports = (
            link.name
            for link in observed.links.values()
            if link.master == ingress.bridge and link.up and link.name != ingress.port
        )
    return (Place(ingress.host, ingress.bridge, port) for port in ports)


def _ovs_egress(bridge: OvsBridge, ingress: str, vlan: int) -> Iterator[OvsPort]:
    entry = next(port for port in bridge.ports if port.name == ingress)
    for port in bridge.ports:
        if port is entry or (entry.protected and port.protected):
            continue
        if port.interfaces[0].ofport == -1:
            continue
        carries_all = port.tag is None and not port.trunks
        if carries_all or port.tag == vlan or vlan in port.trunks:
            yield port


def _tag(fabric: Fabric, place: Place) -> int:
    port = _row(fabric[place.host], place)
    return 0 if port is None else port.tag or 0


def _row(observed: ObservedState, place: Place) -> OvsPort | None:
    bridge = observed.bridges.get(place.bridge)
    ports = () if bridge is None else bridge.ports
    return next((port for port in ports if port.name == place.port), None)


# --- between hosts -------------------------------------------------------------------------------


def _encapsulated(observed: ObservedState, place: Place, mac: str) -> list[TunnelKey]:
    """The packets that a port sends to other hosts, each as its receiver's tunnel would call it."""
    row = _row(observed, place)
    sent = None if row is None else tunnel_key(row.interfaces[0])
    if sent is not None:
        return [TunnelKey(sent.local_ip, sent.remote_ip, sent.vni, sent.dst_port)]
    device = observed.links.get(place.port)
    if device is None or device.vxlan is None or not device.up:
        return []
    vxlan, entries = device.vxlan, observed.fdb.get(device.name, frozenset())
    known = {entry.dst for entry in entries if entry.mac == mac and entry.dst}
    remotes = known or {entry.dst for entry in entries if entry.mac == BROADCAST_FDB}
    return [
        TunnelKey(vxlan.local_ip, remote, str(vxlan.vni), str(vxlan.dst_port))
        for remote in sorted(remotes)
    ]


def _arrivals(fabric: Fabric, sender: str, packet: TunnelKey) -> Iterator[tuple[Place, int]]:
    for host, observed in fabric.items():
        if host == sender:
            continue
        for bridge in observed.bridges.values():
            for port in bridge.ports:
                device = observed.links.get(port.name)
                if tunnel_key(port.interfaces[0]) == packet or _takes(device, packet):
                    yield Place(host, bridge.name, port.name), port.tag or 0
        for link in observed.links.values():
            if link.master and _takes(link, packet):
                yield Place(host, link.master, link.name), 0


def _takes(device: Link | None, packet: TunnelKey) -> bool:
    if device is None or device.vxlan is None or not device.up:
        return False
    vxlan = device.vxlan
    own = (vxlan.local_ip, str(vxlan.vni), str(vxlan.dst_port))
    return own == (packet.local_ip, packet.vni, packet.dst_port)
