"""What is on the host and not the fleet's, for people and for the controller to know of.

Nothing of it is ever planned for. What is whose is read from marks as everywhere in the planner;
only devices that Open vSwitch makes for itself are known by the names that it gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from agent.model import IFACE_ID_KEY, Port
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort
from agent.planner.bound import is_at_home
from agent.planner.holders import device_rows, in_order, is_backed
from agent.planner.inventory import PlacedPort, placed_ports
from agent.planner.ownership import aliased_id, bound_id, owned_id

MOST_BRIDGES = 500
MOST_PORTS = 2000
"""Of all bridges together, without those of guests."""
MOST_GUESTS = 8000
"""Ports with an iface-id: ports of intent are bound to them. They take less than 2 MiB."""
MOST_LINKS = 2000

_DATAPATH_DEVICES = ("lo", "ovs-system", "ovs-netdev")
_LONGEST_IFACE_ID = 255
"""Characters; intent has no longer ones."""
_TUNNEL_DEVICES = ("vxlan_sys_", "genev_sys_", "gre_sys", "erspan_sys", "ip6gre_sys")
"""How ovs-vswitchd calls the devices that it makes for tunnels on the kernel's datapath."""


@dataclass(frozen=True, slots=True)
class ForeignBridge:
    """``is_ours``: only ``ports`` are foreign. They have the interfaces only that are."""

    row: OvsBridge
    is_ours: bool
    ports: tuple[OvsPort, ...]
    bound: frozenset[str] = frozenset()
    """Of ``ports``, the names of those that are in the VLAN of what is bound to them. A mark alone
    does not do: no segment must get a VLAN in which a port was bound once."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """What is beyond the bound of a list is only counted."""

    bridges: tuple[ForeignBridge, ...] = ()
    links: tuple[Link, ...] = ()
    bridges_total: int = 0
    ports_total: int = 0
    links_total: int = 0


def foreign(observed: ObservedState, owner: str, ports: Iterable[Port] = ()) -> Foreign:
    """``ports`` are those of intent: who is bound to one of them has its VLAN."""
    wanted = {port.id: port for port in ports}
    bridges = [each for each in _bridges(observed, owner, wanted) if each.ports or not each.is_ours]
    # What is on bridges of ours may clash with us, and is the last to be left out.
    bridges.sort(key=lambda each: (not each.is_ours, not _guests(each), each.row.name))
    links = tuple(_links(observed, owner))
    return Foreign(
        bridges=tuple(_bounded(bridges)),
        links=links[:MOST_LINKS],
        bridges_total=len(bridges),
        ports_total=sum(len(each.ports) for each in bridges),
        links_total=len(links),
    )


def _bounded(bridges: list[ForeignBridge]) -> Iterator[ForeignBridge]:
    """Leave out a guest only together with all ports that are none: so the controller knows."""
    listed, beyond = bridges[:MOST_BRIDGES], bridges[MOST_BRIDGES:]
    is_too_much = sum(map(_guests, bridges)) > MOST_GUESTS or any(map(_guests, beyond))
    room = {True: MOST_GUESTS, False: 0 if is_too_much else MOST_PORTS}
    for bridge in listed:
        kept = []
        for port in bridge.ports:
            guest = is_guest(port)
            if room[guest]:
                room[guest] -= 1
                kept.append(port)
        yield replace(bridge, ports=tuple(kept))


def _guests(bridge: ForeignBridge) -> int:
    return sum(map(is_guest, bridge.ports))


def is_guest(port: OvsPort) -> bool:
    return any(iface_id(each) for each in port.interfaces)


def iface_id(interface: OvsInterface) -> str:
    """What it was plugged under; nothing if that is longer than any of intent, and never a part of
    it, which would be the iface-id of something else."""
    value = interface.external_ids.get(IFACE_ID_KEY, "")
    return value if len(value) <= _LONGEST_IFACE_ID else ""


def _bridges(
    observed: ObservedState, owner: str, wanted: Mapping[str, Port]
) -> Iterator[ForeignBridge]:
    for bridge in in_order(observed):
        ports = tuple(
            _without_ours(placed.port, owner)
            for placed in placed_ports(bridge)
            if not owned_id(placed.port.external_ids, owner)
        )
        bound = frozenset(
            each.name
            for each in ports
            if (resource := bound_id(each.external_ids, owner))
            and is_at_home(wanted.get(resource), PlacedPort(bridge.name, each))
        )
        yield ForeignBridge(bridge, bool(owned_id(bridge.external_ids, owner)), ports, bound)


def _without_ours(port: OvsPort, owner: str) -> OvsPort:
    theirs = tuple(each for each in port.interfaces if not _is_ours(each, owner))
    return port if len(theirs) == len(port.interfaces) else replace(port, interfaces=theirs)


def _is_ours(interface: OvsInterface, owner: str) -> bool:
    return bool(owned_id(interface.external_ids, owner))


def _links(observed: ObservedState, owner: str) -> Iterator[Link]:
    rows, taken = device_rows(observed), _names_of_ours(observed, owner)
    for name in sorted(observed.links):
        link = observed.links[name]
        is_ours = name in taken or bool(aliased_id(link, owner))
        if not is_ours and not is_backed(link, rows) and not _is_of_ovs(link):
            yield link


def _names_of_ours(observed: ObservedState, owner: str) -> frozenset[str]:
    """The devices that rows of ours are about: a card in a port of ours is not foreign."""
    return frozenset(
        interface.name
        for bridge in observed.bridges.values()
        for port in bridge.ports
        for interface in port.interfaces
        if _is_ours(interface, owner)
    )


def _is_of_ovs(link: Link) -> bool:
    """Or the loopback, which is nobody's."""
    return link.name in _DATAPATH_DEVICES or (
        link.kind not in ("", "veth") and link.name.startswith(_TUNNEL_DEVICES)
    )
