"""Partitions of the tables of statistics: made ahead, made when missing, and dropped.

A partition stands for one hour, day, month or year, and its name says which. There is no default
partition: rows in it would have to be moved before the right one can be made, and would be
forgotten by no drop. Whoever needs a partition that is missing makes it instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from controller.domain.statistics import Resolution
from controller.store.engine import Transaction
from controller.store.tables import ROLLUP_ROWS, StatRawRow

_ADVISORY_LOCK = 0x6F76736673746174
"""``ovsfstat`` in ASCII: two that make or drop partitions wait for each other."""


@dataclass(frozen=True, slots=True)
class Partition:
    resolution: Resolution
    start: datetime

    @property
    def end(self) -> datetime:
        """The first moment of the next one."""
        return start_of(self.resolution, self.start + _LONGEST[self.resolution])

    @property
    def name(self) -> str:
        return f"{_parent(self.resolution)}_{self.start.strftime(_FORMATS[self.resolution])}"


_FORMATS: Mapping[Resolution, str] = {
    Resolution.RAW: "%Y%m%d%H",
    Resolution.MINUTE: "%Y%m%d",
    Resolution.QUARTER: "%Y%m",
    Resolution.HOUR: "%Y",
}
_LONGEST: Mapping[Resolution, timedelta] = {
    Resolution.RAW: timedelta(hours=1),
    Resolution.MINUTE: timedelta(days=1),
    # From the first day of a month or year, so far that it is the next one, and not the one after.
    Resolution.QUARTER: timedelta(days=31),
    Resolution.HOUR: timedelta(days=366),
}


def start_of(resolution: Resolution, at: datetime) -> datetime:
    """The beginning of the partition that ``at`` lies in."""
    written = at.astimezone(UTC).strftime(_FORMATS[resolution])
    return _parse(resolution, written)


def partition_of(resolution: Resolution, at: datetime) -> Partition:
    return Partition(resolution, start_of(resolution, at))


def lock(tx: Transaction) -> None:
    """Keep others from making or dropping partitions until the end of the transaction."""
    tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


def existing(tx: Transaction, resolution: Resolution) -> list[Partition]:
    """All partitions of a table, oldest first."""
    query = text(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = CAST(:parent AS regclass) ORDER BY relname"
    )
    parent = _parent(resolution)
    names = tx.execute(query, {"parent": parent}).scalars()
    return [
        Partition(resolution, _parse(resolution, name.removeprefix(f"{parent}_"))) for name in names
    ]


def make(tx: Transaction, partition: Partition) -> None:
    """Make a partition that is known to be missing, under ``lock``.

    Made apart and attached: attaching stops neither writers nor readers of the other partitions.
    """
    parent, name = _parent(partition.resolution), partition.name
    tx.execute(text(f"CREATE TABLE {name} (LIKE {parent} INCLUDING ALL)"))
    tx.execute(
        text(
            f"ALTER TABLE {parent} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{partition.start.isoformat()}')"
            f" TO ('{partition.end.isoformat()}')"
        )
    )


def drop(tx: Transaction, partition: Partition) -> None:
    """Drop a partition, under ``lock``. Gives up soon where a long read is in the way: readers and
    writers queue behind a drop that waits."""
    tx.execute(text("SET LOCAL lock_timeout = '2s'"))
    tx.execute(text(f"DROP TABLE {partition.name}"))


def _parent(resolution: Resolution) -> str:
    row = StatRawRow if resolution is Resolution.RAW else ROLLUP_ROWS[resolution]
    return row.__tablename__


def _parse(resolution: Resolution, written: str) -> datetime:
    return datetime.strptime(written, _FORMATS[resolution]).replace(tzinfo=UTC)
