"""Every table. Migrations are the truth for a deployed database; a test proves the two equal.

Intent is versioned: a row is one version of one object, alive for the fleet revisions in
[valid_from, valid_to). An update closes one row and opens the next, a delete closes it; the current
version has no valid_to. A name never changes for a uid, so a version carries the names that its
spec refers to beside the uids that they were resolved to.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from controller.domain.intent import AddressFamily, Backend, DatapathType, Kind, PortType

_E = TypeVar("_E", bound=enum.StrEnum)


def _words(enumeration: type[_E]) -> Enum:
    return Enum(
        enumeration,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy declares it without ClassVar)
        str: Text(),
        int: BigInteger(),
        bytes: LargeBinary(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        dict[str, str]: JSONB(),
        list[str]: ARRAY(Text()),
        Kind: _words(Kind),
        DatapathType: _words(DatapathType),
        PortType: _words(PortType),
        AddressFamily: _words(AddressFamily),
        Backend: _words(Backend),
    }


CURRENT = text("valid_to IS NULL")


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
            Index(f"uq_{table}_current_uid", "uid", unique=True, postgresql_where=CURRENT),
            _one_current(table, "name", "project", "name"),
        )

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return ()


def _one_current(table: str, what: str, *columns: str) -> Index:
    return Index(f"uq_{table}_current_{what}", *columns, unique=True, postgresql_where=CURRENT)


class HostRow(Versioned, Base):
    __tablename__ = "host"

    vteps: Mapped[list[str]]
    """In the order that was asked for; the next two say the same by family, to be unique."""
    vtep_ipv4: Mapped[str | None]
    vtep_ipv6: Mapped[str | None]
    underlay_mtu: Mapped[int]
    datapath_type: Mapped[DatapathType]
    overlay_bridge: Mapped[str]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            _one_current("host", "vtep_ipv4", "vtep_ipv4"),
            _one_current("host", "vtep_ipv6", "vtep_ipv6"),
        )


class BridgeRow(Versioned, Base):
    __tablename__ = "bridge"

    host: Mapped[str]
    host_uid: Mapped[UUID]
    interface: Mapped[str]
    datapath_type: Mapped[DatapathType]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            _one_current("bridge", "interface", "host_uid", "interface"),
            Index(None, "host_uid", "valid_to"),
        )


class SegmentRow(Versioned, Base):
    __tablename__ = "segment"

    vni: Mapped[int]
    mtu: Mapped[int | None]
    dst_port: Mapped[int]
    address_family: Mapped[AddressFamily]
    backend: Mapped[Backend]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            _one_current("segment", "vni", "vni"),
            CheckConstraint("vni BETWEEN 1 AND 16777215", name="vni"),
        )


class PortRow(Versioned, Base):
    __tablename__ = "port"

    host: Mapped[str]
    host_uid: Mapped[UUID]
    interface: Mapped[str]
    type: Mapped[PortType]
    segment: Mapped[str | None]
    segment_uid: Mapped[UUID | None]
    bridge: Mapped[str | None]
    bridge_uid: Mapped[UUID | None]
    tag: Mapped[int | None] = mapped_column(SmallInteger)
    mac: Mapped[str | None]
    mtu: Mapped[int | None]
    addresses: Mapped[list[str]]
    peer_netns: Mapped[str | None]
    peer_interface: Mapped[str | None]

    @classmethod
    def _of_this_kind(cls) -> tuple[Any, ...]:
        return (
            _one_current("port", "interface", "host_uid", "interface"),
            CheckConstraint("num_nonnulls(segment_uid, bridge_uid) = 1", name="one_target"),
            Index(None, "host_uid", "valid_to"),
            Index(None, "segment_uid", "valid_to"),
        )


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
    local_vlan: Mapped[int] = mapped_column(SmallInteger)
    released_revision: Mapped[int | None]


class VniAllocationRow(Base):
    __tablename__ = "vni_allocation"
    __table_args__ = (
        Index(None, "segment_uid"),
        Index(
            "ix_vni_allocation_released",
            "released_revision",
            postgresql_where=text("released_revision IS NOT NULL"),
        ),
    )

    vni: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    segment_uid: Mapped[UUID]
    released_revision: Mapped[int | None]


class ChangeLogRow(Base):
    """What each revision changed, in the order of the commits.

    Besides objects it says for which segments the set of members, or what a member brings to the
    mesh, changed (action ``membership``): that concerns hosts whose own objects did not change.
    """

    __tablename__ = "change_log"
    __table_args__ = (
        Index(None, "uid", "revision", postgresql_where=text("action = 'membership'")),
    )

    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[Kind]
    uid: Mapped[UUID]
    project: Mapped[str]
    name: Mapped[str]
    action: Mapped[str]
    host_uid: Mapped[UUID | None]
    """The host that the object is on, or was on before it moved."""


class AuditRow(Base):
    """Who did what. The objects and their values before and after are in the versions."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    principal: Mapped[str]
    request_id: Mapped[str]
    action: Mapped[str]
    outcome: Mapped[str]
    revision: Mapped[int | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]]


class HostStatusRow(Base):
    """One narrow row per host, written with every report; never a truth about intent."""

    __tablename__ = "host_status"
    __table_args__ = (
        Index(None, "changed_xid"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    session_epoch: Mapped[int]
    instance_nonce: Mapped[str]
    agent_version: Mapped[str]
    capabilities: Mapped[dict[str, Any]]
    connected: Mapped[bool]
    silent: Mapped[bool]
    """The stream is open as far as we know, and nothing came for too long."""
    last_seen: Mapped[datetime]
    last_transition: Mapped[datetime]
    """When ``connected`` or ``silent`` changed last."""
    accepted_revision: Mapped[int]
    observed_revision: Mapped[int]
    applied_revision: Mapped[int]
    applied_hash: Mapped[bytes]
    outcome: Mapped[str | None]
    failures: Mapped[int]
    pinned_revision: Mapped[int | None]
    changed_xid: Mapped[int]
    """The transaction that last changed what people see of the row: a cursor that needs no lock."""


class ResourceFailureRow(Base):
    """A resource that is not as intended. Whatever has no row here is fine."""

    __tablename__ = "resource_failure"
    __table_args__ = (Index(None, "object_uid"),)

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str] = mapped_column(primary_key=True)
    object_uid: Mapped[UUID | None]
    """The bridge, port or segment that the resource belongs to."""
    kind: Mapped[str]
    reason: Mapped[str]
    message: Mapped[str]
    since: Mapped[datetime]


class JoinTokenRow(Base):
    __tablename__ = "join_token"

    secret_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    host_uid: Mapped[UUID] = mapped_column(index=True)
    host: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    key_fingerprint: Mapped[str | None]
    redeemed_at: Mapped[datetime | None]


class HostCertificateRow(Base):
    __tablename__ = "host_certificate"

    serial: Mapped[str] = mapped_column(primary_key=True)
    host_uid: Mapped[UUID] = mapped_column(index=True)
    issued_at: Mapped[datetime]
    not_after: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiTokenRow(Base):
    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("secret_sha256"), UniqueConstraint("name"))

    uid: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    secret_sha256: Mapped[bytes]
    roles: Mapped[list[str]]
    projects: Mapped[list[str] | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class JobRow(Base):
    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="state"),
        Index("ix_job_unfinished", "lease_until", postgresql_where=text("finished_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    args: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str]
    state: Mapped[str]
    attempt: Mapped[int]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime]
    """Until when somebody owns the job; of a waiting one, until when its message may take."""
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]


VERSIONED: dict[Kind, type[HostRow | BridgeRow | SegmentRow | PortRow]] = {
    Kind.HOST: HostRow,
    Kind.BRIDGE: BridgeRow,
    Kind.SEGMENT: SegmentRow,
    Kind.PORT: PortRow,
}
