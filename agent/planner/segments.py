"""Segments: what each asks of this host, free of contradictions.

A segment that contradicts itself or its neighbours, or that would share a VLAN with somebody else's
port, has nothing planned at all; what it has stays as it is.

An attachment says who carries the segment now. What the other backend has of the same segment on
this host is replaced by it, without being named as removed: it goes first and the new comes when it
is gone, because a segment that two backends carry at once loops.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.errors import ErrorKind, Failure
from agent.model import (
    BROADCAST_FDB,
    Backend,
    FdbEntry,
    HostState,
    SegmentAttachment,
    SegmentFragment,
    SegmentMember,
    segment_id,
    tunnel_id,
)
from agent.planner.health import no_open_vswitch, no_vxlan
from agent.planner.inventory import Inventory
from agent.planner.surroundings import Surroundings, port_shared, survey

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Remote:
    """A member elsewhere that can be reached."""

    host_uid: str
    vtep: str
    macs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as it is to be on this host."""

    uid: str
    backend: Backend
    bridge: str
    """Name of the overlay bridge, or of the Linux bridge where ``on_linux_bridge``."""
    on_linux_bridge: bool
    tag: int
    vni: int
    dst_port: int
    mtu: int
    local_ip: str
    remotes: tuple[Remote, ...]

    @property
    def id(self) -> str:
        return segment_id(self.uid)

    @property
    def fdb(self) -> frozenset[FdbEntry]:
        """Who gets what: floods each member, frames for a known MAC the one that has it.

        A MAC that two members have is flooded, as nobody can tell where it is.
        """
        count = Counter(mac for remote in self.remotes for mac in remote.macs)
        known = {
            FdbEntry(mac, remote.vtep)
            for remote in self.remotes
            for mac in remote.macs
            if count[mac] == 1
        }
        return frozenset(known | {FdbEntry(BROADCAST_FDB, each.vtep) for each in self.remotes})


def expand(desired: HostState, inventory: Inventory) -> tuple[list[Segment], list[Failure]]:
    """Every segment that can be here, with the members that can be reached, and what cannot."""
    segments: list[Segment] = []
    failures: list[Failure] = []
    surroundings = survey(desired, inventory)
    for attachment in sorted(desired.attachments, key=lambda each: each.segment_uid):
        fragment = desired.fragments.get(attachment.fragment_hash)
        refusal = _refusal(desired, attachment, fragment, surroundings)
        if refusal is not None:
            failures.append(refusal)
        elif fragment is not None:
            segments.append(_segment(desired, attachment, fragment))
            failures += _unreachable(desired, fragment)
    return segments, failures


# --- members -------------------------------------------------------------------------------------


def _segment(
    desired: HostState, attachment: SegmentAttachment, fragment: SegmentFragment
) -> Segment:
    on_linux_bridge = bool(attachment.linux_bridge)
    overlay = "" if desired.overlay is None else desired.overlay.name
    return Segment(
        uid=attachment.segment_uid,
        backend=attachment.backend,
        bridge=attachment.linux_bridge or overlay,
        on_linux_bridge=on_linux_bridge,
        tag=0 if on_linux_bridge else attachment.local_vlan,
        vni=fragment.vni,
        dst_port=fragment.dst_port,
        mtu=fragment.mtu,
        local_ip=str(_address(_own(desired, fragment).vtep)),
        remotes=tuple(_reachable(desired, fragment)),
    )


def _own(desired: HostState, fragment: SegmentFragment) -> SegmentMember:
    return next(each for each in fragment.members if each.host_uid == desired.host_uid)


def _others(desired: HostState, fragment: SegmentFragment) -> Iterator[tuple[SegmentMember, str]]:
    """Every other member, and why nothing can be sent to it; empty if it can."""
    own = _own(desired, fragment)
    vteps = Counter(_address(each.vtep) for each in fragment.members)
    for member in sorted(fragment.members, key=lambda each: each.host_uid):
        if member.host_uid != own.host_uid:
            yield member, _vtep_fault(own, member, vteps)


def _reachable(desired: HostState, fragment: SegmentFragment) -> Iterator[Remote]:
    here = frozenset(_own(desired, fragment).macs)
    for member, fault in _others(desired, fragment):
        if not fault:
            macs = tuple(mac for mac in member.macs if mac not in here)
            yield Remote(member.host_uid, str(_address(member.vtep)), macs)


def _unreachable(desired: HostState, fragment: SegmentFragment) -> Iterator[Failure]:
    for member, fault in _others(desired, fragment):
        if fault:
            resource = tunnel_id(fragment.segment_uid, member.host_uid)
            yield Failure(resource, ErrorKind.INVALID, "VtepInvalid", fault)


def _vtep_fault(
    own: SegmentMember, member: SegmentMember, vteps: Mapping[Address | None, int]
) -> str:
    """Why nothing can be sent to ``member``; empty if it can."""
    local, remote = _address(own.vtep), _address(member.vtep)
    if local is None or local.is_unspecified:
        return _own_fault(own)
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


def _own_fault(own: SegmentMember) -> str:
    address = _address(own.vtep)
    if address is not None and not address.is_unspecified:
        return ""
    return f"the VTEP of this host, {own.vtep!r}, is not an address; correct the host's vteps"


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


# --- refusals ------------------------------------------------------------------------------------


def _refusal(
    desired: HostState,
    attachment: SegmentAttachment,
    fragment: SegmentFragment | None,
    surroundings: Surroundings,
) -> Failure | None:
    resource = segment_id(attachment.segment_uid)
    if fragment is None:
        message = "its members are not known here; restart the agent to have everything sent again"
        return Failure(resource, ErrorKind.INVALID, "FragmentMissing", message)
    return _backend_refusal(desired, attachment, surroundings) or _clash(
        desired, attachment, fragment, surroundings
    )


def _backend_refusal(
    desired: HostState, attachment: SegmentAttachment, surroundings: Surroundings
) -> Failure | None:
    resource = segment_id(attachment.segment_uid)
    if attachment.backend is Backend.UNKNOWN:
        message = "the backend of the segment is not known to this agent; upgrade it"
        return Failure(resource, ErrorKind.UNSUPPORTED, "BackendUnknown", message)
    if attachment.linux_bridge and attachment.backend is not Backend.KERNEL:
        message = f"on Linux bridge {attachment.linux_bridge} only the kernel can carry a segment"
        return Failure(resource, ErrorKind.INVALID, "BackendUnfit", message)
    if attachment.linux_bridge:
        return None
    return _ovs_refusal(desired, attachment, surroundings)


def _ovs_refusal(
    desired: HostState, attachment: SegmentAttachment, surroundings: Surroundings
) -> Failure | None:
    resource = segment_id(attachment.segment_uid)
    if not surroundings.has_ovs:
        return no_open_vswitch(resource)
    if desired.overlay is None:
        message = "the host has segments but no overlay bridge; this is a fault of the controller"
        return Failure(resource, ErrorKind.INVALID, "OverlayMissing", message)
    if attachment.backend is Backend.OVS and not surroundings.has_vxlan:
        return no_vxlan(resource)
    return None


def _clash(
    desired: HostState,
    attachment: SegmentAttachment,
    fragment: SegmentFragment,
    surroundings: Surroundings,
) -> Failure | None:
    resource, vlan = segment_id(attachment.segment_uid), attachment.local_vlan
    if all(member.host_uid != desired.host_uid for member in fragment.members):
        message = f"host {desired.host_name} is not among the members of its own segment"
        return Failure(resource, ErrorKind.INVALID, "NotAMember", message)
    if surroundings.networks[fragment.vni, fragment.dst_port] > 1:
        message = f"VNI {fragment.vni} is that of another segment or tunnel of this host as well"
        return Failure(resource, ErrorKind.INVALID, "VniNotUnique", message)
    if len(surroundings.backends.get(fragment.dst_port, ())) > 1:
        return port_shared(resource, fragment.dst_port)
    own = _own(desired, fragment)
    if attachment.backend is Backend.KERNEL and (fault := _own_fault(own)):
        return Failure(resource, ErrorKind.INVALID, "VtepInvalid", fault)
    return None if attachment.linux_bridge else _vlan_clash(resource, vlan, surroundings)


def _vlan_clash(resource: str, vlan: int, surroundings: Surroundings) -> Failure | None:
    if surroundings.vlans[vlan] > 1:
        message = f"local VLAN {vlan} stands for another segment of this host as well"
        return Failure(resource, ErrorKind.INVALID, "LocalVlanNotUnique", message)
    if stranger := surroundings.strangers.get(vlan):
        message = (
            f"port {stranger} on the overlay bridge is not ours and has the segment's local VLAN "
            f"{vlan}; give it another tag or take it off the bridge"
        )
        return Failure(resource, ErrorKind.CONFLICT, "LocalVlanTaken", message)
    return None
