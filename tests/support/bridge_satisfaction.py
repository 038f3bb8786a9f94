"""Whether explicit Linux bridges and their ports are as desired: judged without the planner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.bridge_attributes import (
    BRIDGE,
    DEFAULT_PVID,
    FILTERING,
    PORT,
    Attribute,
    BridgeVlan,
)
from agent.model import Bridge, BridgeType, HostState, Port, alias
from agent.observed import Link, ObservedState


def linux_names(desired: HostState) -> frozenset[str]:
    linux = (bridge for bridge in desired.bridges if bridge.type is BridgeType.LINUX)
    return frozenset(bridge.name for bridge in linux)


def bridging_facts(link: Link) -> object:
    return (dict(link.bridge_attributes), dict(link.bridge_port_attributes), link.vlans)


def bridging_faults(desired: HostState, observed: ObservedState) -> Iterator[tuple[str, str]]:
    linux = {b.name: b for b in desired.bridges if b.type is BridgeType.LINUX}
    for bridge in linux.values():
        link = observed.links.get(bridge.name)
        mark = alias(desired.fleet_uid, bridge.id)
        if link is None or (link.kind, link.alias, link.up) != ("bridge", mark, True):
            yield bridge.id, f"device is {link}"
        elif not _has(link.bridge_attributes, _showing(bridge, link), BRIDGE):
            yield bridge.id, f"attributes are {link.bridge_attributes}"
    for port in desired.ports:
        link = observed.links.get(port.interface)
        if port.bridge in linux and link is not None:
            yield from ((port.id, each) for each in _port_faults(port, linux[port.bridge], link))


def _showing(bridge: Bridge, link: Link) -> dict[str, int]:
    return {n: value for n, value in bridge.link_attributes.items() if n not in link.hidden}


def _port_faults(port: Port, bridge: Bridge, link: Link) -> Iterator[str]:
    if not _has(link.bridge_port_attributes, port.bridge_port_attributes, PORT):
        yield f"attributes are {link.bridge_port_attributes}"
    if not bridge.link_attributes.get(FILTERING):
        return
    tagged = {BridgeVlan(vid) for vid in port.trunks}
    own = {BridgeVlan(port.tag, True, port.vlan_mode != "native-tagged")} if port.tag else set()
    default = bridge.link_attributes.get(DEFAULT_PVID, 1)
    usual = {BridgeVlan(default, True, True)} if default else set()
    if link.vlans != (tagged | own or usual):
        yield f"VLANs are {link.vlans}"


def _has(
    have: Mapping[str, int], wanted: Mapping[str, int], known: Mapping[str, Attribute]
) -> bool:
    return all(
        abs(have.get(name, known[name].default) - value) <= known[name].slack
        for name, value in wanted.items()
    )
