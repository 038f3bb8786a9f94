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
from controller.store.tables.state import (
    ApiTokenRow,
    HostCertificateRow,
    HostStatusRow,
    JobRow,
    JoinTokenRow,
    ResourceFailureRow,
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
    "ResourceFailureRow",
    "SegmentRow",
    "TunnelRow",
    "VERSIONED",
    "VniAllocationRow",
]
