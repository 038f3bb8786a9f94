"""The table of questions what a host is like now, with their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables.base import Base


class ObservationRow(Base):
    """Put by whoever serves REST, answered by whoever holds the host's session, gone in minutes.

    Times are the database's: the two may be processes on two machines."""

    __tablename__ = "observation"
    __table_args__ = (
        Index("ix_observation_open", "host_uid", postgresql_where=text("received_at IS NULL")),
        Index(None, "asked_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    host_uid: Mapped[UUID]
    resources: Mapped[list[str]]
    """Sorted; empty: everything."""
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_epoch: Mapped[int | None]
    """The session that it was last sent in; a newer one is sent it again."""
    received_at: Mapped[datetime | None]
    revision: Mapped[int | None]
    """That the host was compared with; None before the answer."""
    answer: Mapped[dict[str, Any] | None]
