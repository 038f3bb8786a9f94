"""Ports: what each type of them is refused for, and internal devices."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Mapping
from dataclasses import replace

from agent.columns import NO_SETTINGS
from agent.errors import ErrorKind, Failure
from agent.model import OVS_KINDS, Bridge, Port, PortType
from agent.observed import Link, OvsInterface
from agent.planner.bonds import draft_bond
from agent.planner.bound import draft_bound
from agent.planner.bridge_ports import draft_bridge_port
from agent.planner.claims import Claim, LinkName, OvsName
from agent.planner.devices import draft_system
from agent.planner.draft import Draft
from agent.planner.health import foreign_interface, interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.links import Wish, configure
from agent.planner.patches import draft_patch
from agent.planner.plan import AddPort, NetlinkStep, Stage
from agent.planner.port_rows import (
    WantedRow,
    fitting_row,
    stale_links,
    stale_rows,
    wanted_addresses,
    wanted_row,
)
from agent.planner.rows import mend_port
from agent.planner.shaping import shaping_failures
from agent.planner.taps import draft_tap
from agent.planner.veths import draft_enslaved_veth, draft_plugged_veth


def draft_port(
    port: Port,
    inventory: Inventory,
    there: Container[str],
    linux: Mapping[str, Bridge],
    *,
    on_linux_bridge: bool = False,
) -> Draft | Failure:
    """``there`` has the bridges, of either sort, that exist already and stay, ``linux`` the
    explicit Linux bridges; ``on_linux_bridge`` tells of that of a segment.
    """
    if port.type is PortType.BOUND:
        on_linux = on_linux_bridge or port.bridge in linux
        return draft_bound(port, inventory, on_linux=on_linux)
    refusal = _refusal(port, inventory) or (_misplaced(port) if on_linux_bridge else None)
    if refusal is not None:
        return refusal
    if port.bridge in linux:
        return draft_bridge_port(port, linux[port.bridge], inventory, there)
    if port.peer is not None and on_linux_bridge:
        return draft_enslaved_veth(port, port.peer, inventory, bridge_is_there=port.bridge in there)
    wanted = wanted_row(port, inventory)
    draft = _draft(port, inventory, wanted, there)
    if isinstance(draft, Failure):
        return draft
    failures = (*wanted.failures, *draft.failures)
    if not failures and not draft.make.ovsdb and not draft.mend.ovsdb:
        failures = shaping_failures(port, inventory.observed)
    return replace(draft, failures=failures) if failures else draft


def _draft(
    port: Port, inventory: Inventory, wanted: WantedRow, there: Container[str]
) -> Draft | Failure:
    if port.type is PortType.PATCH and port.patch is not None:
        return draft_patch(port, port.patch, inventory, wanted, there)
    bridge_is_there = port.bridge in there
    if port.type is PortType.BOND:
        return draft_bond(port, inventory, wanted, bridge_is_there=bridge_is_there)
    placed = fitting_row(port, inventory, wanted) if bridge_is_there else None
    if port.type is PortType.VETH and port.peer is not None:
        return draft_plugged_veth(port, port.peer, inventory, placed, wanted.row)
    if port.type is PortType.TAP:
        return draft_tap(port, inventory, placed, wanted.row)
    if port.type is PortType.SYSTEM:
        return draft_system(port, inventory, placed, wanted)
    return _draft_internal(port, inventory, placed, wanted)


def _refusal(port: Port, inventory: Inventory) -> Failure | None:
    if port.type is PortType.UNKNOWN:
        message = f"the type of port {port.interface} is not known to this agent; upgrade it"
        return Failure(port.id, ErrorKind.UNSUPPORTED, "PortTypeUnknown", message)
    if incomplete := _incomplete(port):
        return incomplete
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


def _incomplete(port: Port) -> Failure | None:
    lacks = {
        PortType.VETH: ("peer", port.peer is None),
        PortType.PATCH: ("patch", port.patch is None),
        PortType.BOND: ("members", not port.members),
    }
    field, is_missing = lacks.get(port.type, ("", False))
    if not is_missing:
        return None
    message = f"{port.type.value} port {port.interface} has no {field}; set {field}"
    return Failure(port.id, ErrorKind.INVALID, "PeerMissing", message)


def _misplaced(port: Port) -> Failure | None:
    if port.type is not PortType.VETH:
        message = (
            f"port {port.interface} is of type {port.type.value}, which needs Open vSwitch, and is "
            f"to be on Linux bridge {port.bridge}; make it a veth"
        )
        return Failure(port.id, ErrorKind.INVALID, "InternalNeedsOvs", message)
    if (port.settings, port.interface_settings, port.qos) != (NO_SETTINGS, NO_SETTINGS, None):
        message = (
            f"port {port.interface} is to have settings of Open vSwitch on Linux bridge "
            f"{port.bridge}; leave them out"
        )
        return Failure(port.id, ErrorKind.INVALID, "SettingsNeedOvs", message)
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
        strangers = set(inventory.foreign_interfaces(placed.port)) - set(port.members)
        if strangers:
            return foreign_interface(port.id, placed.port.name, tuple(sorted(strangers)))
    return None


def _is_assignable(cidr: str) -> bool:
    try:
        address = ipaddress.ip_interface(cidr)
    except ValueError:
        return False
    return "/" in cidr and not (address.version == 6 and address.is_link_local)


# --- internal ------------------------------------------------------------------------------------


def _draft_internal(
    port: Port, inventory: Inventory, placed: PlacedPort | None, wanted: WantedRow
) -> Draft:
    link = inventory.observed.links.get(port.interface)
    is_other = link is not None and link.kind not in OVS_KINDS
    if placed is None or is_other or _is_unplugged(placed.port.interfaces[0], link):
        return _make_internal(port, inventory, wanted)
    ops = mend_port(port.id, placed, wanted.row, inventory=inventory)
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


def _make_internal(port: Port, inventory: Inventory, wanted: WantedRow) -> Draft:
    """What an ovs-vswitchd left behind in the kernel's datapath is taken over by the next one.

    Those of a userspace datapath go with it: a TAP device that stays is one that we made.
    """
    left_behind = next(
        (
            link
            for link in inventory.links.get(port.id, ())
            if (link.name, link.kind) == (port.interface, "openvswitch")
        ),
        None,
    )
    claims: tuple[Claim, ...] = (OvsName(port.interface),)
    wish = Wish(
        up=not port.admin_down,
        alias=inventory.alias(port.id),
        addresses=wanted_addresses(port),
    )
    return Draft(
        port.id,
        bridge=port.bridge,
        claims=claims if left_behind else (*claims, LinkName(port.interface)),
        stale=(*stale_rows(port, inventory, None), *stale_links(port, inventory, left_behind)),
        make=Stage(
            ovsdb=(AddPort(port.id, port.bridge, wanted.row),),
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
        up=not port.admin_down,
        alias=inventory.alias(port.id),
        addresses=wanted_addresses(port),
    )
    return configure(port.id, None, port.interface, link, wish)


def _same(mac: str | None, other: str) -> bool:
    return (mac or "").lower() == other.lower()
