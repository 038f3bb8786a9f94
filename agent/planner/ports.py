"""Workload ports: internal devices, and veth pairs with the peer in a named namespace."""

from __future__ import annotations

import ipaddress

from agent.errors import ErrorKind, Failure
from agent.model import OVS_KINDS, Link, OvsInterface, OvsPort, Port, PortType
from agent.planner.claims import Claim, LinkName, OvsName
from agent.planner.draft import Draft
from agent.planner.health import foreign_interface, interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.links import Wish, configure
from agent.planner.plan import AddPort, NetlinkStep, Stage
from agent.planner.rows import mend_port
from agent.planner.veths import (
    draft_enslaved_veth,
    draft_plugged_veth,
    stale_links,
    stale_rows,
    wanted_addresses,
)

_INTERFACE_TYPES = {PortType.INTERNAL: "internal", PortType.VETH: ""}


def draft_port(
    port: Port, inventory: Inventory, *, bridge_is_there: bool, on_linux_bridge: bool = False
) -> Draft | Failure:
    refusal = _refusal(port, inventory) or (_misplaced(port) if on_linux_bridge else None)
    if refusal is not None:
        return refusal
    if port.peer is not None and on_linux_bridge:
        return draft_enslaved_veth(port, port.peer, inventory, bridge_is_there=bridge_is_there)
    placed = _fitting_row(port, inventory) if bridge_is_there else None
    if port.type is PortType.VETH and port.peer is not None:
        wanted = _wanted_row(port, inventory)
        return draft_plugged_veth(port, port.peer, inventory, placed, wanted)
    return _draft_internal(port, inventory, placed)


def _refusal(port: Port, inventory: Inventory) -> Failure | None:
    if port.type is PortType.UNKNOWN:
        message = f"the type of port {port.interface} is not known to this agent; upgrade it"
        return Failure(port.id, ErrorKind.UNSUPPORTED, "PortTypeUnknown", message)
    if port.type is PortType.VETH and port.peer is None:
        message = f"veth port {port.interface} names no peer; set peer.netns and peer.interface"
        return Failure(port.id, ErrorKind.INVALID, "PeerMissing", message)
    for cidr in sorted(port.addresses):
        if not _is_assignable(cidr):
            message = (
                f"address {cidr!r} of port {port.interface} is not an address with a prefix length "
                "that may be assigned; IPv6 link-local ones come from the kernel"
            )
            return Failure(port.id, ErrorKind.INVALID, "AddressInvalid", message)
    if port.peer is not None and (failure := _namespace_failure(port, port.peer.netns, inventory)):
        return failure
    return _stranger_inside(port, inventory)


def _misplaced(port: Port) -> Failure | None:
    if port.type is PortType.INTERNAL:
        message = (
            f"port {port.interface} is internal, which only Open vSwitch has, and is to be on "
            f"Linux bridge {port.bridge}; make it a veth"
        )
        return Failure(port.id, ErrorKind.INVALID, "InternalNeedsOvs", message)
    if port.tag:
        message = (
            f"port {port.interface} is to have tag {port.tag} on Linux bridge {port.bridge}, which "
            "has no VLANs; leave the tag out"
        )
        return Failure(port.id, ErrorKind.INVALID, "TagNeedsOvs", message)
    return None


def _namespace_failure(port: Port, netns: str, inventory: Inventory) -> Failure | None:
    where = f"network namespace {netns} of port {port.interface}"
    if netns not in inventory.observed.namespaces:
        message = f"{where} does not exist; create it with: ip netns add {netns}"
        return Failure(port.id, ErrorKind.TRANSIENT, "NamespaceMissing", message)
    if netns in inventory.observed.unreadable:
        message = (
            f"{where} cannot be looked into: {inventory.observed.unreadable[netns]}; the port "
            "stays as it is until it can (the agent needs CAP_SYS_ADMIN and free file descriptors)"
        )
        return Failure(port.id, ErrorKind.TRANSIENT, "NamespaceUnreadable", message)
    return None


def _stranger_inside(port: Port, inventory: Inventory) -> Failure | None:
    for placed in inventory.ports.get(port.id, ()):
        if strangers := inventory.foreign_interfaces(placed.port):
            return foreign_interface(port.id, placed.port.name, strangers)
    return None


def _is_assignable(cidr: str) -> bool:
    try:
        address = ipaddress.ip_interface(cidr)
    except ValueError:
        return False
    return "/" in cidr and not (address.version == 6 and address.is_link_local)


def _fitting_row(port: Port, inventory: Inventory) -> PlacedPort | None:
    """The row of this port that need not be made anew, whatever its other columns say."""
    for placed in inventory.ports.get(port.id, ()):
        names = [interface.name for interface in placed.port.interfaces]
        if (placed.bridge, placed.port.name, names) == (
            port.bridge,
            port.interface,
            [port.interface],
        ) and _type(placed.port) == _INTERFACE_TYPES[port.type]:
            return placed
    return None


def _type(port: OvsPort) -> str:
    kind = port.interfaces[0].type
    return "" if kind == "system" else kind


def _wanted_row(port: Port, inventory: Inventory) -> OvsPort:
    internal = port.type is PortType.INTERNAL
    marks = inventory.mark(port.id)
    interface = OvsInterface(
        port.interface,
        type=_INTERFACE_TYPES[port.type],
        mac=(port.mac.lower() or None) if internal else None,
        mtu_request=port.mtu if internal else None,
        external_ids=marks,
    )
    return OvsPort(port.interface, (interface,), tag=port.tag or None, external_ids=marks)


def _add(port: Port, inventory: Inventory) -> AddPort:
    return AddPort(port.id, port.bridge, _wanted_row(port, inventory))


# --- internal ------------------------------------------------------------------------------------


def _draft_internal(port: Port, inventory: Inventory, placed: PlacedPort | None) -> Draft:
    link = inventory.observed.links.get(port.interface)
    is_other = link is not None and link.kind not in OVS_KINDS
    if placed is None or is_other or _is_unplugged(placed.port.interfaces[0], link):
        return _make_internal(port, inventory)
    ops = mend_port(port.id, placed, _wanted_row(port, inventory))
    interface = placed.port.interfaces[0]
    return Draft(
        port.id,
        bridge=port.bridge,
        stale=(*stale_rows(port, inventory, placed), *stale_links(port, inventory, link)),
        mend=Stage(
            ovsdb=ops,
            post=() if link is None else _configure_internal(port, inventory, interface, link),
        ),
        failures=() if ops else interface_failures(port.id, interface),
    )


def _is_unplugged(interface: OvsInterface, link: Link | None) -> bool:
    """Whether Open vSwitch holds on to a device that is gone and will not come back by itself.

    Where it reports an error it is not unplugged but refused: making the port again every time
    would not help.
    """
    return link is None and (interface.ofport or 0) > 0 and not interface.error


def _make_internal(port: Port, inventory: Inventory) -> Draft:
    own = inventory.links.get(port.id, ())
    left_behind = next(
        (link for link in own if link.name == port.interface and link.kind in OVS_KINDS), None
    )
    claims: tuple[Claim, ...] = (OvsName(port.interface),)
    wish = Wish(up=True, alias=inventory.alias(port.id), addresses=wanted_addresses(port))
    return Draft(
        port.id,
        bridge=port.bridge,
        claims=claims if left_behind else (*claims, LinkName(port.interface)),
        stale=(*stale_rows(port, inventory, None), *stale_links(port, inventory, left_behind)),
        make=Stage(
            ovsdb=(_add(port, inventory),),
            post=configure(port.id, None, port.interface, None, wish),
        ),
    )


def _configure_internal(
    port: Port, inventory: Inventory, interface: OvsInterface, link: Link
) -> tuple[NetlinkStep, ...]:
    """MTU and MAC are Open vSwitch's to set from its columns; we repair what was changed since."""
    wish = Wish(
        mtu=port.mtu if interface.mtu_request == port.mtu else None,
        mac=port.mac.lower() or None if _same(interface.mac, port.mac) else None,
        up=True,
        alias=inventory.alias(port.id),
        addresses=wanted_addresses(port),
    )
    return configure(port.id, None, port.interface, link, wish)


def _same(mac: str | None, other: str) -> bool:
    return (mac or "").lower() == other.lower()
