"""How careful a host's agent is to be, and what operators granted on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.compiler.fragment import host_spec
from controller.compiler.naming import (
    bridge_id,
    explicit_tunnel_id,
    flow_export_id,
    mirror_id,
    port_id,
    segment_id,
)
from controller.domain.definitions import FlowExportSpec, MirrorSpec
from controller.domain.host_intent import Grants, HostIntent
from controller.domain.intent import (
    BridgeSpec,
    HostSpec,
    Kind,
    Object,
    PortSpec,
    SegmentSpec,
    TunnelSpec,
)
from controller.domain.safety import ConfirmPolicy, DriftPolicy

_Drifting: TypeAlias = (
    BridgeSpec | PortSpec | SegmentSpec | TunnelSpec | MirrorSpec | FlowExportSpec
)
_IDS: Mapping[Kind, Callable[[UUID], str]] = {
    Kind.BRIDGE: bridge_id,
    Kind.PORT: port_id,
    Kind.SEGMENT: segment_id,
    Kind.TUNNEL: explicit_tunnel_id,
    Kind.MIRROR: mirror_id,
    Kind.FLOW_EXPORT: flow_export_id,
}
_DRIFT = {
    DriftPolicy.REPORT: state_pb2.DRIFT_POLICY_REPORT,
    DriftPolicy.IGNORE: state_pb2.DRIFT_POLICY_IGNORE,
}
_CONFIRM = {
    ConfirmPolicy.MANAGEMENT_PATH: state_pb2.CONFIRM_POLICY_MANAGEMENT_PATH,
    ConfirmPolicy.ALWAYS: state_pb2.CONFIRM_POLICY_ALWAYS,
}
_DEFAULT = HostSpec()


def compile_grants(grants: Grants, let_go: Iterable[str]) -> state_pb2.Grants | None:
    """Nothing where nothing was granted, ever: such a host's state keeps the hash that it had.

    ``let_go`` is what is removed for an operator's word alone. It counts for the hash: that it is
    taken back has to reach the host."""
    if not grants.count:
        return None
    return state_pb2.Grants(
        count=grants.count,
        mended=grants.mended,
        forced=sorted(grants.forced),
        adoptions=[
            state_pb2.Adoption(
                resource=resource,
                accept_differences=grants.adoptions[resource],
                granted_at=grants.adopted_at.get(resource, 0),
            )
            for resource in sorted(grants.adoptions)
        ],
        released=grants.released,
        removals=sorted(let_go),
        forced_at=grants.forced,
    )


def compile_safety(intent: HostIntent, part: state_pb2.HostPart) -> state_pb2.Safety | None:
    """Nothing where all is at its default: such a host's state keeps the hash that it had.

    ``part`` is the rest of the state: no policy is named of what the host is not told of."""
    spec = host_spec(intent.host)
    drift = dict(_policies(intent))
    if drift:
        there = frozenset(_resources(part))
        drift = {name: policy for name, policy in drift.items() if name in there}
    is_careful = spec.confirm is not _DEFAULT.confirm
    if not (is_careful or drift or spec.confirm_timeout_s != _DEFAULT.confirm_timeout_s):
        return None
    return state_pb2.Safety(
        confirm=_CONFIRM[spec.confirm], confirm_timeout_s=spec.confirm_timeout_s, drift=drift
    )


def _resources(part: state_pb2.HostPart) -> Iterator[str]:
    for group in (part.bridges, part.ports, part.tunnels, part.mirrors, part.flow_exports):
        yield from (each.id for each in group)
    yield from (segment_id(UUID(attachment.segment_uid)) for attachment in part.attachments)


def _policies(intent: HostIntent) -> Iterator[tuple[str, state_pb2.DriftPolicy.ValueType]]:
    """Of everything that may be on the host and is not mended there."""
    for each in _objects(intent):
        if isinstance(each.spec, _Drifting) and each.spec.drift_policy in _DRIFT:
            yield _IDS[each.kind](each.uid), _DRIFT[each.spec.drift_policy]


def _objects(intent: HostIntent) -> Iterator[Object]:
    yield from (*intent.bridges, *intent.ports, *intent.mirrors, *intent.flow_exports)
    yield from (segment.segment for segment in intent.segments)
    yield from (tunnel.tunnel for tunnel in intent.tunnels)
