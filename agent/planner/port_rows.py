"""What ports of all types have in common: their rows as intended, and what of theirs is to go."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.errors import Failure
from agent.model import DEVICE_KEY, Port, PortType
from agent.observed import Link, OvsInterface, OvsPort
from agent.planner.claims import Thing, ThingKind
from agent.planner.health import vlan_limited
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.links import normal_address
from agent.planner.qos import wanted_qos
from agent.planner.settings import wanted_columns

_INTERFACE_TYPES = {PortType.INTERNAL: "internal", PortType.PATCH: "patch"}
"""Of Open vSwitch's; every other port is a device that is there already."""


@dataclass(frozen=True, slots=True)
class WantedRow:
    """The row in table Port with its interfaces, and what of it cannot be."""

    row: OvsPort
    failures: tuple[Failure, ...] = ()


def wanted_row(port: Port, inventory: Inventory) -> WantedRow:
    """Of a patch, this is the near end."""
    marks = inventory.mark(port.id)
    own = wanted_columns(port.id, "Port", port.settings, inventory.observed)
    each = wanted_columns(port.id, "Interface", port.interface_settings, inventory.observed)
    names = port.members or (port.interface,)
    qos, conflicts = wanted_qos(port, inventory)
    row = OvsPort(
        port.interface,
        tuple(
            replace(
                _interface(port, name),
                external_ids={**each.external_ids, **marks, **_device_mark(port, name, inventory)},
                settings=each.settings,
            )
            for name in names
        ),
        tag=port.tag or None,
        trunks=port.trunks,
        vlan_mode=port.vlan_mode or None,
        protected=own.says("protected"),
        external_ids={**own.external_ids, **marks},
        settings=own.settings,
        qos=qos,
    )
    # It is set all the same: the limit may be raised later, and is somebody else's.
    limited = "cvlans" in own.settings.columns and inventory.observed.vlan_limit == 1
    limits = (vlan_limited(port.id),) if limited else ()
    return WantedRow(row, (*own.failures, *each.failures, *conflicts, *limits))


def _interface(port: Port, name: str) -> OvsInterface:
    kind = _INTERFACE_TYPES.get(port.type, "")
    if port.patch is not None:
        return OvsInterface(name, kind, {"peer": port.patch.interface})
    if port.type is PortType.INTERNAL:
        mac = port.mac.lower() or None
        return OvsInterface(name, kind, mac=mac, mtu_request=port.mtu or None)
    return OvsInterface(name, kind)


def _device_mark(port: Port, name: str, inventory: Inventory) -> dict[str, str]:
    """Which device it is that somebody else made; what we make we also plug in anew."""
    link = inventory.observed.links.get(name)
    if port.type not in (PortType.SYSTEM, PortType.BOND) or link is None:
        return {}
    return {DEVICE_KEY: device_mark(link, inventory)}


def fitting_row(port: Port, inventory: Inventory, wanted: WantedRow) -> PlacedPort | None:
    """The row of this port that need not be made anew, whatever its other columns say."""
    names = [port.interface]
    for placed in inventory.ports.get(port.id, ()):
        found = [interface.name for interface in placed.port.interfaces]
        if (placed.bridge, placed.port.name, found) == (port.bridge, port.interface, names):
            interface = placed.port.interfaces[0]
            if interface_type(interface) == wanted.row.interfaces[0].type:
                return placed
    return None


def interface_type(interface: OvsInterface) -> str:
    """Open vSwitch reads an empty type as ``system``."""
    return "" if interface.type == "system" else interface.type


def device_mark(link: Link | None, inventory: Inventory) -> str:
    return f"{inventory.observed.boot}/{0 if link is None else link.ifindex}"


def is_open(interface: OvsInterface) -> bool:
    """Whether Open vSwitch takes the interface for a working one."""
    return (interface.ofport or 0) > 0 and not interface.error


def without_device(wanted: OvsInterface, there: OvsInterface, inventory: Inventory) -> OvsInterface:
    """Marked so that the device that comes back is plugged in anew, unless Open vSwitch knows that
    there is none: then it opens it by itself.
    """
    mark = device_mark(None, inventory) if is_open(there) else ""
    return replace(wanted, external_ids={**wanted.external_ids, DEVICE_KEY: mark})


def is_same_device(interface: OvsInterface, link: Link, inventory: Inventory) -> bool:
    """False where Open vSwitch is known to hold on to another device, which had this name before.

    What it has not opened it opens by itself as soon as it can, and what was marked before the last
    boot it has opened anew since: to plug those in again would only cut off what works.
    """
    boot, _, _ = interface.external_ids.get(DEVICE_KEY, "").rpartition("/")
    if not is_open(interface) or boot != inventory.observed.boot:
        return True
    return interface.external_ids[DEVICE_KEY] == device_mark(link, inventory)


def wanted_addresses(port: Port) -> frozenset[str]:
    return frozenset(normal_address(cidr) for cidr in port.addresses)


def stale_rows(port: Port, inventory: Inventory, kept: PlacedPort | None) -> tuple[Thing, ...]:
    return tuple(
        Thing(ThingKind.PORT, placed.port.name)
        for placed in inventory.ports.get(port.id, ())
        if placed is not kept
    )


def stale_links(port: Port, inventory: Inventory, kept: Link | None) -> tuple[Thing, ...]:
    """Devices of this port that are to go and do not go by themselves with a row."""
    return tuple(
        Thing(ThingKind.LINK, link.name)
        for link in inventory.links.get(port.id, ())
        if link is not kept and not inventory.is_backed(link)
    )
