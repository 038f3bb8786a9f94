"""Between shapes and domain: manifests in, documents out. Pure; owns nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from controller.api.schemas.answers import (
    ChangeResultDocument,
    ChangeWarning,
    FailureDocument,
    ObjectResultDocument,
    PhaseCounts,
)
from controller.api.schemas.documents import (
    AnyDocument,
    BridgeDocument,
    FlowExportDocument,
    HostDocument,
    HostGroupDocument,
    MirrorDocument,
    PoolDocument,
    PortDocument,
    QosPolicyDocument,
    SegmentDocument,
    TransportZoneDocument,
    TunnelDocument,
    TunnelProfileDocument,
)
from controller.api.schemas.manifests import (
    AnyManifest,
    BridgeManifest,
    BridgeSpec,
    HostManifest,
    HostSpec,
    ManifestMetadata,
    PortManifest,
    PortSpec,
    SegmentManifest,
    SegmentSpec,
    TunnelEnd,
    TunnelManifest,
    TunnelSpec,
)
from controller.api.schemas.requests import ObjectName
from controller.api.settings import bridge_settings, port_settings, settings_fields
from controller.domain import intent
from controller.domain.errors import Violation
from controller.domain.intent import (
    DEFAULT_PROJECT,
    DEFINITIONS,
    Definition,
    Kind,
    Manifest,
    Mode,
    Ref,
    Removal,
    Spec,
)
from controller.domain.safety import ConfirmPolicy, DriftPolicy
from controller.domain.status import Phase, Status
from controller.domain.topology import ArpMode, Topology
from controller.services.intent import ChangeResult, ObjectResult
from controller.services.queries import ResourceFailure, View

DOCUMENTS: dict[Kind, type[AnyDocument]] = {
    Kind.HOST: HostDocument,
    Kind.BRIDGE: BridgeDocument,
    Kind.SEGMENT: SegmentDocument,
    Kind.PORT: PortDocument,
    Kind.TUNNEL: TunnelDocument,
    Kind.POOL: PoolDocument,
    Kind.TRANSPORT_ZONE: TransportZoneDocument,
    Kind.HOST_GROUP: HostGroupDocument,
    Kind.TUNNEL_PROFILE: TunnelProfileDocument,
    Kind.QOS_POLICY: QosPolicyDocument,
    Kind.MIRROR: MirrorDocument,
    Kind.FLOW_EXPORT: FlowExportDocument,
}
_DEFINITIONS: dict[Kind, TypeAdapter[Definition]] = {
    kind: TypeAdapter(spec) for kind, spec in DEFINITIONS.items()
}
_KINDS = {spec: kind for kind, spec in DEFINITIONS.items()}


def to_ref(kind: str, metadata: ManifestMetadata) -> Ref:
    project = DEFAULT_PROJECT if metadata.project is None else metadata.project
    return Ref(Kind(kind), project, metadata.name)


def to_manifest(
    shape: AnyManifest,
    *,
    ref: Ref | None = None,
    pointer: str = "",
    mode: Mode = Mode.UPSERT,
    expected_revision: int | None = None,
) -> Manifest:
    """``ref`` is given where the address, and not the body, says which object is meant."""
    return Manifest(
        ref=ref or to_ref(shape.kind, shape.metadata),
        spec=_to_spec(shape),
        labels=dict(shape.metadata.labels),
        mode=mode,
        pointer=pointer,
        expected_revision=expected_revision,
    )


def to_removal(shape: ObjectName, *, pointer: str) -> Removal:
    return Removal(to_ref(shape.kind, shape.metadata), pointer=pointer, missing_ok=True)


def _to_spec(shape: AnyManifest) -> Spec:
    match shape:
        case HostManifest(spec=spec):
            return _to_host(spec)
        case BridgeManifest(spec=spec):
            return _to_bridge(spec)
        case SegmentManifest(spec=spec):
            return _to_segment(spec)
        case PortManifest(spec=spec):
            return _to_port(spec)
        case TunnelManifest(spec=spec):
            return _to_tunnel(spec)
        case _:
            return _DEFINITIONS[Kind(shape.kind)].validate_python(shape.spec.model_dump())


def _to_host(spec: HostSpec) -> intent.HostSpec:
    return intent.HostSpec(
        vteps=tuple(spec.vteps),
        underlay_mtu=spec.underlay_mtu,
        datapath_type=intent.DatapathType(spec.datapath_type),
        overlay_bridge=spec.overlay_bridge,
        overlay_bridge_type=intent.BridgeType(spec.overlay_bridge_type),
        zones=tuple(spec.zones),
        vtep_pool=spec.vtep_pool,
        management_interface=spec.management_interface,
        state=intent.Lifecycle(spec.state),
        overlay_bridge_ready=spec.overlay_bridge_ready,
        confirm=ConfirmPolicy(spec.confirm),
        confirm_timeout_s=spec.confirm_timeout_s,
    )


def _to_bridge(spec: BridgeSpec) -> intent.BridgeSpec:
    return intent.BridgeSpec(
        host=spec.host,
        host_group=spec.host_group,
        interface=spec.interface,
        type=intent.BridgeType(spec.type),
        datapath_type=intent.DatapathType(spec.datapath_type),
        settings=bridge_settings(spec),
        drift_policy=DriftPolicy(spec.drift_policy),
    )


def _to_segment(spec: SegmentSpec) -> intent.SegmentSpec:
    return intent.SegmentSpec(
        vni=spec.vni,
        mtu=None if spec.mtu == "auto" else spec.mtu,
        dst_port=spec.dst_port,
        address_family=intent.AddressFamily(spec.address_family),
        backend=None if spec.backend == "auto" else intent.Backend(spec.backend),
        zone=spec.zone,
        vni_pool=spec.vni_pool,
        tunnel_profile=spec.tunnel_profile,
        topology=Topology(spec.topology),
        hubs=tuple(spec.hubs),
        links=tuple((link.a, link.b) for link in spec.links),
        arp_mode=ArpMode(spec.arp_mode),
        external_vteps=tuple(spec.external_vteps),
        subnets=tuple(spec.subnets),
        provider_loop_safe=spec.provider_loop_safe,
        drift_policy=DriftPolicy(spec.drift_policy),
    )


def _to_port(spec: PortSpec) -> intent.PortSpec:
    peer = spec.peer
    return intent.PortSpec(
        host=spec.host,
        interface=spec.interface,
        type=intent.PortType(spec.type),
        segment=spec.segment,
        bridge=spec.bridge,
        tag=spec.tag,
        mac=spec.mac,
        mtu=spec.mtu,
        addresses=tuple(spec.addresses),
        peer=intent.VethPeerSpec(peer.netns, peer.interface) if peer else None,
        qos_policy=spec.qos_policy,
        settings=port_settings(spec),
        iface_id=spec.iface_id,
        migrating_to=spec.migrating_to,
        drift_policy=DriftPolicy(spec.drift_policy),
    )


def _to_tunnel(spec: TunnelSpec) -> intent.TunnelSpec:
    first, second = spec.ends
    return intent.TunnelSpec(
        ends=(_to_tunnel_end(first), _to_tunnel_end(second)),
        key=spec.key,
        dst_port=spec.dst_port,
        address_family=intent.AddressFamily(spec.address_family),
        ttl=spec.ttl,
        tos=spec.tos,
        csum=spec.csum,
        df_default=spec.df_default,
        drift_policy=DriftPolicy(spec.drift_policy),
    )


def _to_tunnel_end(end: TunnelEnd) -> intent.TunnelEnd:
    return intent.TunnelEnd(host=end.host, bridge=end.bridge, ip=end.ip, tag=end.tag)


def to_document(view: View) -> AnyDocument:
    stored = view.object
    return DOCUMENTS[stored.kind].model_validate(
        {
            "kind": stored.kind.value,
            "metadata": {
                "name": stored.name,
                "uid": stored.uid,
                "project": stored.project,
                "labels": dict(stored.labels),
                "revision": stored.revision,
                "created_at": stored.created_at,
                "updated_at": stored.updated_at,
            },
            "spec": spec_fields(stored.spec),
            "status": _status_fields(view.status),
        }
    )


def spec_fields(spec: Spec) -> dict[str, Any]:
    """As the fields of its shape are called, in plain values."""
    if isinstance(spec, Definition):
        found: dict[str, Any] = _DEFINITIONS[_KINDS[type(spec)]].dump_python(spec, mode="json")
        return found
    fields = asdict(spec)
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = str(value)
        elif isinstance(value, tuple):
            fields[name] = list(value)
    if isinstance(spec, intent.HostSpec):
        # Nobody can ask for it: the host's condition tells it.
        del fields["former_vteps"], fields["vtep_steps"]
    if isinstance(spec, intent.SegmentSpec):
        fields["mtu"] = "auto" if spec.mtu is None else spec.mtu
        fields["links"] = [{"a": a, "b": b} for a, b in spec.links]
    if isinstance(spec, intent.BridgeSpec | intent.PortSpec):
        del fields["settings"]
        fields |= settings_fields(spec.settings)
    return fields


def _status_fields(status: Status) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "phase": status.phase.value,
        "observed_revision": status.observed_revision,
        "conditions": [asdict(condition) for condition in status.conditions],
    }
    if status.applied_revision is not None:
        fields["applied_revision"] = status.applied_revision
        fields["pinned_revision"] = status.pinned_revision
    return fields


def to_change_result(result: ChangeResult, warnings: Iterable[Violation]) -> ChangeResultDocument:
    return ChangeResultDocument(
        revision=result.revision,
        results=[_to_object_result(each) for each in result.results],
        warnings=to_warnings(warnings),
    )


def to_warnings(warnings: Iterable[Violation]) -> list[ChangeWarning]:
    return [ChangeWarning.model_validate(asdict(warning)) for warning in warnings]


def _to_object_result(result: ObjectResult) -> ObjectResultDocument:
    return ObjectResultDocument(
        kind=result.ref.kind.value,
        name=result.ref.name,
        project=result.ref.project,
        uid=result.uid,
        action=result.action.value,
        revision=result.revision,
    )


def to_failure(failure: ResourceFailure) -> FailureDocument:
    return FailureDocument.model_validate(asdict(failure))


def to_phase_counts(counts: Mapping[Phase, int]) -> PhaseCounts:
    return PhaseCounts(
        total=sum(counts.values()),
        ready=counts.get(Phase.READY, 0),
        degraded=counts.get(Phase.DEGRADED, 0),
        failed=counts.get(Phase.FAILED, 0),
        unknown=counts.get(Phase.UNKNOWN, 0),
        pending=counts.get(Phase.PENDING, 0),
    )
