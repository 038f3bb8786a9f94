"""Tables of what happened: the log of changes of intent, and who made them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from controller.domain.intent import Kind
from controller.store.tables.base import Base

_SHOWN = text("action NOT IN ('membership', 'macs', 'end')")


class ChangeLogRow(Base):
    """What each revision changed, in the order of the commits.

    Besides objects it says what concerns hosts whose own objects did not change: for which segments
    the set of members, or what a member brings to the mesh, changed (action ``membership``), or the
    MAC addresses that their kernel members know (``macs``), and who else has an end of a tunnel
    (``end``).
    """

    __tablename__ = "change_log"
    __table_args__ = (
        Index(None, "uid", "revision", postgresql_where=text("action = 'membership'")),
        Index("ix_change_log_shown_kind", "kind", "revision", "seq", postgresql_where=_SHOWN),
        Index("ix_change_log_shown_name", "name", "revision", "seq", postgresql_where=_SHOWN),
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


_OF_INTENT = text("revision IS NOT NULL")


class AuditRow(Base):
    """Who did what. The objects and their values before and after are in the versions."""

    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "principal", "revision", postgresql_where=_OF_INTENT),
        Index(None, "at", "revision", postgresql_where=_OF_INTENT),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    principal: Mapped[str]
    request_id: Mapped[str]
    action: Mapped[str]
    outcome: Mapped[str]
    revision: Mapped[int | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]]
