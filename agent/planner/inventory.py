"""What is on the host, sorted by whose it is and by what it occupies.

Built once per plan from the observed state. Ownership is read from marks alone (external_ids of
rows, aliases of devices), never from names. Must not know what is desired.
"""

from __future__ import annotations

import enum
import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.model import (
    ID_KEY,
    OUR_KINDS,
    OVS_KINDS,
    OWNER_KEY,
    Link,
    ObservedState,
    OvsBridge,
    OvsInterface,
    OvsPort,
    alias,
)

DEFAULT_VXLAN_PORT = "4789"
"""What ovs-vswitchd takes for a vxlan Interface without options:dst_port."""


class ThingKind(enum.Enum):
    BRIDGE = "bridge"
    PORT = "port"
    LINK = "device"


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """Something that exists and may have to go: names are unique within each kind."""

    kind: ThingKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


@dataclass(frozen=True, slots=True)
class OvsName:
    """A name in OVSDB: bridges, ports and interfaces share one space, as a bridge has all three."""

    name: str

    def __str__(self) -> str:
        return f"name {self.name}"


@dataclass(frozen=True, slots=True)
class LinkName:
    """A device name in the agent's network namespace."""

    name: str

    def __str__(self) -> str:
        return f"device name {self.name}"


@dataclass(frozen=True, slots=True)
class PeerName:
    """A device name in another network namespace."""

    netns: str
    name: str

    def __str__(self) -> str:
        return f"device name {self.name} in namespace {self.netns}"


@dataclass(frozen=True, slots=True)
class TunnelKey:
    """What ovs-vswitchd tells vxlan tunnels apart by, over all of its bridges."""

    remote_ip: str
    local_ip: str
    vni: str
    dst_port: str

    def __str__(self) -> str:
        return (
            f"tunnel to {self.remote_ip} from {self.local_ip or 'any address'} with VNI {self.vni} "
            f"and UDP port {self.dst_port}"
        )


Claim: TypeAlias = OvsName | LinkName | PeerName | TunnelKey


@dataclass(frozen=True, slots=True)
class Holder:
    """Who occupies a claim: ``resource`` is empty for what is not ours."""

    thing: Thing
    resource: str
    words: str


@dataclass(frozen=True, slots=True)
class PlacedPort:
    bridge: str
    port: OvsPort


@dataclass(frozen=True, slots=True)
class Inventory:
    """``bridges``, ``ports`` and ``links`` hold what is ours, by resource id."""

    owner: str
    observed: ObservedState
    bridges: Mapping[str, tuple[OvsBridge, ...]]
    ports: Mapping[str, tuple[PlacedPort, ...]]
    links: Mapping[str, tuple[Link, ...]]
    holders: Mapping[Claim, tuple[Holder, ...]]
    device_rows: frozenset[str]
    """Names of the devices that Open vSwitch makes and removes together with a row."""

    def owned_ids(self) -> frozenset[str]:
        return frozenset({*self.bridges, *self.ports, *self.links})

    def owns(self, external_ids: Mapping[str, str]) -> bool:
        return external_ids.get(OWNER_KEY) == self.owner and bool(external_ids.get(ID_KEY))

    def foreign_interfaces(self, port: OvsPort) -> tuple[str, ...]:
        """Interfaces that somebody else put into a port of ours."""
        return tuple(
            sorted(
                interface.name
                for interface in port.interfaces
                if not self.owns(interface.external_ids)
                and (interface.name != port.name or OWNER_KEY in interface.external_ids)
            )
        )

    def is_backed(self, link: Link) -> bool:
        """Whether the device comes and goes with a row of OVSDB."""
        return _is_backed(link, self.device_rows)

    def alias(self, resource: str) -> str:
        return alias(self.owner, resource)

    def mark(self, resource: str) -> dict[str, str]:
        """The external_ids that make a row ours."""
        return {OWNER_KEY: self.owner, ID_KEY: resource}


def take_inventory(observed: ObservedState, owner: str) -> Inventory:
    bridges: dict[str, list[OvsBridge]] = defaultdict(list)
    ports: dict[str, list[PlacedPort]] = defaultdict(list)
    links: dict[str, list[Link]] = defaultdict(list)
    for bridge in _bridges(observed):
        if resource := _owned_id(bridge.external_ids, owner):
            bridges[resource].append(bridge)
        for placed in placed_ports(bridge):
            if resource := _owned_id(placed.port.external_ids, owner):
                ports[resource].append(placed)
    for name in sorted(observed.links):
        if resource := _aliased_id(observed.links[name], owner):
            links[resource].append(observed.links[name])
    return Inventory(
        owner=owner,
        observed=observed,
        bridges={key: tuple(rows) for key, rows in bridges.items()},
        ports={key: tuple(rows) for key, rows in ports.items()},
        links={key: tuple(rows) for key, rows in links.items()},
        holders=_holders(observed, owner),
        device_rows=_device_rows(observed),
    )


def placed_ports(bridge: OvsBridge) -> tuple[PlacedPort, ...]:
    """The bridge's ports but its local one, which is a part of the bridge."""
    ordered = sorted(bridge.ports, key=lambda port: port.name)
    return tuple(PlacedPort(bridge.name, port) for port in ordered if port.name != bridge.name)


def _device_rows(observed: ObservedState) -> frozenset[str]:
    return frozenset(
        interface.name
        for bridge in observed.bridges.values()
        for port in bridge.ports
        for interface in port.interfaces
        if interface.type == "internal" or interface.name == bridge.name
    )


def _is_backed(link: Link, rows: frozenset[str]) -> bool:
    return link.name in rows and link.kind in OVS_KINDS


def is_pair(link: Link, peer: Link) -> bool:
    """Whether two devices are the ends of one veth; what was not observed does not deny it."""
    if link.kind != "veth" or peer.kind != "veth":
        return False
    known = link.peer_ifindex and peer.peer_ifindex
    return not known or (link.peer_ifindex, peer.peer_ifindex) == (peer.ifindex, link.ifindex)


def tunnel_key(interface: OvsInterface) -> TunnelKey | None:
    """The identity of a vxlan interface; None for other types and for tunnels that cannot work."""
    if interface.type != "vxlan" or "remote_ip" not in interface.options:
        return None
    options = interface.options
    return TunnelKey(
        remote_ip=_normal_address(options["remote_ip"]),
        local_ip=_normal_address(options.get("local_ip", "")),
        vni=_normal_number(options.get("in_key", options.get("key", "0"))),
        dst_port=_normal_number(options.get("dst_port", DEFAULT_VXLAN_PORT)),
    )


def _bridges(observed: ObservedState) -> Iterator[OvsBridge]:
    return (observed.bridges[name] for name in sorted(observed.bridges))


def _owned_id(external_ids: Mapping[str, str], owner: str) -> str:
    return external_ids.get(ID_KEY, "") if external_ids.get(OWNER_KEY) == owner else ""


def _aliased_id(link: Link, owner: str) -> str:
    prefix = alias(owner, "")
    is_ours = link.kind in OUR_KINDS and link.alias.startswith(prefix)
    return link.alias.removeprefix(prefix) if is_ours else ""


def _holders(observed: ObservedState, owner: str) -> dict[Claim, tuple[Holder, ...]]:
    holders: dict[Claim, tuple[Holder, ...]] = defaultdict(tuple)
    for bridge in _bridges(observed):
        for claim, holder in _row_holders(bridge, owner):
            if holder not in holders[claim]:
                holders[claim] += (holder,)
    for claim, holder in (*_link_holders(observed, owner), *_peer_holders(observed, owner)):
        holders[claim] += (holder,)
    return dict(holders)


def _row_holders(bridge: OvsBridge, owner: str) -> Iterator[tuple[Claim, Holder]]:
    resource = _owned_id(bridge.external_ids, owner)
    own = Holder(Thing(ThingKind.BRIDGE, bridge.name), resource, f"bridge {bridge.name}")
    yield OvsName(bridge.name), own
    for placed in placed_ports(bridge):
        port = placed.port
        resource = _owned_id(port.external_ids, owner)
        words = f"port {port.name} on bridge {bridge.name}"
        holder = Holder(Thing(ThingKind.PORT, port.name), resource, words)
        yield OvsName(port.name), holder
        for interface in port.interfaces:
            yield OvsName(interface.name), holder
            key = tunnel_key(interface)
            if key is not None:
                yield key, holder


def _link_holders(observed: ObservedState, owner: str) -> Iterator[tuple[Claim, Holder]]:
    rows = _device_rows(observed)
    makers = _makers(observed, owner)
    for name in sorted(observed.links):
        link = observed.links[name]
        if _is_backed(link, rows):
            yield LinkName(name), makers[name]
        else:
            thing = Thing(ThingKind.LINK, name)
            words = f"the {link.kind or 'physical'} device {name}"
            yield LinkName(name), Holder(thing, _aliased_id(link, owner), words)


def _makers(observed: ObservedState, owner: str) -> dict[str, Holder]:
    """The row that each interface name belongs to."""
    return {
        claim.name: holder
        for bridge in _bridges(observed)
        for claim, holder in _row_holders(bridge, owner)
        if isinstance(claim, OvsName)
    }


def _peer_holders(observed: ObservedState, owner: str) -> Iterator[tuple[Claim, Holder]]:
    ours = {link.peer_ifindex: link for link in _own_veths(observed, owner)}
    for (netns, name), peer in sorted(observed.peers.items()):
        words = f"the {peer.kind or 'physical'} device {name} in namespace {netns}"
        link = ours.get(peer.ifindex)
        if link is not None and link.ifindex == peer.peer_ifindex:
            thing = Thing(ThingKind.LINK, link.name)
            yield PeerName(netns, name), Holder(thing, _aliased_id(link, owner), words)
        else:
            thing = Thing(ThingKind.LINK, f"{netns}/{name}")
            yield PeerName(netns, name), Holder(thing, "", words)


def _own_veths(observed: ObservedState, owner: str) -> Iterator[Link]:
    return (
        link for link in observed.links.values() if link.kind == "veth" and _aliased_id(link, owner)
    )


def _normal_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _normal_number(text: str) -> str:
    try:
        return str(int(text, 0))
    except ValueError:
        return text
