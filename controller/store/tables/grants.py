"""What operators allowed on hosts beyond intent: without versions, but each act has a revision."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
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
    mends: Mapped[bool]
    """Whether what was left as it was found is brought back for it."""


class HostGrantRow(Base):
    """One thing that is allowed, from one revision up to where it ended."""

    __tablename__ = "host_grant"
    __table_args__ = (
        CheckConstraint("kind IN ('removal', 'force', 'adopt')", name="kind"),
        Index(
            "ix_host_grant_bound_to", "bound_to", postgresql_where=text("ended_revision IS NULL")
        ),
    )

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    accept_differences: Mapped[bool]
    principal: Mapped[str]
    granted_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(primary_key=True)
    """The state of the host that has it is of this revision or a later one."""
    ended_revision: Mapped[int | None]
    """States of this revision and later ones have it no more."""
    bound_to: Mapped[UUID | None]
    """The object that it is about: what the object is made into later is not allowed by it."""
