"""The table of what others changed on hosts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from controller.domain.intent import Kind
from controller.domain.safety import DriftAction
from controller.store.tables.base import Base


class DriftEventRow(Base):
    """An event has its number within one agent process, so that what is sent again is known.

    What it says of its host and object is as it was then; neither ever gets another name."""

    __tablename__ = "drift_event"
    __table_args__ = (
        UniqueConstraint("id"),
        Index(None, "host", "id"),
        Index(None, "object_name", "id"),
        Index(None, "received_at"),
    )

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    """Of the agent process."""
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(Identity(always=True))
    """The order in which events were stored."""
    host: Mapped[str]
    at: Mapped[datetime]
    """By the host's clock."""
    received_at: Mapped[datetime]
    resource: Mapped[str]
    object_kind: Mapped[Kind | None]
    object_uid: Mapped[UUID | None]
    object_project: Mapped[str | None]
    object_name: Mapped[str | None]
    """None, all four: it was no intended object's, or of none any more."""
    action: Mapped[DriftAction]
    differences: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    who: Mapped[str]
