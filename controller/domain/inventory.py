"""What is on a host and not the fleet's, as its agent tells it. Pure; nothing of it is intent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignInterface:
    name: str
    type: str = ""
    """Interface.type of Open vSwitch; empty for a device of the system."""
    iface_id: str = ""
    attached_mac: str = ""
    vm_id: str = ""
    error: str = ""
    remote_ip: str = ""
    bound: bool = False
    """Whether a port of the fleet is bound to it and in its VLAN, so that the tag is intent's."""


@dataclass(frozen=True, slots=True)
class ForeignPort:
    name: str
    tag: int = 0
    interfaces: tuple[ForeignInterface, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignBridge:
    """``is_ours``: the bridge is the fleet's, and only the ports are not."""

    name: str
    datapath_type: str = ""
    fail_mode: str = ""
    is_ours: bool = False
    ports: tuple[ForeignPort, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignLink:
    name: str
    kind: str = ""
    master: str = ""
    mac: str = ""
    mtu: int = 0
    up: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The totals also count what an agent left out, because it was too much."""

    bridges: tuple[ForeignBridge, ...] = ()
    links: tuple[ForeignLink, ...] = ()
    bridges_total: int = 0
    ports_total: int = 0
    links_total: int = 0

    @property
    def names_all_guests(self) -> bool:
        """Whether what it does not name is plugged nowhere: agents leave out ports with an iface-id
        only after all the others."""
        ports = [port for bridge in self.bridges for port in bridge.ports]
        others = (port for port in ports if not any(each.iface_id for each in port.interfaces))
        return len(ports) >= self.ports_total or next(others, None) is not None


@dataclass(frozen=True, slots=True)
class Plugged:
    """An interface that somebody plugged under an ``iface_id``, as libvirt and Nova do."""

    iface_id: str
    bridge: str
    port: str
    interface: str
    attached_mac: str
    vm_id: str


def foreign_vlans(inventory: Inventory) -> dict[str, list[int]]:
    """The tags of foreign ports by bridge: what local VLANs there must not be.

    A port that is bound has the local VLAN of its own segment.
    """
    found: dict[str, set[int]] = defaultdict(set)
    for bridge in inventory.bridges:
        for port in bridge.ports:
            if port.tag and not any(each.bound for each in port.interfaces):
                found[bridge.name].add(port.tag)
    return {bridge: sorted(tags) for bridge, tags in found.items()}


def plugged(inventory: Inventory) -> Iterator[Plugged]:
    for bridge in inventory.bridges:
        for port in bridge.ports:
            for each in port.interfaces:
                if each.iface_id:
                    yield Plugged(
                        iface_id=each.iface_id,
                        bridge=bridge.name,
                        port=port.name,
                        interface=each.name,
                        attached_mac=each.attached_mac,
                        vm_id=each.vm_id,
                    )
