"""Ports that are devices which somebody else made: a network card, a VLAN device.

They are never created, deleted, renamed or marked, and nothing about them is given back but after a
change that is undone (``agent.planner.cards``). A device has one receiver of its frames: who that
is, is looked at before anything is touched. Nor is it set up before Open vSwitch has taken it: a
round later than its row is written.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from agent.errors import ErrorKind, Failure
from agent.model import Port
from agent.observed import Link, OvsInterface, OvsPort
from agent.planner.claims import OvsName
from agent.planner.draft import Draft
from agent.planner.health import interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.links import Wish, configure
from agent.planner.owners import link_words
from agent.planner.ownership import aliased_id
from agent.planner.plan import AddPort, NetlinkStep, OvsdbOp, Stage
from agent.planner.port_rows import (
    WantedRow,
    is_open,
    is_same_device,
    stale_links,
    stale_rows,
    without_device,
)
from agent.planner.rows import mend_port

_DATAPATH = "ovs-system"
"""The master of every device that Open vSwitch's kernel datapath receives from."""


def draft_system(
    port: Port, inventory: Inventory, placed: PlacedPort | None, wanted: WantedRow
) -> Draft | Failure:
    link = foreign_link(port, port.interface, inventory)
    if link is None:
        return _without_device(port, inventory, placed, wanted.row)
    if conflict := device_conflict(port, link, inventory):
        return conflict
    if placed is None or not is_same_device(placed.port.interfaces[0], link, inventory):
        return Draft(
            port.id,
            bridge=port.bridge,
            claims=(OvsName(port.interface),),
            stale=(*stale_rows(port, inventory, None), *stale_links(port, inventory, None)),
            make=Stage(ovsdb=(AddPort(port.id, port.bridge, wanted.row),)),
        )
    ops = mend_device_row(port, placed, wanted.row, inventory)
    interface = placed.port.interfaces[0]
    return Draft(
        port.id,
        bridge=port.bridge,
        stale=(*stale_rows(port, inventory, placed), *stale_links(port, inventory, None)),
        mend=Stage(ovsdb=ops, post=configure_device(port, interface, link)),
        failures=() if ops else interface_failures(port.id, interface),
    )


def _without_device(
    port: Port, inventory: Inventory, placed: PlacedPort | None, wanted: OvsPort
) -> Draft:
    """A row that is there waits for its device: others may have put into it what is theirs."""
    ops: tuple[OvsdbOp, ...] = ()
    if placed is not None:
        (interface,) = wanted.interfaces
        interface = without_device(interface, placed.port.interfaces[0], inventory)
        ops = mend_device_row(port, placed, replace(wanted, interfaces=(interface,)), inventory)
    return Draft(
        port.id,
        bridge=port.bridge,
        stale=(*stale_rows(port, inventory, placed), *stale_links(port, inventory, None)),
        mend=Stage(ovsdb=ops),
        failures=(device_missing(port, port.interface),),
    )


def foreign_link(port: Port, name: str, inventory: Inventory) -> Link | None:
    """The device of that name; what we once made for this very port is not one, it goes."""
    link = inventory.observed.links.get(name)
    if link is None or aliased_id(link, inventory.owner) == port.id:
        return None
    return link


def mend_device_row(
    port: Port, placed: PlacedPort, row: OvsPort, inventory: Inventory
) -> tuple[OvsdbOp, ...]:
    """MAC and MTU of the device are its maker's to ask for in the row."""
    return mend_port(port.id, placed, row, interface_columns=(), inventory=inventory)


def configure_device(port: Port, interface: OvsInterface, link: Link) -> tuple[NetlinkStep, ...]:
    if not is_open(interface):
        return ()
    wish = Wish(mtu=port.mtu or None, up=not port.admin_down)
    return configure(port.id, None, link.name, link, wish)


def device_missing(port: Port, name: str) -> Failure:
    message = (
        f"there is no device {name} on this host for port {port.interface}; it is taken in as soon "
        "as it appears"
    )
    return Failure(port.id, ErrorKind.TRANSIENT, "DeviceMissing", message)


def device_conflict(port: Port, link: Link, inventory: Inventory) -> Failure | None:
    """Why Open vSwitch cannot have the device."""
    return receiver_conflict(port, link, inventory) or _device_in_use(port, link, inventory)


def receiver_conflict(port: Port, link: Link, inventory: Inventory) -> Failure | None:
    """Who else receives the device's frames, or has made it for something else."""
    if owner := aliased_id(link, inventory.owner):
        message = f"device {link.name} was made for {owner}; name another device"
        return Failure(port.id, ErrorKind.CONFLICT, "DeviceTaken", message)
    if link.master not in ("", _DATAPATH) and link.name not in inventory.let_go:
        master = inventory.observed.links.get(link.master)
        words = link.master if master is None else link_words(master)
        message = (
            f"device {link.name} already belongs to {words}; free it with: ip link set {link.name} "
            "nomaster"
        )
        return Failure(port.id, ErrorKind.CONFLICT, "DeviceEnslaved", message)
    if above := inventory.stacks.get(link.ifindex):
        kinds = {inventory.observed.links[name].kind for name in above}
        message = (
            f"device {link.name} is under {', '.join(above)} ({', '.join(sorted(kinds))}), which "
            f"takes its frames; remove that, or name another device"
        )
        return Failure(port.id, ErrorKind.CONFLICT, "DeviceBusy", message)
    return None


def _device_in_use(port: Port, link: Link, inventory: Inventory) -> Failure | None:
    """The host's own addresses fall silent once Open vSwitch takes the frames of their device."""
    addresses = own_addresses(link)
    rows = inventory.holders.get(OvsName(link.name), ())
    may_plug = inventory.may_plug(port.id, link.name)
    if not addresses or may_plug or any(row.resource for row in rows):
        return None
    message = (
        f"device {link.name} has the host's own {', '.join(addresses)}, out of reach once it is in "
        f"a bridge; move them to bridge {port.bridge} first, with the routes (ip addr del "
        f"{addresses[0]} dev {link.name}; ip addr add {addresses[0]} dev {port.bridge}). "
        f"If they may fall silent: ovsfleet release HOST --force --only {port.id}"
    )
    return Failure(port.id, ErrorKind.CONFLICT, "DeviceInUse", message)


def own_addresses(link: Link) -> tuple[str, ...]:
    """The host's, on a device that nobody gave it for the fleet's sake."""
    return tuple(each for each in sorted(link.addresses) if not ip_interface(each).is_link_local)
