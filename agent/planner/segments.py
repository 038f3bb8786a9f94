"""Segments: what the mesh of each asks of this host, one tunnel per remote member.

A segment that contradicts itself or its neighbours, or that would share a VLAN with somebody else's
port, has no tunnels planned at all; those that it has stay as they are.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.errors import ErrorKind, Failure
from agent.model import (
    Bridge,
    HostState,
    SegmentAttachment,
    SegmentFragment,
    SegmentMember,
    segment_id,
    tunnel_id,
)
from agent.planner.bridges import kept_row
from agent.planner.inventory import Inventory, TunnelKey, placed_ports

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel as intended."""

    id: str
    bridge: str
    tag: int
    vni: int
    dst_port: int
    local_ip: str
    remote_ip: str

    @property
    def options(self) -> dict[str, str]:
        return {
            "key": str(self.vni),
            "remote_ip": self.remote_ip,
            "local_ip": self.local_ip,
            "dst_port": str(self.dst_port),
        }

    @property
    def key(self) -> TunnelKey:
        return TunnelKey(
            remote_ip=str(ipaddress.ip_address(self.remote_ip)),
            local_ip=str(ipaddress.ip_address(self.local_ip)),
            vni=str(self.vni),
            dst_port=str(self.dst_port),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else there is that a segment may clash with."""

    vlans: Mapping[int, int]
    """How many segments of this host use each local VLAN."""
    networks: Mapping[tuple[int, int], int]
    """How many segments of this host use each (VNI, UDP port)."""
    strangers: Mapping[int, str]
    """Ports on the overlay bridge that are not ours, by their tag."""
    has_vxlan: bool


def expand(desired: HostState, inventory: Inventory) -> tuple[list[Tunnel], list[Failure]]:
    """Every tunnel that is asked for; a segment or tunnel that cannot be is a failure."""
    tunnels: list[Tunnel] = []
    failures: list[Failure] = []
    surroundings = _survey(desired, inventory)
    for attachment in sorted(desired.attachments, key=lambda each: each.segment_uid):
        for item in _expand_segment(desired, attachment, surroundings):
            if isinstance(item, Failure):
                failures.append(item)
            else:
                tunnels.append(item)
    return tunnels, failures


def _survey(desired: HostState, inventory: Inventory) -> Surroundings:
    fragments = (desired.fragments.get(each.fragment_hash) for each in desired.attachments)
    overlay = None if desired.overlay is None else kept_row(desired.overlay, inventory)
    return Surroundings(
        vlans=Counter(each.local_vlan for each in desired.attachments),
        networks=Counter((each.vni, each.dst_port) for each in fragments if each is not None),
        strangers={
            placed.port.tag: placed.port.name
            for placed in (() if overlay is None else placed_ports(overlay))
            if placed.port.tag and not inventory.owns(placed.port.external_ids)
        },
        has_vxlan="vxlan" in inventory.observed.iface_types,
    )


def _expand_segment(
    desired: HostState, attachment: SegmentAttachment, surroundings: Surroundings
) -> Iterator[Tunnel | Failure]:
    fragment = desired.fragments.get(attachment.fragment_hash)
    resource = segment_id(attachment.segment_uid)
    if fragment is None:
        message = "its members are not known here; restart the agent to have everything sent again"
        yield Failure(resource, ErrorKind.INVALID, "FragmentMissing", message)
    elif desired.overlay is None:
        message = "the host has segments but no overlay bridge; this is a fault of the controller"
        yield Failure(resource, ErrorKind.INVALID, "OverlayMissing", message)
    elif refusal := _refusal(desired, attachment, fragment, surroundings):
        yield refusal
    else:
        yield from _expand_members(desired, desired.overlay, attachment, fragment)


def _refusal(
    desired: HostState,
    attachment: SegmentAttachment,
    fragment: SegmentFragment,
    surroundings: Surroundings,
) -> Failure | None:
    resource, vlan = segment_id(attachment.segment_uid), attachment.local_vlan
    if not surroundings.has_vxlan:
        message = "this Open vSwitch has no vxlan interfaces; install one that has"
        return Failure(resource, ErrorKind.UNSUPPORTED, "VxlanUnavailable", message)
    if all(member.host_uid != desired.host_uid for member in fragment.members):
        message = f"host {desired.host_name} is not among the members of its own segment"
        return Failure(resource, ErrorKind.INVALID, "NotAMember", message)
    if surroundings.vlans[vlan] > 1:
        message = f"local VLAN {vlan} stands for another segment of this host as well"
        return Failure(resource, ErrorKind.INVALID, "LocalVlanNotUnique", message)
    if surroundings.networks[fragment.vni, fragment.dst_port] > 1:
        message = f"VNI {fragment.vni} is that of another segment of this host as well"
        return Failure(resource, ErrorKind.INVALID, "VniNotUnique", message)
    if stranger := surroundings.strangers.get(vlan):
        message = (
            f"port {stranger} on the overlay bridge is not ours and has the segment's local VLAN "
            f"{vlan}; give it another tag or take it off the bridge"
        )
        return Failure(resource, ErrorKind.CONFLICT, "LocalVlanTaken", message)
    return None


def _expand_members(
    desired: HostState, overlay: Bridge, attachment: SegmentAttachment, fragment: SegmentFragment
) -> Iterator[Tunnel | Failure]:
    own = next(each for each in fragment.members if each.host_uid == desired.host_uid)
    vteps = Counter(_address(each.vtep) for each in fragment.members)
    for member in sorted(fragment.members, key=lambda each: each.host_uid):
        if member.host_uid == own.host_uid:
            continue
        resource = tunnel_id(attachment.segment_uid, member.host_uid)
        fault = _vtep_fault(own, member, vteps)
        if fault:
            yield Failure(resource, ErrorKind.INVALID, "VtepInvalid", fault)
            continue
        yield Tunnel(
            id=resource,
            bridge=overlay.name,
            tag=attachment.local_vlan,
            vni=fragment.vni,
            dst_port=fragment.dst_port,
            local_ip=str(_address(own.vtep)),
            remote_ip=str(_address(member.vtep)),
        )


def _vtep_fault(
    own: SegmentMember, member: SegmentMember, vteps: Mapping[Address | None, int]
) -> str:
    """Why no tunnel can lead to ``member``; empty if one can."""
    local, remote = _address(own.vtep), _address(member.vtep)
    if local is None or local.is_unspecified:
        return f"the VTEP of this host, {own.vtep!r}, is not an address; correct the host's vteps"
    if remote is None or remote.is_unspecified:
        return (
            f"the VTEP of host {member.host_name}, {member.vtep!r}, is not an address; correct "
            "that host's vteps"
        )
    if local.version != remote.version:
        return (
            f"the VTEP of host {member.host_name}, {remote}, is of another address family than "
            f"{local} of this host; give one of them a VTEP of the other's family"
        )
    if vteps[remote] > 1:
        return f"VTEP {remote} of host {member.host_name} is also another member's; make it unique"
    return ""


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
