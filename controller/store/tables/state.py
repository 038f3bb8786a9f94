"""Tables of everything but intent: what hosts report, who may come in, and background jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables.base import Base


class HostStatusRow(Base):
    """One narrow row per host, written with every report; never a truth about intent."""

    __tablename__ = "host_status"
    __table_args__ = (
        Index(None, "changed_xid"),
        Index(None, "advanced_xid"),
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
    """What the host went back to and is held at until somebody releases it; 0 for nothing."""
    undone_revision: Mapped[int | None]
    """Of one that is pinned, or that said again after its release that it undid this: what it went
    back from."""
    pin_reason: Mapped[str | None]
    """Of the same, the agent's own words."""
    changed_xid: Mapped[int]
    """The transaction that last changed what people see of the row: a cursor that needs no lock."""
    advanced_xid: Mapped[int | None]
    """The same, of one that moved the revisions and nothing else: each change of intent does that
    to all hosts that it does not concern."""
    written_off_at: Mapped[datetime | None]
    """Since when nobody waits for what the host may still have: its machine is gone, and another
    may come. The next session takes it back."""


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
    replaces: Mapped[bool]
    """Whether whoever comes with it takes the place of the machine before."""


class HostCertificateRow(Base):
    __tablename__ = "host_certificate"

    serial: Mapped[str] = mapped_column(primary_key=True)
    host_uid: Mapped[UUID] = mapped_column(index=True)
    issued_at: Mapped[datetime]
    not_after: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_for: Mapped[str | None]
    """One of ``domain.departures.Revocation``."""


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
