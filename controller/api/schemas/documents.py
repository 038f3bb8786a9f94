"""Shapes of what callers are shown: objects with their statuses, and results of changes.

Owns nothing. Every field is always present, so that a client needs no guesses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeAlias, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field

from controller.api.schemas import definitions, manifests
from controller.api.schemas.base import Answer

_STORED = ConfigDict(json_schema_serialization_defaults_required=True)

PhaseName: TypeAlias = Literal["Pending", "Ready", "Degraded", "Failed", "Unknown"]


class StoredHostSpec(manifests.HostSpec):
    model_config = _STORED


class StoredBridgeSpec(manifests.BridgeSpec):
    model_config = _STORED


class StoredSegmentSpec(manifests.SegmentSpec):
    model_config = _STORED

    vni: int
    """1..16777215."""
    dst_port: int
    """UDP port."""
    backend: Literal["ovs", "kernel"]
    """Who encapsulates, except on hosts without Open vSwitch, where it is always the kernel."""


class StoredVethPeer(manifests.VethPeer):
    model_config = _STORED


class StoredPortSpec(manifests.PortSpec):
    model_config = _STORED

    peer: StoredVethPeer | None = None
    """Where the other end of a veth pair is."""


class StoredTunnelEnd(manifests.TunnelEnd):
    model_config = _STORED


class StoredTunnelSpec(manifests.TunnelSpec):
    model_config = _STORED

    ends: list[StoredTunnelEnd]  # type: ignore[assignment]
    """The first is a host's, the second another host's or an outside VTEP."""
    key: int
    """VNI 1..16777215."""


class StoredPoolSpec(definitions.PoolSpec):
    model_config = _STORED


class StoredTransportZoneSpec(definitions.TransportZoneSpec):
    model_config = _STORED


class StoredHostGroupSpec(definitions.HostGroupSpec):
    model_config = _STORED


class StoredTunnelProfileSpec(definitions.TunnelProfileSpec):
    model_config = _STORED


class StoredQosPolicySpec(definitions.QosPolicySpec):
    model_config = _STORED


class StoredMirrorSpec(definitions.MirrorSpec):
    model_config = _STORED


class StoredFlowExportSpec(definitions.FlowExportSpec):
    model_config = _STORED


class ObjectMetadata(Answer):
    name: str
    uid: UUID
    project: str
    labels: dict[str, str]
    revision: int
    """Fleet revision of the object's newest version; its ETag."""
    created_at: datetime
    updated_at: datetime


class ConditionDocument(Answer):
    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition: datetime | None


class StatusDocument(Answer):
    phase: PhaseName
    observed_revision: int
    """Newest revision of the object that all of its hosts have applied; 0 for none."""
    conditions: list[ConditionDocument]


class HostStatusDocument(StatusDocument):
    applied_revision: int
    """Newest fleet revision that the host has applied, 0 for none. A host may stay behind the
    fleet's and be up to date: changes that do not concern it are not sent to it."""
    pinned_revision: int | None = None
    """Of a host that undid a change: the revision that it is held at until it is released."""


SpecT = TypeVar("SpecT")
DocumentT = TypeVar("DocumentT")

# Pydantic looks for the docstrings of fields in the source, and takes long to find that a model
# made of a generic one has none: half the time that it took to import the whole API.
_GENERIC = ConfigDict(use_attribute_docstrings=False)


class _Document(Answer, Generic[SpecT]):
    model_config = _GENERIC

    metadata: ObjectMetadata
    spec: SpecT
    status: StatusDocument


class HostDocument(_Document[StoredHostSpec]):
    kind: Literal["Host"] = "Host"
    status: HostStatusDocument


class BridgeDocument(_Document[StoredBridgeSpec]):
    kind: Literal["Bridge"] = "Bridge"


class SegmentDocument(_Document[StoredSegmentSpec]):
    kind: Literal["Segment"] = "Segment"


class PortDocument(_Document[StoredPortSpec]):
    kind: Literal["Port"] = "Port"


class TunnelDocument(_Document[StoredTunnelSpec]):
    kind: Literal["Tunnel"] = "Tunnel"


class PoolDocument(_Document[StoredPoolSpec]):
    kind: Literal["Pool"] = "Pool"


class TransportZoneDocument(_Document[StoredTransportZoneSpec]):
    kind: Literal["TransportZone"] = "TransportZone"


class HostGroupDocument(_Document[StoredHostGroupSpec]):
    kind: Literal["HostGroup"] = "HostGroup"


class TunnelProfileDocument(_Document[StoredTunnelProfileSpec]):
    kind: Literal["TunnelProfile"] = "TunnelProfile"


class QosPolicyDocument(_Document[StoredQosPolicySpec]):
    kind: Literal["QosPolicy"] = "QosPolicy"


class MirrorDocument(_Document[StoredMirrorSpec]):
    kind: Literal["Mirror"] = "Mirror"


class FlowExportDocument(_Document[StoredFlowExportSpec]):
    kind: Literal["FlowExport"] = "FlowExport"


AnyDocument: TypeAlias = (
    HostDocument
    | BridgeDocument
    | SegmentDocument
    | PortDocument
    | TunnelDocument
    | PoolDocument
    | TransportZoneDocument
    | HostGroupDocument
    | TunnelProfileDocument
    | QosPolicyDocument
    | MirrorDocument
    | FlowExportDocument
)


class _Page(Answer, Generic[DocumentT]):
    model_config = _GENERIC

    items: list[DocumentT]
    next_page_token: str = Field(
        description="Give it as ``page_token`` for the next page; empty on the last."
    )
    revision: int = Field(
        description="Fleet revision that the page was read at; watch from here to miss nothing."
    )


class HostPage(_Page[HostDocument]):
    """A page of hosts."""


class BridgePage(_Page[BridgeDocument]):
    """A page of bridges."""


class SegmentPage(_Page[SegmentDocument]):
    """A page of segments."""


class PortPage(_Page[PortDocument]):
    """A page of ports."""


class TunnelPage(_Page[TunnelDocument]):
    """A page of explicit tunnels."""


class PoolPage(_Page[PoolDocument]):
    """A page of pools of VNIs or of addresses."""


class TransportZonePage(_Page[TransportZoneDocument]):
    """A page of transport zones."""


class HostGroupPage(_Page[HostGroupDocument]):
    """A page of groups of hosts."""


class TunnelProfilePage(_Page[TunnelProfileDocument]):
    """A page of tunnel profiles."""


class QosPolicyPage(_Page[QosPolicyDocument]):
    """A page of policies of quality of service."""


class MirrorPage(_Page[MirrorDocument]):
    """A page of mirrors."""


class FlowExportPage(_Page[FlowExportDocument]):
    """A page of exports of flows."""
