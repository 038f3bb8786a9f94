"""What a request touches, and so what the loader must put into its ``World``. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from controller.domain.allocation import derive_mac
from controller.domain.definitions import HostGroupSpec, PoolSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    HostSpec,
    Kind,
    Manifest,
    Object,
    PortSpec,
    Ref,
    Removal,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.validation.binding import iface_ids
from controller.domain.validation.references import (
    bridges_at,
    devices_of,
    hosts_of_topology,
    number_of,
    references,
    vteps_of,
)
from controller.domain.validation.segment_fields import network, normal_subnets
from controller.domain.validation.world import Outside, Place


class Spread(NamedTuple):
    """A bridge of a group, before it is on any host."""

    host_group: str
    interface: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the loader must put into the ``World`` of a change."""

    refs: frozenset[Ref]
    """The objects the request names and those that their old and new specs refer to."""
    targets: frozenset[Ref]
    """The objects the request names. Of definitions, what refers to them is loaded, too."""
    hosts: frozenset[Ref]
    """The touched hosts: named by the request, or carrying a bridge, port or tunnel end that it
    names."""
    host_targets: frozenset[Ref]
    """The touched hosts that the request itself changes or removes."""
    segments: frozenset[Ref]
    """The segments that the request names, or that a port it names is on, before or after."""
    projects: frozenset[str]
    macs: frozenset[str]
    """MAC addresses that the request's ports may get, lower-case."""
    ips: frozenset[str]
    """IP addresses (without prefix length) of the request's ports, canonical."""
    vteps: frozenset[str]
    """VTEP addresses of the request's hosts and ``ip`` of its tunnels' ends, canonical."""
    vnis: frozenset[int]
    """VNIs and keys that the request asks for."""
    takers: tuple[Manifest, ...]
    """What may be given a VNI or VTEP, with the Pools and zones that the request writes: then
    ``World.objects`` has every Pool. ``pools.demands`` tells what must be found free."""
    zones: Mapping[Ref, str]
    """By segment that the request writes, the zone that it puts it in."""
    subnets: Mapping[Ref, tuple[str, ...]]
    """By segment, where the request says other ones than before."""
    topologies: frozenset[Ref]
    """The segments that the request gives a topology that is not ``full``."""
    devices: frozenset[str]
    """Names of the devices, on the host or as peers, that the request makes."""
    port_bridges: frozenset[Ref]
    """The bridges that the request itself changes or removes, or at which its tunnels end."""
    tunnel_bridges: frozenset[Ref]
    """The bridges that the request itself changes or removes, or that it puts ports on."""
    links: tuple[tuple[Place, Place], ...]
    """The ends of the tunnels that the request creates and of all its patches. A tunnel to an
    outside VTEP whose key is still to be chosen is left out: no other can end there."""
    mesh_hosts: frozenset[Ref]
    """The hosts that get ports of segments whose backend the plan has to choose."""
    iface_ids: frozenset[str]
    """Of the bound ports that the request writes."""
    joins: frozenset[tuple[Ref, Ref]]
    """Host and segment of each port that the request puts on a host: where the host has none on
    that segment yet, its mesh grows."""
    labels: Mapping[str, Mapping[str, str]]
    """By host that the request writes, the labels that it gives it."""
    selectors: Mapping[str, str]
    """By HostGroup that the request writes, the selector that it gives it."""
    spread: Mapping[Ref, Spread]
    """The bridges of groups that the request names: as it writes them, else as they are."""


def named(manifests: Iterable[Manifest], removals: Iterable[Removal]) -> frozenset[Ref]:
    """Return the refs to load before ``wanted`` can tell the rest."""
    return frozenset([m.ref for m in manifests] + [r.ref for r in removals])


def wanted(
    manifests: Sequence[Manifest], removals: Sequence[Removal], current: Mapping[Ref, Object]
) -> Wanted:
    """Tell what to load for a change, given the current objects among ``named``."""
    targets = named(manifests, removals)
    specs = [(m.ref, m.spec) for m in manifests]
    specs += [(ref, current[ref].spec) for ref in sorted(targets & current.keys(), key=_order)]
    refs = targets | {reference for ref, spec in specs for reference in references(ref, spec)}
    numbers = [number_of(m.spec) for m in manifests]
    named_hosts = {name for m in manifests for name in hosts_of_topology(m.spec)}
    return Wanted(
        # A host that a topology names is looked up, and nothing that is on it.
        refs=refs | {Ref(Kind.HOST, DEFAULT_PROJECT, name) for name in named_hosts},
        targets=targets,
        hosts=frozenset(r for r in refs if r.kind is Kind.HOST),
        host_targets=frozenset(r for r in targets if r.kind is Kind.HOST),
        segments=frozenset(r for r in refs if r.kind is Kind.SEGMENT),
        projects=frozenset(r.project for r in refs),
        macs=frozenset(mac for m in manifests for mac in _macs(m, current.get(m.ref))),
        ips=frozenset(_canonical(a for m in manifests for a in _addresses(m.spec))),
        vteps=frozenset(_canonical(a for m in manifests for a in vteps_of(m.spec))),
        vnis=frozenset(number for number in numbers if number is not None),
        takers=tuple(_takers(manifests)),
        zones=dict(_zones(manifests)),
        subnets=dict(_new_subnets(manifests, current)),
        topologies=frozenset(m.ref for m in manifests if hosts_of_topology(m.spec)),
        devices=frozenset(name for m in manifests for name in _devices(m.spec)),
        port_bridges=_bridges(targets, specs, TunnelSpec),
        tunnel_bridges=_bridges(targets, specs, PortSpec),
        links=tuple(_links(manifests, current)),
        mesh_hosts=frozenset(_mesh_hosts(manifests, current)),
        iface_ids=iface_ids(m.spec for m in manifests),
        joins=frozenset(_joins(manifests, current)),
        labels={m.ref.name: m.labels for m in manifests if isinstance(m.spec, HostSpec)},
        selectors={
            m.ref.name: m.spec.selector for m in manifests if isinstance(m.spec, HostGroupSpec)
        },
        spread=dict(_spread(specs)),
    )


def _bridges(
    targets: Iterable[Ref], specs: Iterable[tuple[Ref, Spec]], user: type[Spec]
) -> frozenset[Ref]:
    """Return the bridges among the targets, and those that specs of the type refer to."""
    used = (r for ref, spec in specs if isinstance(spec, user) for r in references(ref, spec))
    return frozenset(ref for ref in (*targets, *used) if ref.kind is Kind.BRIDGE)


def _spread(specs: Iterable[tuple[Ref, Spec]]) -> Iterator[tuple[Ref, Spread]]:
    for ref, spec in specs:
        if isinstance(spec, BridgeSpec) and spec.host_group is not None:
            yield ref, Spread(spec.host_group, spec.interface)


def _devices(spec: Spec) -> Iterator[str]:
    if isinstance(spec, BridgeSpec):
        yield spec.interface
    if isinstance(spec, PortSpec):
        yield from (name for _, name in devices_of(spec))
        if spec.peer is not None:
            yield spec.peer.interface


def _links(
    manifests: Iterable[Manifest], current: Mapping[Ref, Object]
) -> Iterator[tuple[Place, Place]]:
    for manifest in manifests:
        if _links_anew(manifest.spec, current.get(manifest.ref)):
            ends = places(manifest.ref, manifest.spec)
            if len(ends) == 2:
                yield ends[0], ends[1]


def places(ref: Ref, spec: Spec) -> list[Place]:
    """Return where a tunnel or patch ends: at two places, unless one is outside without a key.

    A segment is one place, on whatever hosts: it passes frames on to all of its members."""
    if isinstance(spec, PortSpec) and spec.settings.patch is None:
        return []
    segments = (r for r in references(ref, spec) if r.kind is Kind.SEGMENT)
    return [*segments, *bridges_at(spec), *outsides(spec)]


def _links_anew(spec: Spec, current: Object | None) -> bool:
    """Tell whether bridges are joined that were not: a tunnel's ends are fixed, a patch's not."""
    if isinstance(spec, PortSpec):
        return spec.settings.patch is not None
    return isinstance(spec, TunnelSpec) and current is None


def outsides(spec: Spec) -> Iterator[Outside]:
    """Yield the outside VTEP at which a tunnel with a known key ends."""
    if not isinstance(spec, TunnelSpec):
        return
    for end in spec.ends:
        if end.host is None and end.ip is not None and spec.key is not None:
            for ip in _canonical([end.ip]):
                yield Outside(ip, spec.key, spec.dst_port)


def _order(ref: Ref) -> tuple[str, str, str]:
    return ref.kind, ref.project, ref.name


def _takers(manifests: Sequence[Manifest]) -> Iterator[Manifest]:
    """Yield nothing where nothing needs a value and no pool changes."""
    if any(_takes_from_pools(m.spec) for m in manifests):
        yield from (m for m in manifests if m.ref.kind not in (Kind.BRIDGE, Kind.PORT))


def _takes_from_pools(spec: Spec) -> bool:
    if isinstance(spec, HostSpec):
        return not spec.vteps and (spec.vtep_pool is not None or bool(spec.zones))
    return isinstance(spec, SegmentSpec | TunnelSpec | PoolSpec)


def _zones(manifests: Iterable[Manifest]) -> Iterator[tuple[Ref, str]]:
    for manifest in manifests:
        if isinstance(manifest.spec, SegmentSpec) and manifest.spec.zone is not None:
            yield manifest.ref, manifest.spec.zone


def _macs(manifest: Manifest, current: Object | None) -> Iterator[str]:
    """Yield the MAC that a port names, or else the ones that it keeps or would be given."""
    spec = manifest.spec
    if not isinstance(spec, PortSpec):
        return
    if spec.mac:
        yield spec.mac.lower().replace("-", ":")
        return
    if current is not None and isinstance(current.spec, PortSpec) and current.spec.mac:
        yield current.spec.mac
    if spec.segment is not None:
        yield derive_mac(manifest.ref.project, spec.segment, manifest.ref.name)


def _addresses(spec: Spec) -> tuple[str, ...]:
    return spec.addresses if isinstance(spec, PortSpec) else ()


def _new_subnets(
    manifests: Iterable[Manifest], current: Mapping[Ref, Object]
) -> Iterator[tuple[Ref, tuple[str, ...]]]:
    for manifest in manifests:
        before = current.get(manifest.ref)
        if isinstance(manifest.spec, SegmentSpec) and before is not None:
            subnets = normal_subnets(manifest.spec.subnets)
            networks = tuple(str(found) for text in subnets if (found := network(text)))
            if networks and getattr(before.spec, "subnets", None) != subnets:
                yield manifest.ref, networks


def _mesh_hosts(manifests: Sequence[Manifest], current: Mapping[Ref, Object]) -> Iterator[Ref]:
    undecided = {
        m.ref
        for m in manifests
        if isinstance(m.spec, SegmentSpec) and m.spec.backend is None and m.ref not in current
    }
    for manifest in manifests:
        found = list(references(manifest.ref, manifest.spec))
        if undecided.intersection(found):
            yield from (ref for ref in found if ref.kind is Kind.HOST)


def _joins(
    manifests: Iterable[Manifest], current: Mapping[Ref, Object]
) -> Iterator[tuple[Ref, Ref]]:
    for manifest in manifests:
        spec, found = manifest.spec, current.get(manifest.ref)
        if not isinstance(spec, PortSpec) or spec.segment is None:
            continue
        before = found.spec.hosts if found and isinstance(found.spec, PortSpec) else ()
        segment = Ref(Kind.SEGMENT, manifest.ref.project, spec.segment)
        for name in spec.hosts:
            if name not in before:
                yield Ref(Kind.HOST, DEFAULT_PROJECT, name), segment


def _canonical(addresses: Iterable[str]) -> Iterator[str]:
    """Yield the IP of each address; what is malformed can clash with nothing."""
    for address in addresses:
        try:
            yield str(ipaddress.ip_address(address.partition("/")[0]))
        except ValueError:
            continue
