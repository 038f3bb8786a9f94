"""The table of what happened, as one story for people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from controller.domain.events import EventType, Severity
from controller.domain.intent import Kind
from controller.store.tables.base import Base


class EventRow(Base):
    """Written in the transaction that it tells of. What it says is as it was then."""

    __tablename__ = "event"
    __table_args__ = (
        Index(None, "at", "id"),
        Index("ix_event_rare", "at", "id", postgresql_where=text("type <> 'host.applied'")),
        Index("ix_event_grave", "at", "id", postgresql_where=text("severity <> 'info'")),
        Index(None, "kind", "at", "id"),
        Index(None, "type", "at", "id"),
        Index(None, "host_uid", "type", "at"),
        Index(None, "names", postgresql_using="gin"),
        Index(None, "hosts", postgresql_using="gin"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    """By the controller's clock."""
    type: Mapped[EventType]
    severity: Mapped[Severity]
    reason: Mapped[str]
    message: Mapped[str]
    detail: Mapped[str]
    """What only whoever may see all that is on the host is told besides."""
    kind: Mapped[Kind | None]
    """None, and no project: it is of no object, and only for whoever may see all on the host."""
    project: Mapped[str | None]
    names: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Of the object; of several, as many as are kept to be found by."""
    hosts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    host_uid: Mapped[UUID | None]
    """Of the host that it happened to."""
    principal: Mapped[str | None]
    revision: Mapped[int | None]
    times: Mapped[int]
    """How many objects it is of, or how often it happened."""
