"""Who holds what on the host: every claim that a row or a device makes good by being there.

Built once per plan, of what is ours and of what is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from agent.model import BOUND_KEY, OVS_KINDS, OWNER_KEY, Backend
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort
from agent.planner.claims import (
    Carriage,
    Claim,
    DeviceKey,
    Holder,
    LinkName,
    OvsName,
    PeerName,
    Thing,
    ThingKind,
    UdpPort,
    tunnel_key,
)
from agent.planner.owners import ids_of_port, is_marked, owner_of_link, owner_of_row
from agent.planner.ownership import aliased_id, is_segment, owned_id, segment_of

_ADOPTABLE = {"bridge": "bridge", "veth": "port", "tun": "port"}
"""What sort of resource may take over devices of each kind."""


def holders_of(observed: ObservedState, owner: str) -> dict[Claim, tuple[Holder, ...]]:
    holders: dict[Claim, dict[Holder, None]] = defaultdict(dict)
    makers: dict[str, Holder] = {}
    for bridge in in_order(observed):
        for claim, holder in _row_holders(bridge, owner):
            holders[claim][holder] = None
            if isinstance(claim, OvsName):
                makers[claim.name] = holder
    tunnel_ports = {claim.number for claim in holders if isinstance(claim, UdpPort)}
    for claim, holder in (
        *_link_holders(observed, owner, makers),
        *_vxlan_holders(observed, owner, tunnel_ports),
        *_peer_holders(observed, owner),
    ):
        holders[claim][holder] = None
    return {claim: tuple(found) for claim, found in holders.items()}


def in_order(observed: ObservedState) -> Iterator[OvsBridge]:
    return (observed.bridges[name] for name in sorted(observed.bridges))


def device_rows(observed: ObservedState) -> frozenset[str]:
    """Names of the devices that Open vSwitch makes and removes together with a row."""
    return frozenset(
        interface.name
        for bridge in observed.bridges.values()
        for port in bridge.ports
        for interface in port.interfaces
        if interface.type == "internal" or interface.name == bridge.name
    )


def is_backed(link: Link, rows: Collection[str]) -> bool:
    """Whether the device comes and goes with one of ``rows``."""
    return link.name in rows and link.kind in OVS_KINDS


# --- rows ----------------------------------------------------------------------------------------


def _row_holders(bridge: OvsBridge, owner: str) -> Iterator[tuple[Claim, Holder]]:
    resource = owned_id(bridge.external_ids, owner)
    words, thing = f"bridge {bridge.name}", Thing(ThingKind.BRIDGE, bridge.name)
    own = _holder(thing, resource, words, bridge.external_ids)
    yield OvsName(bridge.name), own
    for port in sorted(bridge.ports, key=lambda port: port.name):
        if port.name != bridge.name:
            yield from _port_holders(bridge, port, owner)


def _port_holders(bridge: OvsBridge, port: OvsPort, owner: str) -> Iterator[tuple[Claim, Holder]]:
    resource = owned_id(port.external_ids, owner)
    words = f"port {port.name} on bridge {bridge.name}"
    holder = _holder(
        Thing(ThingKind.PORT, port.name), resource, words, ids_of_port(port), bridge.name
    )
    yield OvsName(port.name), holder
    for interface in port.interfaces:
        if interface.name != port.name:
            yield OvsName(interface.name), _part(holder, interface)
        yield from ((claim, holder) for claim in _tunnel_claims(interface, resource))


def _holder(
    thing: Thing, resource: str, words: str, external_ids: Mapping[str, str], place: str = ""
) -> Holder:
    if resource:
        return Holder(thing, resource, words)
    is_free = OWNER_KEY not in external_ids and BOUND_KEY not in external_ids
    owner, adoptable = owner_of_row(external_ids), thing.kind.value if is_free else ""
    return Holder(thing, resource, words, owner=owner, adoptable=adoptable, place=place)


def _part(holder: Holder, interface: OvsInterface) -> Holder:
    words = f"interface {interface.name} of {holder.words}"
    thing = Thing(ThingKind.INTERFACE, interface.name)
    return Holder(thing, holder.resource, words, whole=holder.thing, owner=holder.owner)


def _tunnel_claims(interface: OvsInterface, resource: str) -> Iterator[Claim]:
    key = tunnel_key(interface)
    if key is None:
        return
    yield key
    if key.dst_port.isdecimal():
        yield UdpPort(int(key.dst_port), Backend.OVS)
    if segment := segment_of(resource):
        yield Carriage(segment, Backend.OVS)


# --- devices -------------------------------------------------------------------------------------


def _link_holders(
    observed: ObservedState, owner: str, makers: Mapping[str, Holder]
) -> Iterator[tuple[Claim, Holder]]:
    """``makers`` holds the row that each interface name belongs to."""
    rows = device_rows(observed)
    for name in sorted(observed.links):
        link = observed.links[name]
        if is_backed(link, rows):
            yield LinkName(name), makers[name]
        else:
            yield LinkName(name), _link_holder(link, owner)


def _link_holder(link: Link, owner: str) -> Holder:
    words, resource = f"the {link.kind or 'physical'} device {link.name}", aliased_id(link, owner)
    thing = Thing(ThingKind.LINK, link.name)
    if resource:
        return Holder(thing, resource, words)
    adoptable = "" if is_marked(link) else _ADOPTABLE.get(link.kind, "")
    return Holder(thing, resource, words, owner=owner_of_link(link), adoptable=adoptable)


def _vxlan_holders(
    observed: ObservedState, owner: str, tunnel_ports: Collection[int]
) -> Iterator[tuple[Claim, Holder]]:
    """``vxlan_sys_<port>`` is there for tunnels of Open vSwitch and goes with the last of them, so
    that the rows hold the port and not the device, as long as there are any.
    """
    for name in sorted(observed.links):
        link = observed.links[name]
        if link.vxlan is None:
            continue
        vxlan, holder = link.vxlan, _link_holder(link, owner)
        if not vxlan.collect_metadata:
            yield DeviceKey(vxlan.vni, vxlan.dst_port), holder
            yield UdpPort(vxlan.dst_port, Backend.KERNEL), holder
            if is_segment(holder.resource):
                yield Carriage(holder.resource, Backend.KERNEL), holder
            continue
        is_named_by_ovs = name == f"vxlan_sys_{vxlan.dst_port}"
        if not is_named_by_ovs:  # a stranger's, which Open vSwitch cannot use either
            yield UdpPort(vxlan.dst_port, Backend.KERNEL), holder
        if not is_named_by_ovs or vxlan.dst_port not in tunnel_ports:
            yield UdpPort(vxlan.dst_port, Backend.OVS), holder


def _peer_holders(observed: ObservedState, owner: str) -> Iterator[tuple[Claim, Holder]]:
    ours = {link.peer_ifindex: link for link in _own_veths(observed, owner)}
    for (netns, name), peer in sorted(observed.peers.items()):
        words = f"the {peer.kind or 'physical'} device {name} in namespace {netns}"
        link = ours.get(peer.ifindex)
        if link is not None and link.ifindex == peer.peer_ifindex:
            thing = Thing(ThingKind.LINK, link.name)
            yield PeerName(netns, name), Holder(thing, aliased_id(link, owner), words)
        else:
            thing = Thing(ThingKind.LINK, f"{netns}/{name}")
            yield PeerName(netns, name), Holder(thing, "", words)


def _own_veths(observed: ObservedState, owner: str) -> Iterator[Link]:
    return (
        link for link in observed.links.values() if link.kind == "veth" and aliased_id(link, owner)
    )
