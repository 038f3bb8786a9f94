"""Tables of webhooks: who is told of what, how far that is, and every message with its fate."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables.base import Base


class WebhookRow(Base):
    __tablename__ = "webhook"
    __table_args__ = (UniqueConstraint("name"),)

    uid: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[str]]
    label_selector: Mapped[str]
    kinds: Mapped[list[str] | None]
    project: Mapped[str | None]
    secret: Mapped[str]
    """In the clear, because every message is signed with it."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    revision: Mapped[int]
    """The transaction that wrote the webhook last: unlike a count, it is no other webhook's, not
    even of one that had this name before."""
    told_revision: Mapped[int]
    told_seq: Mapped[int | None]
    """Up to this entry of the change log messages were stored; without seq, up to its revision."""


class WebhookProgressRow(Base):
    """One row. Whoever moves ``turn`` stores what it found; anybody else found the same."""

    __tablename__ = "webhook_progress"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    turn: Mapped[int] = mapped_column(server_default=text("0"))
    statuses: Mapped[int | None]
    """Cursor over the hosts' statuses; unset while no webhook asks for statuses."""
    revision: Mapped[int] = mapped_column(server_default=text("0"))
    """Of the objects that statuses were derived for."""


class WebhookToldRow(Base):
    """What was said last of an object, to know what is news."""

    __tablename__ = "webhook_told"

    uid: Mapped[UUID] = mapped_column(primary_key=True)
    aspect: Mapped[str] = mapped_column(primary_key=True)
    """``phase``, or of a host also ``connection``."""
    event: Mapped[str]
    revision: Mapped[int]


_UNFINISHED = text("finished_at IS NULL")


class WebhookDeliveryRow(Base):
    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("id"),
        CheckConstraint("state IN ('waiting', 'sending', 'delivered', 'failed')", name="state"),
        CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('delivered', 'failed'))", name="finished"
        ),
        Index("ix_webhook_delivery_webhook_uid_seq", "webhook_uid", "seq"),
        Index(
            "ix_webhook_delivery_unfinished",
            "webhook_uid",
            "object_uid",
            "seq",
            postgresql_where=_UNFINISHED,
        ),
        Index("ix_webhook_delivery_due", "webhook_uid", "seq", postgresql_where=_UNFINISHED),
        Index("ix_webhook_delivery_finished_at", "finished_at"),
    )

    seq: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    """The order in which messages of one object are sent."""
    id: Mapped[UUID]
    webhook_uid: Mapped[UUID]
    event: Mapped[str]
    object_uid: Mapped[UUID]
    """Of a test, which is about no object, the id of the message."""
    body: Mapped[str]
    state: Mapped[str]
    attempt: Mapped[int]
    next_at: Mapped[datetime]
    """When it may be tried next; while it is being sent, until when whoever sends it has time."""
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    status_code: Mapped[int | None]
    """Of the last attempt that was answered."""
    error: Mapped[str | None]
    """Of the last attempt that failed."""
