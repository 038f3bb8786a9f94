"""What the request left to the controller: VNIs and keys, backends, UDP ports, MAC addresses.

An object keeps what it has; what it never had is chosen once, here, and stored with the object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from controller.domain.allocation import derive_mac
from controller.domain.intent import (
    DEFAULT_PROJECT,
    KERNEL_VXLAN_PORT,
    VXLAN_PORT,
    Backend,
    BridgeType,
    HostSpec,
    Kind,
    PortSpec,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.validation.after import segment_ref
from controller.domain.validation.faults import Faults
from controller.domain.validation.world import Draft, World

_AUTO_REMOTES = 250
"""Remote members of one segment beyond which ``auto`` leaves Open vSwitch: each takes a tunnel port
on each host, and every flooded frame goes through all of them."""
_AUTO_TUNNELS = 2000
"""The same for all segments of one host together."""
_DEFAULT_PORTS = {Backend.OVS: VXLAN_PORT, Backend.KERNEL: KERNEL_VXLAN_PORT}


def complete(world: World, drafts: Mapping[Ref, Draft], faults: Faults) -> dict[Ref, Draft]:
    """Fill in every draft. What is malformed stays for the checks to name."""
    kept = {ref: replace(draft, spec=_kept(draft)) for ref, draft in drafts.items()}
    numbered = _numbered(world, kept, faults)
    backends = _Backends(world, numbered)
    return {ref: replace(d, spec=backends.decide(ref, d.spec)) for ref, d in numbered.items()}


def _kept(draft: Draft) -> Spec:
    """Let an object that does not say otherwise keep what it was once given."""
    spec, before = draft.spec, draft.current.spec if draft.current else None
    if isinstance(spec, SegmentSpec) and isinstance(before, SegmentSpec):
        return _kept_segment(spec, before)
    if isinstance(spec, TunnelSpec) and isinstance(before, TunnelSpec) and spec.key is None:
        return replace(spec, key=before.key)
    if isinstance(spec, PortSpec) and spec.segment is not None and spec.mac is None:
        # A port that was on a segment keeps even having none: it may be from before MACs were
        # given, and a workload's address must not change by the way.
        if isinstance(before, PortSpec) and (before.mac or before.segment is not None):
            return replace(spec, mac=before.mac)
        return replace(spec, mac=derive_mac(draft.ref.project, spec.segment, draft.ref.name))
    return spec


def _kept_segment(spec: SegmentSpec, before: SegmentSpec) -> SegmentSpec:
    was = before.backend or Backend.OVS
    backend = spec.backend or was
    dst_port = before.dst_port if backend is was else None
    return replace(
        spec,
        vni=before.vni if spec.vni is None else spec.vni,
        backend=backend,
        dst_port=dst_port if spec.dst_port is None else spec.dst_port,
    )


def _numbered(world: World, drafts: Mapping[Ref, Draft], faults: Faults) -> dict[Ref, Draft]:
    """Give a VNI to each new segment, and a key to each new tunnel, that asks for none."""
    asked = {number_of(draft.spec) for draft in drafts.values()}
    free = (vni for vni in world.free_vnis if vni not in asked)
    return {ref: _with_number(draft, free, faults) for ref, draft in drafts.items()}


def number_of(spec: Spec) -> int | None:
    """Return the VNI of a segment or the key of a tunnel, which are one space of numbers."""
    match spec:
        case SegmentSpec(vni=number) | TunnelSpec(key=number):
            return number
        case _:
            return None


def _with_number(draft: Draft, free: Iterator[int], faults: Faults) -> Draft:
    if not isinstance(draft.spec, SegmentSpec | TunnelSpec) or number_of(draft.spec) is not None:
        return draft
    number = next(free, None)
    if number is None:
        faults.conflict(
            f"{draft.pointer}/spec/{number_field(draft.spec)}",
            "vni_pool_exhausted",
            "no VNI is free in the pool",
            "delete segments and tunnels that are not needed, or name a VNI outside of the pool",
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
                self._hosts[segment].add(draft.spec.host)
        self._added: dict[str, int] = defaultdict(int)

    def decide(self, ref: Ref, spec: Spec) -> Spec:
        if not isinstance(spec, SegmentSpec):
            return spec
        backend = spec.backend or self._choose(ref)
        dst_port = _DEFAULT_PORTS[backend] if spec.dst_port is None else spec.dst_port
        return replace(spec, backend=backend, dst_port=dst_port)

    def _choose(self, segment: Ref) -> Backend:
        """Choose for a new segment by the hosts that the request puts its ports on."""
        hosts = self._hosts.get(segment, set())
        remotes = max(len(hosts) - 1, 0)
        if hosts and all(self._is_linux(host) for host in hosts):
            return Backend.KERNEL
        if remotes > _AUTO_REMOTES:
            return Backend.KERNEL
        if any(self._tunnels(host) + remotes > _AUTO_TUNNELS for host in hosts):
            return Backend.KERNEL
        for host in hosts:
            self._added[host] += remotes
        return Backend.OVS

    def _is_linux(self, name: str) -> bool:
        spec = self._host(name)
        return isinstance(spec, HostSpec) and spec.overlay_bridge_type is BridgeType.LINUX

    def _host(self, name: str) -> Spec | None:
        ref = Ref(Kind.HOST, DEFAULT_PROJECT, name)
        if ref in self._drafts:
            return self._drafts[ref].spec
        return self._world.objects[ref].spec if ref in self._world.objects else None

    def _tunnels(self, host: str) -> int:
        found = self._world.objects.get(Ref(Kind.HOST, DEFAULT_PROJECT, host))
        there = self._world.mesh_tunnels.get(found.uid, 0) if found else 0
        return there + self._added[host]
