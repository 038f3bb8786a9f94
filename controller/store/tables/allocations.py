"""Tables of what was given out of pools, and may be given to nothing else meanwhile."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables.base import Base


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
    since: Mapped[datetime]
    """When it was taken; once it is released, when that was."""
    quarantined_until: Mapped[datetime | None]
    """By the pool that it was of when it was released; the hosts must confirm besides."""


class VtepQuarantineRow(Base):
    """An address that a host had, and that its pool does not give out again yet.

    Those that hosts have are in the hosts' own rows."""

    __tablename__ = "vtep_quarantine"

    address: Mapped[str] = mapped_column(primary_key=True)
    host_uid: Mapped[UUID]
    since: Mapped[datetime]
    quarantined_until: Mapped[datetime]
