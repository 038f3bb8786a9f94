"""The table of requests that were answered under an Idempotency-Key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables.base import Base


class RequestRow(Base):
    """Written in the transaction of the change that the request made; forgotten after a day."""

    __tablename__ = "request"

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    """SHA-256 over method, path and body."""
    status: Mapped[int]
    headers: Mapped[dict[str, str]]
    body: Mapped[bytes]
    answered_at: Mapped[datetime] = mapped_column(index=True)
