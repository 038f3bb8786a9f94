"""Short ways to say policies, mirrors and exports of flows."""

from __future__ import annotations

from typing import Any

from controller.domain.definitions import (
    FlowExportSpec,
    FlowProtocol,
    HostGroupSpec,
    MirrorSpec,
    QosPolicySpec,
)
from controller.domain.intent import DEFAULT_PROJECT, Kind, Manifest, Ref, Spec

COLLECTOR = "198.51.100.9:6343"


def _manifest(kind: Kind, name: str, spec: Spec) -> Manifest:
    return Manifest(Ref(kind, DEFAULT_PROJECT, name), spec)


def policy(name: str, **fields: Any) -> Manifest:
    return _manifest(Kind.QOS_POLICY, name, QosPolicySpec(**fields))


def mirror(name: str, on: str, **fields: Any) -> Manifest:
    return _manifest(Kind.MIRROR, name, MirrorSpec(host=on, **fields))


def group(name: str, selector: str) -> Manifest:
    return _manifest(Kind.HOST_GROUP, name, HostGroupSpec(selector))


def export(name: str, **fields: Any) -> Manifest:
    """An export by sFlow, unless it says otherwise."""
    given = {"protocol": FlowProtocol.SFLOW, "targets": (COLLECTOR,), **fields}
    return _manifest(Kind.FLOW_EXPORT, name, FlowExportSpec(**given))
