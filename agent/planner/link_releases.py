"""What intent asked of Linux bridges and of what is in them, and does not ask any more.

The part of ``releases`` that is about the kernel, with tables that no database has: attributes of
an explicit bridge and of its ports, the VLANs of a port, and for a device that somebody else made,
that it is in the bridge at all: nothing on it tells that we put it there. What is gone with its
device, or was changed by somebody else meanwhile, is not given back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from agent.bridge_attributes import BRIDGE, COST, PORT, Attribute, BridgeVlan
from agent.columns import Atom, Release
from agent.model import BridgeType, HostState, Port, PortType
from agent.observed import Link, ObservedState
from agent.planner.cards import CARD_TABLE, is_card_kept
from agent.planner.carriage import DEVICE_TABLE, is_held
from agent.planner.ownership import aliased_id

BRIDGE_TABLE, PORT_TABLE = "bridge-link", "bridge-port"
MASTER, VLANS = "master", "vlans"
_TABLES = frozenset({BRIDGE_TABLE, PORT_TABLE, DEVICE_TABLE, CARD_TABLE})


def link_releases(state: HostState) -> Iterator[Release]:
    """What the state asks for: each part of it is to be given back once none does."""
    linux = {bridge.name for bridge in state.bridges if bridge.type is BridgeType.LINUX}
    if not linux:
        return
    for bridge in state.bridges:
        if bridge.name in linux:
            place = (bridge.id, BRIDGE_TABLE, bridge.name)
            yield from _attributes(place, bridge.link_attributes, BRIDGE)
    for port in state.ports:
        if port.bridge in linux:
            yield from _of_port(port)


def on_links(released: Iterable[Release]) -> frozenset[Release]:
    return frozenset(each for each in released if each.table in _TABLES)


def still_held(
    released: Collection[Release], desired: HostState, observed: ObservedState
) -> Iterator[Release]:
    """Those of links that the kernel still has, and not because another resource asks for it: one
    that took over the device's name has it for its own."""
    of_cards = [each for each in released if each.table == CARD_TABLE]
    yield from (each for each in of_cards if is_card_kept(each, desired, observed))
    others = (each for each in released if each.table != CARD_TABLE)
    held = [each for each in others if holds(each, observed, desired.fleet_uid)]
    asked = {_place(each) for each in link_releases(desired)} if held else ()
    yield from (each for each in held if _place(each) not in asked)


def _place(release: Release) -> tuple[str, str, str]:
    return release.table, release.row, release.column


def holds(release: Release, observed: ObservedState, owner: str) -> bool:
    link = observed.links.get(release.row)
    if release.table == DEVICE_TABLE:
        is_its = link is not None and aliased_id(link, owner) == release.resource
        vxlan = link.vxlan if link is not None and is_its else None
        return vxlan is not None and is_held(vxlan.attributes, release)
    if link is None or not _still_has(link, release):
        return False
    bridge = release.row if release.table == BRIDGE_TABLE else link.master
    return bridge in observed.links and bool(aliased_id(observed.links[bridge], owner))


def default(link: Link, release: Release) -> int:
    """Of the attribute that is released; only the cost depends on the device."""
    if release.column == COST:
        return link.own_cost
    return (BRIDGE if release.table == BRIDGE_TABLE else PORT)[release.column].default


def encoded(vlans: Iterable[BridgeVlan]) -> tuple[Atom, ...]:
    return tuple(sorted(each.vid | each.pvid << 12 | each.untagged << 13 for each in vlans))


def wanted_vlans(port: Port) -> frozenset[BridgeVlan]:
    """The bridge's counterpart of tag, trunks and vlan_mode in ovs-vswitchd.conf.db(5)."""
    trunks = frozenset(BridgeVlan(vid) for vid in port.trunks if vid != port.tag)
    if not port.tag:
        return trunks
    is_tagged = port.vlan_mode == "native-tagged"
    return trunks | {BridgeVlan(port.tag, pvid=True, untagged=not is_tagged)}


def _of_port(port: Port) -> Iterator[Release]:
    place = (port.id, PORT_TABLE, port.interface)
    yield from _attributes(place, port.bridge_port_attributes, PORT)
    if vlans := wanted_vlans(port):
        yield Release(*place, VLANS, None, encoded(vlans))
    if port.type is PortType.SYSTEM:
        yield Release(*place, MASTER, None, (port.bridge,))


def _attributes(
    place: tuple[str, str, str], values: Mapping[str, int], known: Mapping[str, Attribute]
) -> Iterator[Release]:
    for name in values.keys() & known.keys():
        yield Release(*place, name, None, (values[name],))


def _still_has(link: Link, release: Release) -> bool:
    """What does not show now counts as had: it is given back once it shows."""
    match release.column:
        case "master":
            return release.value == (link.master,)
        case "vlans":
            return release.value == encoded(link.vlans)
    if release.table == BRIDGE_TABLE and release.column in link.hidden:
        return True
    of_bridge = release.table == BRIDGE_TABLE
    attributes = link.bridge_attributes if of_bridge else link.bridge_port_attributes
    value = attributes.get(release.column)
    if value is None:
        return False
    (given,) = release.value
    return (BRIDGE if of_bridge else PORT)[release.column].is_same(int(given), value)
