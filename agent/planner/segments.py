"""Segments: what each asks of this host, free of contradictions.

A segment that contradicts itself or its neighbours, or that would share a VLAN with somebody else's
port, has nothing planned at all; what it has stays as it is.

An attachment says who carries the segment now. What the other backend has of the same segment on
this host is replaced by it, without being named as removed: it goes first and the new comes when it
is gone, because a segment that two backends carry at once loops.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.errors import ErrorKind, Failure
from agent.fragments import ArpMode, Neighbour, SegmentFragment, Topology, TunnelOptions
from agent.model import Backend, DatapathType, HostState, SegmentAttachment, segment_id
from agent.observed import FdbEntry
from agent.planner.carriage import unknown_option
from agent.planner.health import no_ipv6, no_open_vswitch, no_vxlan
from agent.planner.neighbours import Neighbours, Remote, neighbours
from agent.planner.surroundings import Surroundings, port_shared


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
    """With the kernel's device: the one that all know, as in ``fdb``, if this host still has it."""
    former_ip: str
    """As in ``Neighbours``."""
    remotes: tuple[Remote, ...]
    fdb: frozenset[FdbEntry]
    addresses: frozenset[Neighbour]
    """Who has which address elsewhere."""
    options: TunnelOptions
    arp_mode: ArpMode

    @property
    def id(self) -> str:
        return segment_id(self.uid)


def expand(desired: HostState, surroundings: Surroundings) -> tuple[list[Segment], list[Failure]]:
    """Every segment that can be here, with the members that can be reached, and what cannot."""
    segments: list[Segment] = []
    failures: list[Failure] = []
    for attachment in sorted(desired.attachments, key=lambda each: each.segment_uid):
        fragment = desired.fragments.get(attachment.fragment_hash)
        refusal = _refusal(desired, attachment, fragment, surroundings)
        if refusal is not None:
            failures.append(refusal)
        elif fragment is not None:
            segment = _segment(desired, attachment, fragment, surroundings)
            unfit = _unfit_mark(desired, fragment)
            if attachment.backend is Backend.OVS and unfit is not None:
                options = replace(segment.options, egress_pkt_mark=None)
                segment = replace(segment, options=options)
                failures.append(unfit)
            segments.append(segment)
            failures += neighbours(fragment, desired.host_uid).unreachable
    return segments, failures


def _segment(
    desired: HostState,
    attachment: SegmentAttachment,
    fragment: SegmentFragment,
    surroundings: Surroundings,
) -> Segment:
    on_linux_bridge = bool(attachment.linux_bridge)
    overlay = "" if desired.overlay is None else desired.overlay.name
    others = neighbours(fragment, desired.host_uid)
    # A device has one address alone: it goes on with what all members know it by. Where that is
    # gone from the host, nobody is reached with it.
    by_known = attachment.backend is Backend.KERNEL and others.known_ip in surroundings.addresses
    return Segment(
        uid=attachment.segment_uid,
        backend=attachment.backend,
        bridge=attachment.linux_bridge or overlay,
        on_linux_bridge=on_linux_bridge,
        tag=0 if on_linux_bridge else attachment.local_vlan,
        vni=fragment.vni,
        dst_port=fragment.dst_port,
        mtu=fragment.mtu,
        local_ip=others.known_ip if by_known else others.local_ip,
        former_ip=others.former_ip,
        remotes=others.remotes,
        fdb=others.fdb,
        addresses=others.addresses,
        options=fragment.options,
        arp_mode=fragment.arp_mode,
    )


def _unfit_mark(desired: HostState, fragment: SegmentFragment) -> Failure | None:
    """A userspace datapath looks up routes by the mark, and has none but those without: whatever
    bears another one is lost.
    """
    is_userspace = desired.overlay and desired.overlay.datapath_type is DatapathType.NETDEV
    mark = fragment.options.egress_pkt_mark
    if not (is_userspace and mark):
        return None
    message = (
        f"egress_pkt_mark {mark} would lose every packet on the userspace datapath of this host, "
        "so that it is left out; take it out of the tunnel profile"
    )
    resource = segment_id(fragment.segment_uid)
    return Failure(resource, ErrorKind.UNSUPPORTED, "EgressMarkUnsupported", message)


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
    return (
        _backend_refusal(desired, attachment, surroundings)
        or _shape_refusal(attachment, fragment)
        or _clash(desired, attachment, fragment, surroundings)
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


def _shape_refusal(attachment: SegmentAttachment, fragment: SegmentFragment) -> Failure | None:
    resource = segment_id(attachment.segment_uid)
    if Topology.UNKNOWN is fragment.topology or ArpMode.UNKNOWN is fragment.arp_mode:
        message = "the topology or ARP mode of the segment is not known to this agent; upgrade it"
        return Failure(resource, ErrorKind.UNSUPPORTED, "SegmentUnknown", message)
    if unknown := unknown_option(fragment.options):
        message = f"{unknown} is not known to this agent; upgrade it"
        return Failure(resource, ErrorKind.UNSUPPORTED, "OptionUnknown", message)
    if fragment.topology is Topology.LINKS and attachment.backend is Backend.KERNEL:
        message = (
            "the kernel never forwards from one host to another, which links between some members "
            "need; give the segment backend ovs or topology full"
        )
        return Failure(resource, ErrorKind.INVALID, "TopologyUnfit", message)
    if fragment.arp_mode is ArpMode.SUPPRESS and not attachment.linux_bridge:
        message = "only a Linux bridge suppresses ARP; give the segment another arp_mode"
        return Failure(resource, ErrorKind.INVALID, "ArpModeUnfit", message)
    if fragment.arp_mode is ArpMode.STRICT and attachment.backend is not Backend.KERNEL:
        message = "only the kernel's vxlan device answers ARP; give the segment backend kernel"
        return Failure(resource, ErrorKind.INVALID, "ArpModeUnfit", message)
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
    if refusal := _vtep_refusal(attachment, neighbours(fragment, desired.host_uid), surroundings):
        return refusal
    return None if attachment.linux_bridge else _vlan_clash(resource, vlan, surroundings)


def _vtep_refusal(
    attachment: SegmentAttachment, found: Neighbours, surroundings: Surroundings
) -> Failure | None:
    resource = segment_id(attachment.segment_uid)
    if attachment.backend is Backend.KERNEL and found.own_fault:
        return Failure(resource, ErrorKind.INVALID, "VtepInvalid", found.own_fault)
    if ":" in found.local_ip and not surroundings.has_ipv6:
        return no_ipv6(resource, found.local_ip)
    return None


def _vlan_clash(resource: str, vlan: int, surroundings: Surroundings) -> Failure | None:
    if surroundings.vlans[vlan] > 1:
        message = f"local VLAN {vlan} stands for another segment of this host as well"
        return Failure(resource, ErrorKind.INVALID, "LocalVlanNotUnique", message)
    if stranger := surroundings.strangers.get(vlan):
        message = (
            f"{stranger} has the segment's local VLAN {vlan} on the overlay bridge; give it "
            "another tag, or take it off the bridge"
        )
        return Failure(resource, ErrorKind.CONFLICT, "LocalVlanTaken", message)
    return None
