"""What operators allowed on hosts beyond intent: without versions, but each act has a revision."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables.base import Base


class HostStandingRow(Base):
    """One row for each time that somebody looked at a host and allowed something."""

    __tablename__ = "host_standing"

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    grants: Mapped[int]
    """How many times that makes."""
    lifts_pin: Mapped[bool]


class HostGrantRow(Base):
    """One thing that is allowed, until the host has done it."""

    __tablename__ = "host_grant"
    __table_args__ = (CheckConstraint("kind IN ('removal', 'force', 'adopt')", name="kind"),)

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    accept_differences: Mapped[bool]
    principal: Mapped[str]
    granted_at: Mapped[datetime]
    revision: Mapped[int]
    """The state of the host that has it is of this revision or a later one."""
