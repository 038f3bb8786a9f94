"""Tables of intent: versions of objects, the numbers given to them, and the log of changes.

A row of a versioned table is one version of one object, alive for the fleet revisions in
[valid_from, valid_to). An update closes one row and opens the next, a delete closes it; the current
version has no valid_to. A name never changes for a uid, so a version carries the names that its
spec refers to beside the uids that they were resolved to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from controller.domain.intent import (
    AddressFamily,
    Backend,
    BridgeType,
    DatapathType,
    Kind,
    Lifecycle,
    PortType,
)
from controller.domain.safety import ConfirmPolicy, DriftPolicy
from controller.store.tables.base import Base
from controller.store.tables.indexes import CURRENT, one_current, patches, searched_ports, where_set

_WITH_DEVICE = "valid_to IS NULL AND interface <> ''"
_MIGRATING = text("migrating_to_uid IS NOT NULL")
_BOUND = "valid_to IS NULL AND side = 0 AND iface_id IS NOT NULL"
_NOT_ACTIVE = text("valid_to IS NULL AND state <> 'active'")
_CHANGING_VTEPS = text("valid_to IS NULL AND former_vteps <> '{}'")


class FleetRow(Base):
    """One row. Its lock, held to the commit, puts all changes of intent into one order."""

    __tablename__ = "fleet"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    uid: Mapped[UUID]
    epoch: Mapped[int]
    """Raised when the database was restored from a backup."""
    revision: Mapped[int]


class ProjectRow(Base):
    __tablename__ = "project"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Versioned:
    """The columns of every intended object, whatever its kind."""

    ONE_CURRENT: ClassVar[str] = "valid_to IS NULL"
    """Where there is one row for each current object."""

    uid: Mapped[UUID] = mapped_column(primary_key=True)
    valid_from: Mapped[int] = mapped_column(primary_key=True)
    valid_to: Mapped[int | None]
    project: Mapped[str] = mapped_column(ForeignKey("project.name"))
    name: Mapped[str]
    labels: Mapped[dict[str, str]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return cls._of_every_kind() + cls._of_this_kind()

    @classmethod
    def _of_every_kind(cls) -> tuple[Any, ...]:
        table = cls.__tablename__  # type: ignore[attr-defined]
        return (
            CheckConstraint("valid_to > valid_from", name="valid_to_after_valid_from"),
            one_current(table, "uid", "uid", where=cls.ONE_CURRENT),
            one_current(table, "name", "project", "name", where=cls.ONE_CURRENT),
        )

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return ()


class HostRow(Versioned, Base):
    __tablename__ = "host"

    vteps: Mapped[list[str]]
    """In the order that was asked for; the next two say the same by family, to be unique."""
    vtep_ipv4: Mapped[str | None]
    vtep_ipv6: Mapped[str | None]
    underlay_mtu: Mapped[int]
    datapath_type: Mapped[DatapathType]
    overlay_bridge: Mapped[str]
    overlay_bridge_type: Mapped[BridgeType]
    zones: Mapped[list[str]]
    vtep_pool: Mapped[str | None]
    management_interface: Mapped[str | None]
    state: Mapped[Lifecycle]
    former_vteps: Mapped[list[str]]
    vtep_steps: Mapped[list[int]] = mapped_column(postgresql.ARRAY(SmallInteger))
    overlay_bridge_ready: Mapped[bool]
    confirm: Mapped[ConfirmPolicy]
    confirm_timeout_s: Mapped[int]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            one_current("host", "vtep_ipv4", "vtep_ipv4"),
            one_current("host", "vtep_ipv6", "vtep_ipv6"),
            Index("ix_host_not_active", "uid", postgresql_where=_NOT_ACTIVE),
            Index("ix_host_changing_vteps", "uid", postgresql_where=_CHANGING_VTEPS),
        )


class BridgeRow(Versioned, Base):
    __tablename__ = "bridge"

    host: Mapped[str | None]
    host_uid: Mapped[UUID | None]
    host_group: Mapped[str | None]
    """The other one of the two: the bridge is on every host of the group."""
    interface: Mapped[str]
    type: Mapped[BridgeType]
    datapath_type: Mapped[DatapathType]
    settings: Mapped[dict[str, Any]]
    """What no query looks at: see ``store.settings``."""
    drift_policy: Mapped[DriftPolicy]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            one_current("bridge", "interface", "host_uid", "interface"),
            Index(None, "host_uid", "valid_to"),
            # With the versions that are closed, which tell what a host has to let go of.
            Index(
                "ix_bridge_host_group",
                "host_group",
                postgresql_where=text("host_group IS NOT NULL"),
            ),
        )


class SegmentRow(Versioned, Base):
    __tablename__ = "segment"

    vni: Mapped[int]
    mtu: Mapped[int | None]
    dst_port: Mapped[int]
    address_family: Mapped[AddressFamily]
    backend: Mapped[Backend]
    tunnel_profile: Mapped[str | None]
    settings: Mapped[dict[str, Any]]
    """As a bridge's: see ``store.segments``."""
    mentions: Mapped[list[str] | None]
    """Hosts and outside VTEPs that it names."""
    zone: Mapped[str | None]
    vni_pool: Mapped[str | None]
    drift_policy: Mapped[DriftPolicy]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            where_set("segment", "tunnel_profile"),
            where_set("segment", "mentions", postgresql_using="gin"),
            one_current("segment", "vni", "vni"),
            CheckConstraint("vni BETWEEN 1 AND 16777215", name="vni"),
        )


class PortRow(Versioned, Base):
    """One row for each host that a version of a port is on, so that whatever is found by
    ``host_uid`` is found on both hosts of a port that moves from one to the other. Rows of one
    version say the same but for ``side`` and ``host_uid``."""

    __tablename__ = "port"
    ONE_CURRENT = "valid_to IS NULL AND side = 0"

    side: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """0 on ``host``, and of a port that is nowhere; 1 on the one that it is ``migrating_to``."""
    host: Mapped[str | None]
    host_uid: Mapped[UUID | None]
    """Of the host of this side."""
    migrating_to: Mapped[str | None]
    migrating_to_uid: Mapped[UUID | None]
    iface_id: Mapped[str | None]
    interface: Mapped[str]
    type: Mapped[PortType]
    segment: Mapped[str | None]
    segment_uid: Mapped[UUID | None]
    bridge: Mapped[str | None]
    bridge_uid: Mapped[UUID | None]
    tag: Mapped[int | None] = mapped_column(SmallInteger)
    mac: Mapped[str | None]
    """A segment's port that was stored before each got one has none. Kernel members are not told of
    it, so they replicate every frame for it to all of the segment's hosts, which works and wastes,
    until an operator names one: a workload's address does not change by the way."""
    mtu: Mapped[int | None]
    addresses: Mapped[list[str]]
    peer_netns: Mapped[str | None]
    peer_interface: Mapped[str | None]
    settings: Mapped[dict[str, Any]]
    """As a bridge's; the next three say again what is compared or referred to."""
    members: Mapped[list[str] | None]
    patch_bridge_uid: Mapped[UUID | None]
    patch_interface: Mapped[str | None]
    qos_policy: Mapped[str | None]
    drift_policy: Mapped[DriftPolicy]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            one_current("port", "interface", "host_uid", "interface", where=_WITH_DEVICE),
            one_current("port", "iface_id", "iface_id", where=_BOUND),
            CheckConstraint("side IN (0, 1)", name="side"),
            CheckConstraint("num_nonnulls(segment_uid, bridge_uid) = 1", name="one_target"),
            Index(None, "host_uid", "valid_to"),
            Index(None, "segment_uid", "valid_to"),
            where_set("port", "bridge_uid"),
            patches("bridge_uid"),
            patches("patch_bridge_uid"),
            where_set("port", "qos_policy"),
            Index("ix_port_migrating_to_uid", "migrating_to_uid", postgresql_where=_MIGRATING),
            patches("segment_uid"),
            *searched_ports(),
        )


class TunnelRow(Versioned, Base):
    """An explicit tunnel: end ``a`` is always a host's, end ``b`` a host's or an outside VTEP."""

    __tablename__ = "tunnel"

    a_host: Mapped[str]
    a_host_uid: Mapped[UUID]
    a_bridge: Mapped[str]
    a_bridge_uid: Mapped[UUID]
    a_ip: Mapped[str | None]
    a_tag: Mapped[int | None] = mapped_column(SmallInteger)
    b_host: Mapped[str | None]
    b_host_uid: Mapped[UUID | None]
    b_bridge: Mapped[str | None]
    b_bridge_uid: Mapped[UUID | None]
    b_ip: Mapped[str | None]
    b_tag: Mapped[int | None] = mapped_column(SmallInteger)
    key: Mapped[int]
    """Tunnels may share a key, so that it is no allocation; see ``held``."""
    dst_port: Mapped[int]
    address_family: Mapped[AddressFamily]
    ttl: Mapped[str | None]
    """A decimal number or ``inherit``; ``tos`` too."""
    tos: Mapped[str | None]
    csum: Mapped[bool | None]
    df_default: Mapped[bool | None]
    drift_policy: Mapped[DriftPolicy]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            CheckConstraint("key BETWEEN 1 AND 16777215", name="key"),
            CheckConstraint(
                "num_nonnulls(b_host, b_host_uid, b_bridge, b_bridge_uid) = 4"
                " OR num_nonnulls(b_host, b_host_uid, b_bridge, b_bridge_uid, b_tag) = 0"
                " AND b_ip IS NOT NULL",
                name="b_is_host_or_outside",
            ),
            Index(None, "a_host_uid", "valid_to"),
            Index(None, "b_host_uid", "valid_to"),
            Index("ix_tunnel_current_a_bridge_uid", "a_bridge_uid", postgresql_where=CURRENT),
            Index("ix_tunnel_current_b_bridge_uid", "b_bridge_uid", postgresql_where=CURRENT),
            Index(None, "key"),
        )


class Definition(Versioned):
    """Of a kind whose spec no query looks into: see ``store.definitions``."""

    spec: Mapped[dict[str, Any]]


class PoolRow(Definition, Base):
    __tablename__ = "pool"


class TransportZoneRow(Definition, Base):
    __tablename__ = "transport_zone"


class HostGroupRow(Definition, Base):
    __tablename__ = "host_group"


class TunnelProfileRow(Definition, Base):
    __tablename__ = "tunnel_profile"


class QosPolicyRow(Definition, Base):
    __tablename__ = "qos_policy"


class MirrorRow(Definition, Base):
    __tablename__ = "mirror"

    host_uid: Mapped[UUID]
    bridge_uid: Mapped[UUID | None]
    """None: the bridge that the host's segments are on."""

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (Index(None, "host_uid", "valid_to"),)


class FlowExportRow(Definition, Base):
    __tablename__ = "flow_export"


class HostSegmentRow(Base):
    """Which host-local VLAN stands for a segment on a host's bridge: also, who is a member.

    A row outlives the host's last port on the segment until the host has confirmed that it is
    gone, so that no VLAN and no VNI gets a second meaning while the first may still be there.
    """

    __tablename__ = "host_segment"
    __table_args__ = (
        UniqueConstraint("host_uid", "bridge", "local_vlan"),
        CheckConstraint("local_vlan BETWEEN 1 AND 4094", name="local_vlan"),
        Index(None, "segment_uid"),
        Index(
            "ix_host_segment_released",
            "released_revision",
            postgresql_where=text("released_revision IS NOT NULL"),
        ),
    )

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    segment_uid: Mapped[UUID] = mapped_column(primary_key=True)
    bridge: Mapped[str]
    local_vlan: Mapped[int | None] = mapped_column(SmallInteger)
    """None on a host without Open vSwitch, which has a Linux bridge for each segment."""
    released_revision: Mapped[int | None]


VersionedRow: TypeAlias = (
    HostRow
    | BridgeRow
    | SegmentRow
    | PortRow
    | TunnelRow
    | PoolRow
    | TransportZoneRow
    | HostGroupRow
    | TunnelProfileRow
    | QosPolicyRow
    | MirrorRow
    | FlowExportRow
)
VERSIONED: dict[Kind, type[VersionedRow]] = {
    Kind.POOL: PoolRow,
    Kind.TRANSPORT_ZONE: TransportZoneRow,
    Kind.HOST_GROUP: HostGroupRow,
    Kind.TUNNEL_PROFILE: TunnelProfileRow,
    Kind.QOS_POLICY: QosPolicyRow,
    Kind.HOST: HostRow,
    Kind.BRIDGE: BridgeRow,
    Kind.SEGMENT: SegmentRow,
    Kind.PORT: PortRow,
    Kind.TUNNEL: TunnelRow,
    Kind.MIRROR: MirrorRow,
    Kind.FLOW_EXPORT: FlowExportRow,
}
