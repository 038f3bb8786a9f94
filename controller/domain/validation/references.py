"""What specs refer to and which devices they name, read off one spec alone. Pure; owns nothing."""

from __future__ import annotations

from collections.abc import Iterator

from controller.domain.definitions import FlowExportSpec, MirrorSpec, TransportZoneSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    Kind,
    PortSpec,
    Ref,
    Spec,
    TunnelSpec,
)


def references(ref: Ref, spec: Spec) -> Iterator[Ref]:
    """Yield what a spec refers to. Hosts and bridges live in the default project."""
    if isinstance(spec, BridgeSpec | PortSpec):
        yield Ref(Kind.HOST, DEFAULT_PROJECT, spec.host)
    if isinstance(spec, PortSpec) and spec.segment is not None:
        yield Ref(Kind.SEGMENT, ref.project, spec.segment)
    if isinstance(spec, PortSpec):
        for bridge in bridges_of(spec):
            yield Ref(Kind.BRIDGE, DEFAULT_PROJECT, bridge)
    if isinstance(spec, TunnelSpec):
        for end in spec.ends:
            if end.host is not None:
                yield Ref(Kind.HOST, DEFAULT_PROJECT, end.host)
            if end.bridge is not None:
                yield Ref(Kind.BRIDGE, DEFAULT_PROJECT, end.bridge)
    yield from _from_definition(spec)


def _from_definition(spec: Spec) -> Iterator[Ref]:
    """Definitions live in the default project, as what they refer to does."""
    if isinstance(spec, TransportZoneSpec):
        for pool in (spec.vni_pool, spec.vtep_pool):
            if pool is not None:
                yield Ref(Kind.POOL, DEFAULT_PROJECT, pool)
    if isinstance(spec, FlowExportSpec) and spec.host_group is not None:
        yield Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, spec.host_group)
    if isinstance(spec, MirrorSpec):
        yield Ref(Kind.HOST, DEFAULT_PROJECT, spec.host)
        if spec.bridge is not None:
            yield Ref(Kind.BRIDGE, DEFAULT_PROJECT, spec.bridge)


def bridges_of(spec: PortSpec) -> Iterator[str]:
    """Name the bridges that a port is at: none for a segment's, and two for a patch."""
    if spec.bridge is not None:
        yield spec.bridge
    if spec.settings.patch is not None:
        yield spec.settings.patch.bridge


def runs_stp(spec: Spec) -> bool:
    stp = spec.settings.stp if isinstance(spec, BridgeSpec) else None
    return stp is not None and bool(stp.enabled)


def devices_of(spec: PortSpec) -> Iterator[tuple[str, str]]:
    """Yield (pointer, name) of what a port is or takes in the host's own namespace."""
    yield "/spec/interface", spec.interface
    if spec.settings.patch is not None:
        yield "/spec/patch/interface", spec.settings.patch.interface
    if spec.settings.bond is not None:
        for member in sorted(set(spec.settings.bond.members)):
            yield "/spec/bond/members", member
