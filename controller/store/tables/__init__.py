"""Every table. Migrations are the truth for a deployed database; a test proves the two equal."""

from controller.store.tables.allocations import VniAllocationRow, VtepQuarantineRow
from controller.store.tables.base import Base
from controller.store.tables.drift import DriftEventRow
from controller.store.tables.events import EventRow
from controller.store.tables.grants import HostGrantRow, HostStandingRow
from controller.store.tables.history import AuditRow, ChangeLogRow
from controller.store.tables.intent import (
    VERSIONED,
    BridgeRow,
    FleetRow,
    FlowExportRow,
    HostGroupRow,
    HostRow,
    HostSegmentRow,
    MirrorRow,
    PoolRow,
    PortRow,
    ProjectRow,
    QosPolicyRow,
    SegmentRow,
    TransportZoneRow,
    TunnelProfileRow,
    TunnelRow,
    VersionedRow,
)
from controller.store.tables.inventory import HostIfaceRow, HostInventoryRow
from controller.store.tables.observation import ObservationRow
from controller.store.tables.requests import RequestRow
from controller.store.tables.state import (
    ApiTokenRow,
    HostCertificateRow,
    HostStatusRow,
    JobRow,
    JoinTokenRow,
    ResourceFailureRow,
)
from controller.store.tables.statistics import (
    ROLLUP_ROWS,
    RollupRow,
    StatCursorRow,
    StatLastRow,
    StatProgressRow,
    StatRawRow,
    StatSubjectRow,
)
from controller.store.tables.webhooks import (
    WebhookDeliveryRow,
    WebhookProgressRow,
    WebhookRow,
    WebhookToldRow,
)

__all__ = [
    "ROLLUP_ROWS",
    "VERSIONED",
    "ApiTokenRow",
    "AuditRow",
    "Base",
    "BridgeRow",
    "ChangeLogRow",
    "DriftEventRow",
    "EventRow",
    "FleetRow",
    "FlowExportRow",
    "HostCertificateRow",
    "HostGrantRow",
    "HostGroupRow",
    "HostIfaceRow",
    "HostInventoryRow",
    "HostRow",
    "HostSegmentRow",
    "HostStandingRow",
    "HostStatusRow",
    "JobRow",
    "JoinTokenRow",
    "MirrorRow",
    "ObservationRow",
    "PoolRow",
    "PortRow",
    "ProjectRow",
    "QosPolicyRow",
    "RequestRow",
    "ResourceFailureRow",
    "RollupRow",
    "SegmentRow",
    "StatCursorRow",
    "StatLastRow",
    "StatProgressRow",
    "StatRawRow",
    "StatSubjectRow",
    "TransportZoneRow",
    "TunnelProfileRow",
    "TunnelRow",
    "VersionedRow",
    "VniAllocationRow",
    "VtepQuarantineRow",
    "WebhookDeliveryRow",
    "WebhookProgressRow",
    "WebhookRow",
    "WebhookToldRow",
]
