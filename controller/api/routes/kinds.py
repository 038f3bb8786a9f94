"""The collections of the API, one for each kind of intent: their paths and shapes. Owns nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, create_model

from controller.api.schemas.answers import ChangeWarning
from controller.api.schemas.documents import (
    AnyDocument,
    BridgeDocument,
    BridgePage,
    FlowExportDocument,
    FlowExportPage,
    HostDocument,
    HostGroupDocument,
    HostGroupPage,
    HostPage,
    MirrorDocument,
    MirrorPage,
    PoolDocument,
    PoolPage,
    PortDocument,
    PortPage,
    QosPolicyDocument,
    QosPolicyPage,
    SegmentDocument,
    SegmentPage,
    TransportZoneDocument,
    TransportZonePage,
    TunnelDocument,
    TunnelPage,
    TunnelProfileDocument,
    TunnelProfilePage,
)
from controller.api.schemas.manifests import (
    BridgeManifest,
    FlowExportManifest,
    HostGroupManifest,
    HostManifest,
    MirrorManifest,
    PoolManifest,
    PortManifest,
    QosPolicyManifest,
    SegmentManifest,
    TransportZoneManifest,
    TunnelManifest,
    TunnelProfileManifest,
)
from controller.domain.intent import Kind

_ON_HOSTS = frozenset({Kind.BRIDGE, Kind.PORT, Kind.TUNNEL, Kind.MIRROR})


def _word(kind: Kind) -> str:
    """``tunnel_profile`` of ``TunnelProfile``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


@dataclass(frozen=True, slots=True)
class Collection:
    kind: Kind
    path: str
    manifest: type[BaseModel]
    document: type[AnyDocument]
    page: type[BaseModel]
    written: Any = field(init=False)
    """The document with the warnings of the change that wrote it: a model."""

    def __post_init__(self) -> None:
        written = create_model(
            f"Written{self.document.__name__}",
            __base__=self.document,
            warnings=(list[ChangeWarning], ...),
        )
        object.__setattr__(self, "written", written)

    @property
    def one(self) -> str:
        return _word(self.kind)

    @property
    def is_on_hosts(self) -> bool:
        """Whether a list of them can be narrowed to a host."""
        return self.kind in _ON_HOSTS

    @property
    def many(self) -> str:
        return self.path.replace("-", "_")


COLLECTIONS = (
    Collection(Kind.HOST, "hosts", HostManifest, HostDocument, HostPage),
    Collection(Kind.BRIDGE, "bridges", BridgeManifest, BridgeDocument, BridgePage),
    Collection(Kind.SEGMENT, "segments", SegmentManifest, SegmentDocument, SegmentPage),
    Collection(Kind.PORT, "ports", PortManifest, PortDocument, PortPage),
    Collection(Kind.TUNNEL, "tunnels", TunnelManifest, TunnelDocument, TunnelPage),
    Collection(Kind.POOL, "pools", PoolManifest, PoolDocument, PoolPage),
    Collection(
        Kind.TRANSPORT_ZONE,
        "transport-zones",
        TransportZoneManifest,
        TransportZoneDocument,
        TransportZonePage,
    ),
    Collection(Kind.HOST_GROUP, "host-groups", HostGroupManifest, HostGroupDocument, HostGroupPage),
    Collection(
        Kind.TUNNEL_PROFILE,
        "tunnel-profiles",
        TunnelProfileManifest,
        TunnelProfileDocument,
        TunnelProfilePage,
    ),
    Collection(
        Kind.QOS_POLICY, "qos-policies", QosPolicyManifest, QosPolicyDocument, QosPolicyPage
    ),
    Collection(Kind.MIRROR, "mirrors", MirrorManifest, MirrorDocument, MirrorPage),
    Collection(
        Kind.FLOW_EXPORT, "flow-exports", FlowExportManifest, FlowExportDocument, FlowExportPage
    ),
)
