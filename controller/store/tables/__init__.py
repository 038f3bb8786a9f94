"""Every table. Migrations are the truth for a deployed database; a test proves the two equal."""

from controller.store.tables.base import Base
from controller.store.tables.intent import (
    VERSIONED,
    AuditRow,
    BridgeRow,
    ChangeLogRow,
    FleetRow,
    HostRow,
    HostSegmentRow,
    PortRow,
    ProjectRow,
    SegmentRow,
    TunnelRow,
    VniAllocationRow,
)
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
    "ApiTokenRow",
    "AuditRow",
    "Base",
    "BridgeRow",
    "ChangeLogRow",
    "FleetRow",
    "HostCertificateRow",
    "HostRow",
    "HostSegmentRow",
    "HostStatusRow",
    "JobRow",
    "JoinTokenRow",
    "PortRow",
    "ProjectRow",
    "ROLLUP_ROWS",
    "RequestRow",
    "ResourceFailureRow",
    "RollupRow",
    "SegmentRow",
    "StatCursorRow",
    "StatLastRow",
    "StatProgressRow",
    "StatRawRow",
    "StatSubjectRow",
    "TunnelRow",
    "VERSIONED",
    "VniAllocationRow",
    "WebhookDeliveryRow",
    "WebhookProgressRow",
    "WebhookRow",
    "WebhookToldRow",
]
