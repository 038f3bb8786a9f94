"""Reports of hosts for tests of statistics, and what is stored of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from controller.domain.statistics import COUNTERS
from controller.services.statistics import Reading, Report
from controller.store.engine import Database

START = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def counts(**known: int) -> tuple[int | None, ...]:
    return tuple(known.get(name) for name in COUNTERS)


def reading(subject: str, epoch: int = 1, **known: int) -> Reading:
    return Reading(subject, epoch, counts(**known))


def report(
    host: UUID, sequence: int, at: datetime, *readings: Reading, nonce: str = "one"
) -> Report:
    return Report(host, nonce, sequence, at, readings)


def steady(
    host: UUID,
    subject: str,
    *,
    rate: int,
    start: datetime,
    samples: int,
    every: timedelta = timedelta(seconds=5),
    sequence: int = 1,
) -> list[Report]:
    """Reports of a subject that receives ``rate`` bytes a second, from its first on."""
    return [
        report(
            host,
            sequence + n,
            start + n * every,
            reading(subject, rx_bytes=1000 + int(n * every.total_seconds() * rate)),
        )
        for n in range(samples)
    ]


def raw(db: Database, host: UUID) -> list[tuple[datetime, int, int | None]]:
    """Time, epoch and received bytes of every sample of a host, in the order of time."""
    return _rows(
        db,
        "SELECT sampled_at, epoch, rx_bytes FROM stat_raw JOIN stat_subject ON id = subject_id"
        " WHERE host_uid = %s ORDER BY subject_id, sampled_at",
        host,
    )


def total(db: Database, table: str, host: UUID) -> Decimal:
    """Received bytes of a host by one of the roll-ups."""
    ((found,),) = _rows(
        db,
        "SELECT coalesce(sum(rx_bytes), 0)"  # noqa: S608 - the tests name the table
        f" FROM {table} JOIN stat_subject ON id = subject_id WHERE host_uid = %s",
        host,
    )
    return Decimal(found)


def tables(db: Database) -> set[str]:
    """Partitions that exist."""
    return {
        name
        for (name,) in _rows(
            db, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
        )
    }


def _rows(db: Database, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(db.url) as connection:
        return connection.execute(query.encode(), values).fetchall()
