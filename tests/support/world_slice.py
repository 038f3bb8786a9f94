"""What ``World.objects`` promises, taken from a whole fleet in memory: the model of the loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    DEFINITIONS,
    HostSpec,
    Kind,
    Object,
    PortSpec,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.validation import (
    Place,
    Wanted,
    counts_ports,
    inner_places,
    places,
    references,
)
from controller.domain.validation.mirror_ports import UPLINKS
from controller.domain.validation.references import (
    bridges_at,
    bridges_of,
    devices_of,
    hosts_of_topology,
    watched_by,
)
from controller.domain.validation.world import BridgeAt
from tests.support.group_slice import brought


def slice_of(objects: Mapping[Ref, Object], want: Wanted) -> set[Ref]:
    """Choose the objects that ``World.objects`` promises, one promise after the other."""
    every = objects.values()
    near = {ref.name for ref in want.hosts}
    targets = {ref.name for ref in want.host_targets}
    loaded = {o.ref for o in every if near & hosts_of(o) and o.kind is Kind.BRIDGE}
    loaded |= brought(objects, want)
    loaded |= want.refs | want.segments | {s for o in every for s in segments_on(o, near)}
    loaded |= _ports_looked_at(every, want) | _tunnels_looked_at(every, want)
    for found in (o for o in every if isinstance(o.spec, TunnelSpec)):
        if targets & hosts_of(found):
            bridges = {*bridges_at(found.spec)}
            loaded |= {o.ref for o in every if o.kind is Kind.PORT and _bridge_of(o) in bridges}
    loaded |= {o.ref for o in every if want.vteps & set(_addresses_of(o.spec))}
    loaded |= {o.ref for o in every if getattr(o.spec, "iface_id", None) in want.iface_ids}
    loaded |= {o.ref for o in every if want.takers and o.kind is Kind.POOL}
    definitions = {ref for ref in want.targets if ref.kind in DEFINITIONS}
    loaded |= {o.ref for o in every if definitions & {*references(o.ref, o.spec)}}
    loaded |= _watchers(every, want)
    loaded |= {o.ref for o in every if (want.vteps | targets) & _mentions(o.spec)}
    loaded |= _flooding_component(every, want)
    there = [o for o in every if o.ref in loaded]
    loaded |= {r for o in there for r in references(o.ref, o.spec) if r.kind is Kind.TUNNEL_PROFILE}
    return loaded & objects.keys()


def _watchers(every: Iterable[Object], want: Wanted) -> set[Ref]:
    """Mirrors on hosts or of segments that matter, and beside one that is named what its copies
    may leave by; exports and their groups; ports of policies."""
    near = {ref.name for ref in want.hosts}
    found = {
        o.ref
        for o in every
        if isinstance(o.spec, MirrorSpec)
        and (o.spec.host in near or want.targets & _segments_selected(o.spec))
    }
    if any(ref.kind is Kind.MIRROR for ref in want.targets):
        ports = ((o.ref, o.spec) for o in every if isinstance(o.spec, PortSpec))
        found |= {ref for ref, spec in ports if spec.type in UPLINKS and spec.host in near}
    if {ref.kind for ref in want.targets} & {Kind.FLOW_EXPORT, Kind.HOST_GROUP}:
        exports = [o for o in every if o.kind is Kind.FLOW_EXPORT]
        found |= {ref for o in exports for ref in (o.ref, *references(o.ref, o.spec))}
    for policy in (ref for ref in want.targets if ref.kind is Kind.QOS_POLICY):
        users = [o.ref for o in every if policy in references(o.ref, o.spec)]
        named = sum(ref.kind is Kind.PORT for ref in want.targets)
        found |= {*users[: named + 1]}
    return found


def _segments_selected(spec: MirrorSpec) -> set[Ref]:
    return {ref for ref in watched_by(spec) if ref.kind is Kind.SEGMENT}


def _ports_looked_at(every: Iterable[Object], want: Wanted) -> set[Ref]:
    near = {ref.name for ref in want.hosts}
    targets = {ref.name for ref in want.host_targets}
    segments = want.segments | {s for o in every for s in segments_on(o, targets)}
    bridges = {ref.name for ref in want.port_bridges} | _crowded(every, want)
    found: set[Ref] = set()
    known: set[tuple[str, Ref | None]] = {("", None)}
    for each in every:
        spec, segment = each.spec, segment_of(each)
        if not isinstance(spec, PortSpec) or not (there := near & {*spec.hosts}):
            continue
        names = {name for _, name in devices_of(spec)}
        names |= {spec.peer.interface if spec.peer else ""}
        places = {(host, segment) for host in there}
        first = segment is not None and bool(places - known)
        known |= places
        if (
            first
            or there & targets
            or segment in segments
            or bridges & {*bridges_of(spec)}
            or names & want.devices
            or spec.interface.startswith("kx")
        ):
            found.add(each.ref)
    return found


def _tunnels_looked_at(every: Iterable[Object], want: Wanted) -> set[Ref]:
    near = {ref.name for ref in want.hosts}
    targets = {ref.name for ref in want.host_targets}
    crowded = _crowded(every, want)
    found: set[Ref] = set()
    known: set[tuple[str, int]] = set()
    for each in every:
        spec, hosts = each.spec, hosts_of(each)
        if not isinstance(spec, TunnelSpec) or not near & hosts:
            continue
        places = {(host, spec.dst_port) for host in near & hosts}
        bridges = {r for r in references(each.ref, spec) if r.kind is Kind.BRIDGE}
        names = {r.name for r in bridges}
        if (
            targets & hosts
            or spec.key in want.vnis
            or want.tunnel_bridges & bridges
            or crowded & names
            or places - known
        ):
            found |= {each.ref} | {Ref(Kind.HOST, DEFAULT_PROJECT, host) for host in hosts}
        known |= places
    return found


def _flooding_component(every: Iterable[Object], want: Wanted) -> set[Ref]:
    waiting: dict[Ref, set[Place]] = {
        o.ref: {*places(o.ref, o.spec)}
        for o in every
        if isinstance(o.spec, TunnelSpec) or _is_patch(o.spec)
    }
    inhabited = {place for ends in waiting.values() for place in ends}
    reachable: set[Place] = {*inner_places(want.links, inhabited)}
    found: set[Ref] = set()
    while reached := {ref for ref, ends in waiting.items() if ends & reachable}:
        found |= reached
        for ref in reached:
            reachable |= waiting.pop(ref)
    return found


def _mentions(spec: Spec) -> frozenset[str]:
    vteps = spec.external_vteps if isinstance(spec, SegmentSpec) else ()
    return hosts_of_topology(spec) | {*vteps}


def _crowded(every: Iterable[Object], want: Wanted) -> set[str]:
    return {o.name for o in every if o.ref in want.refs and counts_ports(o.spec)}


def _is_patch(spec: Spec) -> bool:
    return isinstance(spec, PortSpec) and spec.settings.patch is not None


def hosts_of(found: Object) -> set[str]:
    """Name the hosts that an object is on; a host is not on itself."""
    refs = references(found.ref, found.spec)
    return {ref.name for ref in refs if ref.kind is Kind.HOST}


def segments_on(found: Object, hosts: set[str]) -> set[Ref]:
    """Return the segment that a port on one of the hosts is on."""
    segment = segment_of(found)
    return {segment} if segment is not None and hosts & hosts_of(found) else set()


def _bridge_of(found: Object) -> BridgeAt | None:
    spec = found.spec
    if not isinstance(spec, PortSpec) or spec.bridge is None:
        return None
    return BridgeAt(spec.host or "", spec.bridge)


def _addresses_of(spec: Spec) -> tuple[str, ...]:
    if isinstance(spec, TunnelSpec):
        return tuple(end.ip for end in spec.ends if end.ip is not None)
    return (*spec.vteps, *spec.former_vteps) if isinstance(spec, HostSpec) else ()


def segment_of(found: Object) -> Ref | None:
    if isinstance(found.spec, PortSpec) and found.spec.segment is not None:
        return Ref(Kind.SEGMENT, found.project, found.spec.segment)
    return None
