"""What specs refer to and which devices they name, read off one spec alone. Pure; owns nothing."""

from __future__ import annotations

from collections.abc import Iterator

from controller.domain.definitions import FlowExportSpec, MirrorSpec, TransportZoneSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    BridgeType,
    HostSpec,
    Kind,
    PortSpec,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.validation.world import BridgeAt


def references(ref: Ref, spec: Spec) -> Iterator[Ref]:
    """Yield what a spec refers to. Hosts and bridges live in the default project."""
    if isinstance(spec, BridgeSpec) and spec.host is not None:
        yield Ref(Kind.HOST, DEFAULT_PROJECT, spec.host)
    if isinstance(spec, PortSpec):
        yield from _of_port(ref, spec)
    if isinstance(spec, TunnelSpec):
        for end in spec.ends:
            if end.host is not None:
                yield Ref(Kind.HOST, DEFAULT_PROJECT, end.host)
            if end.bridge is not None:
                yield Ref(Kind.BRIDGE, DEFAULT_PROJECT, end.bridge)
    yield from _named_definitions(spec)
    yield from _from_definition(spec)


def _of_port(ref: Ref, spec: PortSpec) -> Iterator[Ref]:
    yield from (Ref(Kind.HOST, DEFAULT_PROJECT, name) for name in spec.hosts)
    if spec.segment is not None:
        yield Ref(Kind.SEGMENT, ref.project, spec.segment)
    if spec.qos_policy is not None:
        yield Ref(Kind.QOS_POLICY, DEFAULT_PROJECT, spec.qos_policy)
    for bridge in bridges_of(spec):
        yield Ref(Kind.BRIDGE, DEFAULT_PROJECT, bridge)


def _named_definitions(spec: Spec) -> Iterator[Ref]:
    zones: tuple[str | None, ...] = ()
    pools: tuple[str | None, ...] = ()
    profiles: tuple[str | None, ...] = ()
    if isinstance(spec, HostSpec):
        zones, pools = spec.zones, (spec.vtep_pool,)
    if isinstance(spec, SegmentSpec):
        zones, pools, profiles = (spec.zone,), (spec.vni_pool,), (spec.tunnel_profile,)
    if isinstance(spec, TransportZoneSpec):
        pools = (spec.vni_pool, spec.vtep_pool)
    named = {Kind.TRANSPORT_ZONE: zones, Kind.POOL: pools, Kind.TUNNEL_PROFILE: profiles}
    for kind, names in named.items():
        yield from (Ref(kind, DEFAULT_PROJECT, name) for name in names if name is not None)


def _from_definition(spec: Spec) -> Iterator[Ref]:
    """Definitions live in the default project, as what they refer to does."""
    if isinstance(spec, BridgeSpec | FlowExportSpec) and spec.host_group is not None:
        yield Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, spec.host_group)
    if isinstance(spec, MirrorSpec):
        yield Ref(Kind.HOST, DEFAULT_PROJECT, spec.host)
        if spec.bridge is not None:
            yield Ref(Kind.BRIDGE, DEFAULT_PROJECT, spec.bridge)
        yield from watched_by(spec)


def watched_by(spec: MirrorSpec) -> Iterator[Ref]:
    """Yield the ports and segments of a mirror, which may be of any project."""
    ports = {*spec.select_src_ports, *spec.select_dst_ports}
    if spec.output_port is not None:
        ports.add(spec.output_port)
    yield from (qualified(Kind.PORT, port) for port in sorted(ports))
    yield from (qualified(Kind.SEGMENT, segment) for segment in spec.select_segments)


def qualified(kind: Kind, words: str) -> Ref:
    """Read ``project/name``, or ``name`` in the default project."""
    project, slash, name = words.partition("/")
    return Ref(kind, project, name) if slash else Ref(kind, DEFAULT_PROJECT, words)


def hosts_of_topology(spec: Spec) -> frozenset[str]:
    """Name the hosts that a segment's topology is about. They need not be on the segment."""
    if not isinstance(spec, SegmentSpec):
        return frozenset()
    return frozenset([*spec.hubs, *(name for pair in spec.links for name in pair)])


def bridges_of(spec: PortSpec) -> Iterator[str]:
    """Name the bridges that a port is at: none for a segment's, and two for a patch."""
    if spec.bridge is not None:
        yield spec.bridge
    if spec.settings.patch is not None:
        yield spec.settings.patch.bridge


def bridges_at(spec: Spec) -> Iterator[BridgeAt]:
    """Yield the bridges, each on a host, that a port, tunnel or mirror is at."""
    match spec:
        case PortSpec(host=str(host)):
            yield from (BridgeAt(host, bridge) for bridge in bridges_of(spec))
        case TunnelSpec(ends=ends):
            for end in ends:
                if end.host is not None and end.bridge is not None:
                    yield BridgeAt(end.host, end.bridge)
        case MirrorSpec(host=host, bridge=str(bridge)):
            yield BridgeAt(host, bridge)
        case _:
            pass


def runs_stp(spec: Spec) -> bool:
    stp = spec.settings.stp if isinstance(spec, BridgeSpec) else None
    return stp is not None and bool(stp.enabled)


def counts_ports(spec: Spec) -> bool:
    """Tell whether every port of a bridge matters to each other, which are then few."""
    return runs_stp(spec) or (isinstance(spec, BridgeSpec) and spec.type is BridgeType.LINUX)


def devices_of(spec: PortSpec) -> Iterator[tuple[str, str]]:
    """Yield (pointer, name) of what a port is or takes in the host's own namespace."""
    if spec.interface:
        yield "/spec/interface", spec.interface
    if spec.settings.patch is not None:
        yield "/spec/patch/interface", spec.settings.patch.interface
    if spec.settings.bond is not None:
        for member in sorted(set(spec.settings.bond.members)):
            yield "/spec/bond/members", member


def vteps_of(spec: Spec) -> tuple[str, ...]:
    """Return the VTEPs of a host, of the ends of a tunnel and of those outside of a segment."""
    if isinstance(spec, TunnelSpec):
        return tuple(end.ip for end in spec.ends if end.ip is not None)
    if isinstance(spec, SegmentSpec):
        return spec.external_vteps
    return spec.vteps if isinstance(spec, HostSpec) else ()


def number_of(spec: Spec) -> int | None:
    """Return the VNI of a segment or the key of a tunnel, which are one space of numbers."""
    match spec:
        case SegmentSpec(vni=number) | TunnelSpec(key=number):
            return number
        case _:
            return None
