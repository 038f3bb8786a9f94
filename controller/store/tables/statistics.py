"""Tables of what hosts count: samples as they came, and what they amount to by the minute and up.

Samples and roll-ups are partitioned by time, so that forgetting is dropping a table. Subjects are
stored as hosts name them, and each host has its own: no host can speak for another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import Double, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from controller.domain.statistics import Resolution
from controller.store.tables.base import Base


class StatSubjectRow(Base):
    __tablename__ = "stat_subject"
    __table_args__ = (UniqueConstraint("host_uid", "subject"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    host_uid: Mapped[UUID]
    subject: Mapped[str]
    """Resource id, or ``device:<name>`` (``ovsfleet/v1/stats.proto``)."""


class StatCursorRow(Base):
    """The newest report of a host that is stored, written in the transaction that stores it."""

    __tablename__ = "stat_cursor"
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    instance_nonce: Mapped[str]
    sequence: Mapped[int]
    sampled_at: Mapped[datetime]


class StatProgressRow(Base):
    """Up to when a host's samples are rolled up. Apart from the cursor, which reports lock."""

    __tablename__ = "stat_progress"
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    rolled_until: Mapped[datetime]


class Counts:
    """Absolute counts; None where the system keeps none."""

    epoch: Mapped[int]
    """The 64 bits of the agent's number, read as a signed one; only compared."""
    rx_packets: Mapped[int | None]
    rx_bytes: Mapped[int | None]
    rx_errors: Mapped[int | None]
    rx_dropped: Mapped[int | None]
    tx_packets: Mapped[int | None]
    tx_bytes: Mapped[int | None]
    tx_errors: Mapped[int | None]
    tx_dropped: Mapped[int | None]
    tx_carrier_errors: Mapped[int | None]
    collisions: Mapped[int | None]
    multicast: Mapped[int | None]


class StatRawRow(Counts, Base):
    __tablename__ = "stat_raw"
    __table_args__ = ({"postgresql_partition_by": "RANGE (sampled_at)"},)

    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sampled_at: Mapped[datetime] = mapped_column(primary_key=True)


class StatLastRow(Counts, Base):
    """The newest sample that is rolled up: what the next one is subtracted from, however long the
    host was away and whatever has been dropped meanwhile."""

    __tablename__ = "stat_last"
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sampled_at: Mapped[datetime]


class Increments:
    """What was counted in a bucket of time, by the time of the later of two samples.

    ``numeric``, so that no count that a host invents can make a sum overflow.
    """

    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    bucket_at: Mapped[datetime] = mapped_column(primary_key=True)
    """Beginning of the bucket."""
    across_gap: Mapped[bool] = mapped_column(primary_key=True)
    """Counted while nothing was heard: part of a total, and of no rate."""
    covered_seconds: Mapped[float] = mapped_column(Double)
    rx_packets: Mapped[Decimal | None]
    rx_bytes: Mapped[Decimal | None]
    rx_errors: Mapped[Decimal | None]
    rx_dropped: Mapped[Decimal | None]
    tx_packets: Mapped[Decimal | None]
    tx_bytes: Mapped[Decimal | None]
    tx_errors: Mapped[Decimal | None]
    tx_dropped: Mapped[Decimal | None]
    tx_carrier_errors: Mapped[Decimal | None]
    collisions: Mapped[Decimal | None]
    multicast: Mapped[Decimal | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[dict[str, str]]:
        return ({"postgresql_partition_by": "RANGE (bucket_at)"},)


class StatMinuteRow(Increments, Base):
    __tablename__ = "stat_1m"


class StatQuarterRow(Increments, Base):
    __tablename__ = "stat_15m"


class StatHourRow(Increments, Base):
    __tablename__ = "stat_1h"


RollupRow: TypeAlias = StatMinuteRow | StatQuarterRow | StatHourRow

ROLLUP_ROWS: Mapping[Resolution, type[RollupRow]] = {
    Resolution.MINUTE: StatMinuteRow,
    Resolution.QUARTER: StatQuarterRow,
    Resolution.HOUR: StatHourRow,
}
