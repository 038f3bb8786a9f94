"""Short ways to say what a test wants intended, and to commit it."""

from __future__ import annotations

from typing import Any

from controller.auth import Principal, Role
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    DatapathType,
    HostSpec,
    Kind,
    Manifest,
    PortSpec,
    Ref,
    Removal,
    SegmentSpec,
    TunnelEnd,
    TunnelSpec,
)
from controller.services.intent import Change, ChangeResult, commit
from controller.store.engine import Database

ADMIN = Principal("admin", frozenset({Role.NETWORK_ADMIN}))


def host(number: int, **spec: Any) -> Manifest:
    """Host ``h<number>`` with a VTEP of its own."""
    fields = {"vteps": (f"192.0.2.{number}",), "datapath_type": DatapathType.NETDEV, **spec}
    return Manifest(Ref(Kind.HOST, DEFAULT_PROJECT, f"h{number}"), HostSpec(**fields))


def bridge(name: str, on: str, **spec: Any) -> Manifest:
    fields = {"interface": name, **spec}
    return Manifest(Ref(Kind.BRIDGE, DEFAULT_PROJECT, name), BridgeSpec(host=on, **fields))


def segment(name: str, project: str = DEFAULT_PROJECT, **spec: Any) -> Manifest:
    return Manifest(Ref(Kind.SEGMENT, project, name), SegmentSpec(**spec))


def port(name: str, on: str, project: str = DEFAULT_PROJECT, **spec: Any) -> Manifest:
    """A port whose device is called like it; give ``segment`` or ``bridge``."""
    fields = {"interface": name, **spec}
    return Manifest(Ref(Kind.PORT, project, name), PortSpec(host=on, **fields))


def tunnel(name: str, first: str, second: str, **spec: Any) -> Manifest:
    """A tunnel between two ends, each ``host/bridge`` or an outside VTEP."""
    return Manifest(
        Ref(Kind.TUNNEL, DEFAULT_PROJECT, name),
        TunnelSpec(ends=(tunnel_end(first), tunnel_end(second)), **spec),
    )


def tunnel_end(words: str) -> TunnelEnd:
    host_name, slash, bridge_name = words.partition("/")
    return TunnelEnd(host=host_name, bridge=bridge_name) if slash else TunnelEnd(ip=words)


def removal(manifest: Manifest, **options: Any) -> Removal:
    return Removal(manifest.ref, **options)


def apply(db: Database, *manifests: Manifest, removals: tuple[Removal, ...] = ()) -> ChangeResult:
    return commit(db, ADMIN, Change(manifests, removals), request_id="test")


def remove(db: Database, *manifests: Manifest) -> ChangeResult:
    return apply(db, removals=tuple(Removal(m.ref) for m in manifests))
