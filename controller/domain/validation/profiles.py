"""Rules of tunnel profiles: what the hosts of their segments can do, and what stays as it is.

The group policy extension belongs to a UDP port of a host: Open vSwitch refuses a second tunnel
there that differs in it, and the kernel a second socket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from controller.domain.definitions import TunnelProfileSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    AddressFamily,
    Backend,
    BridgeType,
    DatapathType,
    HostSpec,
    Kind,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
    segment_backend,
)
from controller.domain.validation.after import After, segment_ref
from controller.domain.validation.completion import DEFAULT_PORTS
from controller.domain.validation.faults import Faults
from controller.domain.validation.relations import unknown
from controller.domain.validation.world import Draft

_NOT_ON = {
    Backend.OVS: ("flow_label", "source_port_min"),
    Backend.KERNEL: ("egress_pkt_mark", "bfd"),
}


def check_profiles(after: After, faults: Faults) -> None:
    for ref, segment in _concerned(after):
        name = segment.tunnel_profile
        profile = profile_of(segment, after)
        if ref in after.drafts and name is not None and profile is None:
            unknown(
                Kind.TUNNEL_PROFILE,
                name,
                f"{after.drafts[ref].pointer}/spec/tunnel_profile",
                faults,
            )
        if profile is not None:
            _check_backends(ref, segment, profile, after, faults)
        _check_unchanged(ref, segment, after, faults)
    for draft in after.drafts.values():
        if isinstance(draft.spec, TunnelProfileSpec) and draft.current is not None:
            _check_dst_port(draft, draft.spec, after, faults)
    _check_shared_ports(after, faults)


def profile_of(segment: SegmentSpec, after: After) -> TunnelProfileSpec | None:
    if segment.tunnel_profile is None:
        return None
    entry = after.entries.get(Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, segment.tunnel_profile))
    return entry.spec if entry and isinstance(entry.spec, TunnelProfileSpec) else None


def _concerned(after: After) -> Iterator[tuple[Ref, SegmentSpec]]:
    """Yield the touched segments, and those of a profile that the request writes."""
    found = dict(after.touched_segments())
    for ref in after.drafts:
        if ref.kind is Kind.TUNNEL_PROFILE:
            for entry in after.referring_to(ref):
                if isinstance(entry.spec, SegmentSpec):
                    found[entry.ref] = entry.spec
    yield from found.items()


def backends_of(ref: Ref, segment: SegmentSpec, after: After) -> dict[Backend, str | None]:
    """Return who encapsulates the segment, each with a host where it is so, where that is known.

    Without members it is whoever the segment says."""
    found: dict[Backend, str | None] = {}
    elsewhere = after.elsewhere(ref)
    if elsewhere.has_linux:
        found[Backend.KERNEL] = None
    if elsewhere.has_ovs:
        found[segment.backend or Backend.OVS] = None
    for _, name in after.plugged(ref):
        if (host := after.host(name)) is not None:
            found[segment_backend(segment, host)] = name
    return found or {segment.backend or Backend.OVS: None}


def blamed(ref: Ref, field: str, after: After) -> str | None:
    """Return where the request brings it about: the segment, a port that joins it, its profile."""
    if ref in after.drafts:
        return f"{after.drafts[ref].pointer}/spec/{field}"
    joining = next((port for port, _ in after.ports_of(ref) if port.ref in after.drafts), None)
    return f"{joining.pointer}/spec/segment" if joining else None


def _check_backends(
    ref: Ref, segment: SegmentSpec, profile: TunnelProfileSpec, after: After, faults: Faults
) -> None:
    named = Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, segment.tunnel_profile or "")
    for backend, host in backends_of(ref, segment, after).items():
        where = f"on host {host!r}" if host else "there"
        for field in _NOT_ON[backend]:
            pointer = _blamed(ref, named, field, after)
            if pointer is not None and getattr(profile, field) is not None:
                faults.invalid(
                    pointer,
                    "unsupported_on_backend",
                    f"TunnelProfile {named.name!r} has {field!r}, which the backend {backend}"
                    f" does not know, and it carries segment {ref.name!r} {where}",
                    f"leave {field!r} out of the profile, or name another profile",
                )
    _check_datapaths(ref, named, profile, after, faults)
    pointer = _blamed(ref, named, "flow_label", after)
    if profile.flow_label and segment.address_family is AddressFamily.IPV4 and pointer is not None:
        faults.invalid(
            pointer,
            "unsupported_on_family",
            f"TunnelProfile {named.name!r} has 'flow_label', which only IPv6 packets have, and the"
            f" tunnels of segment {ref.name!r} are IPv4",
            "leave 'flow_label' out of the profile, or name another profile",
        )


def _check_datapaths(
    ref: Ref, named: Ref, profile: TunnelProfileSpec, after: After, faults: Faults
) -> None:
    """Refuse a mark where the userspace datapath would lose every packet that has one."""
    near = any(on_userspace(after.host(name)) for _, name in after.plugged(ref))
    pointer = _blamed(ref, named, "egress_pkt_mark", after)
    is_lost = profile.egress_pkt_mark and (near or after.elsewhere(ref).has_userspace)
    if is_lost and pointer is not None:
        faults.invalid(
            pointer,
            "unsupported_on_datapath",
            f"TunnelProfile {named.name!r} has 'egress_pkt_mark', and a member host of segment"
            f" {ref.name!r} has datapath_type 'netdev', which loses packets with a mark",
            "leave 'egress_pkt_mark' out of the profile, or name another profile",
        )


def on_userspace(host: Spec | None) -> bool:
    return (
        isinstance(host, HostSpec)
        and host.overlay_bridge_type is BridgeType.OVS
        and host.datapath_type is DatapathType.NETDEV
    )


def _blamed(segment: Ref, profile: Ref, field: str, after: After) -> str | None:
    if profile in after.drafts:
        return f"{after.drafts[profile].pointer}/spec/{field}"
    return blamed(segment, "tunnel_profile", after)


# --- what cannot change under traffic ------------------------------------------------------------


def _check_unchanged(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    """Refuse changes of what both ends must have at one time, while the segment has ports."""
    before = after.world.objects.get(ref)
    in_use = bool(after.hosts_before(ref)) or after.elsewhere(ref).hosts > 0
    if before is None or not in_use or not isinstance(before.spec, SegmentSpec):
        return
    was, now = _stored_profile(before.spec, after), profile_of(segment, after)
    pointer = _changed_at(ref, segment, "gbp", after)
    if _has_gbp(was) is not _has_gbp(now) and pointer is not None:
        faults.conflict(
            pointer,
            "immutable_in_use",
            f"'gbp' cannot change for segment {ref.name!r} while it has ports: its hosts would not"
            " understand each other until all of them have it",
            "create another profile and a segment that names it, and move the ports there",
        )


def _check_dst_port(draft: Draft, profile: TunnelProfileSpec, after: After, faults: Faults) -> None:
    """A segment keeps the port that it took when it was created; a profile must not say another."""
    before = draft.current.spec if draft.current else None
    was = before.dst_port if isinstance(before, TunnelProfileSpec) else None
    if was == profile.dst_port:
        return
    left = [
        entry.ref
        for entry in after.referring_to(draft.ref)
        if _stays_behind(was, profile.dst_port, entry)
    ]
    if left:
        faults.conflict(
            f"{draft.pointer}/spec/dst_port",
            "immutable_in_use",
            f"{after.listing(left)} took 'dst_port' from TunnelProfile {draft.ref.name!r}, and"
            " would go on with the old one",
            "create another profile and segments that name it; a segment without ports can be given"
            " its new 'dst_port' in the same request",
        )


def _stays_behind(was: int | None, now: int | None, segment: Draft) -> bool:
    """Tell whether a segment took the UDP port that its profile had, and would not have the new
    one. What chose a port for itself has nothing to do with the profile's."""
    before, spec = segment.current and segment.current.spec, segment.spec
    if not isinstance(before, SegmentSpec) or not isinstance(spec, SegmentSpec):
        return False
    default = DEFAULT_PORTS[spec.backend or Backend.OVS]
    is_same = before.tunnel_profile == spec.tunnel_profile
    return is_same and before.dst_port == (was or default) and spec.dst_port != (now or default)


def _stored_profile(segment: SegmentSpec, after: After) -> TunnelProfileSpec | None:
    ref = Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, segment.tunnel_profile or "")
    found = after.world.objects.get(ref)
    return found.spec if found and isinstance(found.spec, TunnelProfileSpec) else None


def _has_gbp(profile: TunnelProfileSpec | None) -> bool:
    return profile is not None and bool(profile.gbp)


def _changed_at(ref: Ref, segment: SegmentSpec, field: str, after: After) -> str | None:
    profile = Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, segment.tunnel_profile or "")
    if profile in after.drafts:
        return f"{after.drafts[profile].pointer}/spec/{field}"
    return f"{after.drafts[ref].pointer}/spec/tunnel_profile" if ref in after.drafts else None


# --- one UDP port of a host ----------------------------------------------------------------------


class _Shared(NamedTuple):
    host: str
    dst_port: int
    backend: Backend


class _User(NamedTuple):
    owner: Ref
    """The segment or tunnel."""
    has_gbp: bool
    cause: Draft
    """The segment's port or the tunnel itself."""


def _check_shared_ports(after: After, faults: Faults) -> None:
    specs = (entry.spec for entry in after.entries.values())
    if not any(isinstance(spec, TunnelProfileSpec) and spec.gbp for spec in specs):
        return
    for name, host in after.hosts():
        by_port: dict[_Shared, list[_User]] = defaultdict(list)
        for where, user in _users(name, host, after):
            by_port[where].append(user)
        for where, users in by_port.items():
            for user in users:
                rival = next((u for u in users if u.has_gbp is not user.has_gbp), None)
                if rival is not None and user.cause.ref in after.drafts:
                    _refuse_mix(where, (user, rival), after, faults)


def _users(name: str, host: HostSpec, after: After) -> Iterator[tuple[_Shared, _User]]:
    for entry in after.on_host(name):
        if isinstance(entry.spec, TunnelSpec):
            where = _Shared(name, entry.spec.dst_port, Backend.OVS)
            yield where, _User(entry.ref, has_gbp=False, cause=entry)
        ref = segment_ref(entry)
        segment = after.segment(ref) if ref is not None else None
        if ref is not None and segment is not None and segment.dst_port is not None:
            profile = profile_of(segment, after)
            where = _Shared(name, segment.dst_port, segment_backend(segment, host))
            yield where, _User(ref, profile is not None and bool(profile.gbp), entry)


def _refuse_mix(where: _Shared, users: tuple[_User, _User], after: After, faults: Faults) -> None:
    """Blame the first of the two."""
    user = users[0]
    pointer = f"{after.drafts[user.cause.ref].pointer}/spec/segment"
    if user.owner in after.drafts:
        field = "dst_port" if user.owner.kind is Kind.TUNNEL else "tunnel_profile"
        pointer = f"{after.drafts[user.owner].pointer}/spec/{field}"
    has, lacks = sorted(users, key=lambda found: not found.has_gbp)
    faults.conflict(
        pointer,
        "gbp_port_clash",
        f"on host {where.host!r} {after.listing([has.owner])} has the group policy extension and"
        f" {after.listing([lacks.owner])} has not, and both would share UDP port {where.dst_port}",
        "give one of them another dst_port, or a profile that agrees in 'gbp'",
    )
