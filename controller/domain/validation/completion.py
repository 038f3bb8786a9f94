"""What the request left to the controller: VNIs and keys, backends, UDP ports, MAC addresses, and
the hosts of bound ports.

An object keeps what it has; what it never had is chosen once, here, and stored with the object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

from controller.domain.allocation import VNI_POOL, derive_mac
from controller.domain.definitions import PoolType, TunnelProfileSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    KERNEL_VXLAN_PORT,
    VXLAN_PORT,
    Backend,
    BridgeType,
    HostSpec,
    Kind,
    Lifecycle,
    PortSpec,
    PortType,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.topology import ArpMode, Topology
from controller.domain.validation.after import segment_ref
from controller.domain.validation.binding import place
from controller.domain.validation.faults import Faults
from controller.domain.validation.former_vteps import with_former_vteps
from controller.domain.validation.meshes import tunnels_of
from controller.domain.validation.pools import Definitions, definitions_in
from controller.domain.validation.references import number_of, vteps_of
from controller.domain.validation.world import Draft, World

_AUTO_REMOTES = 250
"""Remote members of one segment beyond which ``auto`` leaves Open vSwitch: each takes a tunnel port
on each host, and every flooded frame goes through all of them."""
_AUTO_TUNNELS = 2000
"""The same for all segments of one host together."""
_UNPOOLED = ""
"""No name of a pool: VNIs that are in none."""
DEFAULT_PORTS = {Backend.OVS: VXLAN_PORT, Backend.KERNEL: KERNEL_VXLAN_PORT}


_Value = TypeVar("_Value", int, str)
_Free: TypeAlias = Mapping[str, Iterator[_Value]]


def complete(world: World, drafts: Mapping[Ref, Draft], faults: Faults) -> dict[Ref, Draft]:
    """Fill in every draft. What is malformed stays for the checks to name."""
    plugged = {ref: place(draft, world.plugged, faults) for ref, draft in drafts.items()}
    kept = {ref: replace(draft, spec=_kept(draft)) for ref, draft in plugged.items()}
    known = _known(world, kept)
    kept = {ref: replace(d, spec=_with_kept_vteps(d, known)) for ref, d in kept.items()}
    numbered = _with_vteps(world, _numbered(world, kept, known, faults), known, faults)
    numbered = with_former_vteps(world, numbered)
    backends = _Backends(world, numbered)
    return {ref: replace(draft, spec=backends.decide(draft)) for ref, draft in numbered.items()}


def _kept(draft: Draft) -> Spec:
    """Let an object that does not say otherwise keep what it was once given."""
    spec, before = draft.spec, draft.current.spec if draft.current else None
    if isinstance(spec, HostSpec) and isinstance(before, HostSpec):
        return _kept_host(spec, before)
    if isinstance(spec, SegmentSpec) and isinstance(before, SegmentSpec):
        return _kept_segment(spec, before)
    if isinstance(spec, TunnelSpec) and isinstance(before, TunnelSpec) and spec.key is None:
        return replace(spec, key=before.key)
    if isinstance(spec, PortSpec) and spec.segment is not None and _lacks_mac(spec):
        # A port that was on a segment keeps even having none: it may be from before MACs were
        # given, and a workload's address must not change by the way.
        if isinstance(before, PortSpec) and (before.mac or before.segment is not None):
            return replace(spec, mac=before.mac)
        return replace(spec, mac=derive_mac(draft.ref.project, spec.segment, draft.ref.name))
    return spec


def _lacks_mac(spec: PortSpec) -> bool:
    return spec.mac is None and spec.type is not PortType.PATCH


def _kept_host(spec: HostSpec, before: HostSpec) -> HostSpec:
    """Take ``decommissioning`` for done where it is: a file that says so is applied again and again
    long after the controller has removed the host."""
    is_done = before.state is Lifecycle.REMOVED and spec.state is Lifecycle.DECOMMISSIONING
    return replace(spec, state=Lifecycle.REMOVED) if is_done else spec


def _kept_segment(spec: SegmentSpec, before: SegmentSpec) -> SegmentSpec:
    was = before.backend or Backend.OVS
    backend = spec.backend or was
    is_alike = backend is was and spec.tunnel_profile == before.tunnel_profile
    dst_port = before.dst_port if is_alike else None
    return replace(
        spec,
        vni=before.vni if spec.vni is None else spec.vni,
        backend=backend,
        dst_port=dst_port if spec.dst_port is None else spec.dst_port,
    )


def _known(world: World, drafts: Mapping[Ref, Draft]) -> Definitions:
    stored = [(ref, found.spec) for ref, found in world.objects.items()]
    return definitions_in([*stored, *((ref, draft.spec) for ref, draft in drafts.items())])


def _with_kept_vteps(draft: Draft, known: Definitions) -> Spec:
    """Let a host that says nothing keep its VTEPs, unless it is to take one from another pool. One
    that is removed has none, so that others can have them."""
    spec, before = draft.spec, draft.current.spec if draft.current else None
    if isinstance(spec, HostSpec) and spec.state is Lifecycle.REMOVED:
        return replace(spec, vteps=())
    if not isinstance(spec, HostSpec) or not isinstance(before, HostSpec) or spec.vteps:
        return spec
    pool = known.vtep_pool(spec)
    keeps = pool is not None and pool == known.vtep_pool(before)
    return replace(spec, vteps=before.vteps) if keeps else spec


def _with_vteps(
    world: World, drafts: Mapping[Ref, Draft], known: Definitions, faults: Faults
) -> dict[Ref, Draft]:
    """Give a VTEP to each host without one that has a pool to take it from."""
    asked = {vtep for draft in drafts.values() for vtep in vteps_of(draft.spec)}
    free = _free(world.pooled_vteps, asked)
    return {ref: _with_vtep(draft, free, known, faults) for ref, draft in drafts.items()}


def _free(pools: Mapping[str, Iterable[_Value]], asked: Container[object]) -> _Free[_Value]:
    return {
        name: iter([value for value in values if value not in asked])
        for name, values in pools.items()
    }


def _asks_for_vtep(draft: Draft, spec: HostSpec) -> bool:
    """A host that has none since before its zone had a pool stays so until it asks itself: writing
    it as it is changes nothing."""
    before = draft.current.spec if draft.current else None
    if spec.state is Lifecycle.REMOVED:
        return False
    if spec.vteps or not isinstance(before, HostSpec):
        return not spec.vteps
    return (
        bool(before.vteps)
        or (before.vtep_pool, before.zones) != (spec.vtep_pool, spec.zones)
        or before.state is Lifecycle.REMOVED
    )


def _with_vtep(draft: Draft, free: _Free[str], known: Definitions, faults: Faults) -> Draft:
    if not isinstance(draft.spec, HostSpec) or not _asks_for_vtep(draft, draft.spec):
        return draft
    pool = known.vtep_pool(draft.spec)
    if pool is None or not known.ranges(pool, PoolType.VTEP):
        return draft
    address = next(free.get(pool, iter(())), None)
    if address is None:
        _exhausted(f"{draft.pointer}/spec/vteps", "vtep_pool_exhausted", "VTEP", pool, faults)
        return draft
    return replace(draft, spec=replace(draft.spec, vteps=(address,)))


def _exhausted(pointer: str, code: str, what: str, pool: str, faults: Faults) -> None:
    faults.conflict(
        pointer,
        code,
        f"no {what} is free in Pool {pool!r}",
        f"widen the pool, delete what is not needed and wait for its quarantine, or name a {what}",
    )


def _numbered(
    world: World, drafts: Mapping[Ref, Draft], known: Definitions, faults: Faults
) -> dict[Ref, Draft]:
    """Give a VNI to each new segment, and a key to each new tunnel, that asks for none."""
    asked = {number_of(draft.spec) for draft in drafts.values()}
    free = _free({**world.pooled_vnis, _UNPOOLED: world.free_vnis}, asked)
    return {ref: _with_number(draft, free, known, faults) for ref, draft in drafts.items()}


def _with_number(draft: Draft, free: _Free[int], known: Definitions, faults: Faults) -> Draft:
    if not isinstance(draft.spec, SegmentSpec | TunnelSpec) or number_of(draft.spec) is not None:
        return draft
    pool = known.vni_pool(draft.spec) if isinstance(draft.spec, SegmentSpec) else None
    if pool is not None and not known.ranges(pool, PoolType.VNI):
        return draft
    number = next(free.get(pool or _UNPOOLED, iter(())), None)
    if number is None and pool is not None:
        at = f"{draft.pointer}/spec/vni"
        _exhausted(at, "vni_pool_exhausted", "VNI", pool, faults)
    elif number is None:
        faults.conflict(
            f"{draft.pointer}/spec/{number_field(draft.spec)}",
            "vni_pool_exhausted",
            f"no VNI of {VNI_POOL} is free outside of all Pools",
            "delete segments and tunnels that are not needed, or name a VNI or a vni_pool",
        )
    if isinstance(draft.spec, TunnelSpec):
        return replace(draft, spec=replace(draft.spec, key=number))
    return replace(draft, spec=replace(draft.spec, vni=number))


def number_field(spec: SegmentSpec | TunnelSpec) -> str:
    return "vni" if isinstance(spec, SegmentSpec) else "key"


class _Backends:
    """Decides segment by segment; counts the tunnel ports that its decisions add to each host."""

    def __init__(self, world: World, drafts: Mapping[Ref, Draft]) -> None:
        self._world = world
        self._drafts = drafts
        self._hosts: dict[Ref, set[str]] = defaultdict(set)
        for draft in drafts.values():
            segment = segment_ref(draft)
            if segment is not None and isinstance(draft.spec, PortSpec):
                self._hosts[segment].update(draft.spec.hosts)
        self._added: dict[str, int] = defaultdict(int)

    def decide(self, draft: Draft) -> Spec:
        spec, before = draft.spec, draft.current.spec if draft.current else None
        if not isinstance(spec, SegmentSpec):
            return spec
        backend = spec.backend or self._choose(draft.ref, spec)
        if spec.dst_port is not None:
            return replace(spec, backend=backend)
        was = isinstance(before, SegmentSpec) and before.backend is backend and before.dst_port
        dst_port = self._profile_port(spec) or was or DEFAULT_PORTS[backend]
        return replace(spec, backend=backend, dst_port=dst_port)

    def _profile_port(self, spec: SegmentSpec) -> int | None:
        if spec.tunnel_profile is None:
            return None
        profile = self._spec(Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, spec.tunnel_profile))
        return profile.dst_port if isinstance(profile, TunnelProfileSpec) else None

    def _choose(self, segment: Ref, spec: SegmentSpec) -> Backend:
        """Choose for a new segment by what it asks for, or else by the hosts that the request puts
        its ports on."""
        hosts = self._hosts.get(segment, set())
        tunnels = {host: tunnels_of(host, spec, hosts, len(hosts)) for host in hosts}
        if spec.topology is Topology.FULL and not self._suits_ovs(spec, tunnels):
            return Backend.KERNEL
        for host, added in tunnels.items():
            self._added[host] += added
        return Backend.OVS

    def _suits_ovs(self, spec: SegmentSpec, tunnels: Mapping[str, int]) -> bool:
        """Tell whether Open vSwitch does what is asked for, with so many tunnels more by host."""
        if spec.arp_mode is not ArpMode.FLOOD:
            return False
        if tunnels and all(self._is_linux(host) for host in tunnels):
            return False
        return all(
            added <= _AUTO_REMOTES and self._tunnels(host) + added <= _AUTO_TUNNELS
            for host, added in tunnels.items()
        )

    def _is_linux(self, name: str) -> bool:
        spec = self._host(name)
        return isinstance(spec, HostSpec) and spec.overlay_bridge_type is BridgeType.LINUX

    def _host(self, name: str) -> Spec | None:
        return self._spec(Ref(Kind.HOST, DEFAULT_PROJECT, name))

    def _spec(self, ref: Ref) -> Spec | None:
        if ref in self._drafts:
            return self._drafts[ref].spec
        return self._world.objects[ref].spec if ref in self._world.objects else None

    def _tunnels(self, host: str) -> int:
        found = self._world.objects.get(Ref(Kind.HOST, DEFAULT_PROJECT, host))
        there = self._world.mesh_tunnels.get(found.uid, 0) if found else 0
        return there + self._added[host]
