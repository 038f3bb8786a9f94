"""What else there is on a host that a segment or a tunnel may clash with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from agent.errors import ErrorKind, Failure
from agent.fragments import SegmentFragment
from agent.model import Backend, HostState, SegmentAttachment
from agent.observed import OvsBridge
from agent.planner.bridges import kept_row
from agent.planner.inventory import Inventory, placed_ports
from agent.planner.owners import owner_of_port


@dataclass(frozen=True, slots=True)
class Surroundings:
    vlans: Mapping[int, int]
    """How many segments of this host use each local VLAN of the overlay bridge."""
    networks: Mapping[tuple[int, int], int]
    """How many segments and explicit tunnels of this host use each (VNI, UDP port)."""
    backends: Mapping[int, frozenset[Backend]]
    """By which backends each UDP port is to be used."""
    strangers: Mapping[int, str]
    """Ports on the overlay bridge that are not ours, and whose they are, by their tag."""
    has_ovs: bool
    has_vxlan: bool
    has_ipv6: bool
    addresses: frozenset[str]
    """Those that this host has, without their prefix lengths."""


def survey(desired: HostState, inventory: Inventory, bound: Collection[str] = ()) -> Surroundings:
    """``bound`` are ports of others that will be in a VLAN of ours or in one of their own."""
    attached = list(_attached(desired))
    tunnels = {(tunnel.vni, tunnel.dst_port) for tunnel in desired.tunnels}
    backends: dict[int, set[Backend]] = defaultdict(set)
    for attachment, fragment in attached:
        if attachment.backend is not Backend.UNKNOWN:
            backends[fragment.dst_port].add(attachment.backend)
    for _, dst_port in tunnels:
        backends[dst_port].add(Backend.OVS)
    overlay = None if desired.overlay is None else kept_row(desired.overlay, inventory)
    return Surroundings(
        vlans=Counter(each.local_vlan for each in desired.attachments if not each.linux_bridge),
        networks=Counter((each.vni, each.dst_port) for _, each in attached) + Counter(tunnels),
        backends={port: frozenset(each) for port, each in backends.items()},
        strangers={} if overlay is None else _strangers(overlay, bound, inventory),
        has_ovs=inventory.observed.has_ovs,
        has_vxlan="vxlan" in inventory.observed.iface_types,
        has_ipv6=inventory.observed.ipv6,
        addresses=_addresses(inventory),
    )


def _addresses(inventory: Inventory) -> frozenset[str]:
    links = inventory.observed.links.values()
    return frozenset(each.partition("/")[0] for link in links for each in link.addresses)


def _strangers(overlay: OvsBridge, bound: Collection[str], inventory: Inventory) -> dict[int, str]:
    """A mark alone does not make a port ours: its tag may be what a segment had once."""
    return {
        placed.port.tag: f"port {placed.port.name}, which {owner_of_port(placed.port)},"
        for placed in placed_ports(overlay)
        if placed.port.tag
        and placed.port.name not in bound
        and not inventory.owns(placed.port.external_ids)
    }


def port_shared(resource: str, dst_port: int) -> Failure:
    message = (
        f"UDP port {dst_port} is to be used by Open vSwitch and by the kernel on this host, which "
        "loses packets; give one of the segments or tunnels another dst_port"
    )
    return Failure(resource, ErrorKind.INVALID, "UdpPortNotUnique", message)


def _attached(desired: HostState) -> Iterator[tuple[SegmentAttachment, SegmentFragment]]:
    for attachment in desired.attachments:
        fragment = desired.fragments.get(attachment.fragment_hash)
        if fragment is not None:
            yield attachment, fragment
