"""What keeps statistics small: rolling up, making partitions ahead, and dropping old ones.

Owns nothing. Every function may be repeated or cut off at any time: the next call goes on from
what is committed. Must not be needed for reports to be taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from controller.domain.statistics import ROLLUPS, Resolution
from controller.store.engine import Database, Transaction
from controller.store.statistics import partitions, rollup
from controller.store.statistics.partitions import Partition, partition_of
from controller.store.statistics.rollup import Due

_AT_ONCE = timedelta(minutes=10)
_HOSTS_AT_ONCE = 10
"""Bounds of one transaction: with 4,000 subjects on each host it writes some 400,000 rows."""

_AHEAD = timedelta(hours=3)
_KEPT_FOR_ROLLUP = timedelta(days=2)
"""How long samples outlive their retention when nobody rolls them up."""


def ensure_partitions(db: Database, wanted: Collection[Partition]) -> None:
    with db.transaction() as tx:
        _make_missing(tx, wanted)


def _make_missing(tx: Transaction, wanted: Collection[Partition]) -> None:
    resolutions = {each.resolution for each in wanted}
    if _missing(tx, wanted, resolutions):
        partitions.lock(tx)
        for partition in _missing(tx, wanted, resolutions):
            partitions.make(tx, partition)


def _missing(
    tx: Transaction, wanted: Collection[Partition], resolutions: Collection[Resolution]
) -> set[Partition]:
    there = {each for resolution in resolutions for each in partitions.existing(tx, resolution)}
    return set(wanted) - there


def make_partitions_ahead(db: Database, *, now: datetime) -> None:
    """So that no writer has to, and none is missing at the turn of an hour, day, month or year."""
    wanted = {
        partition_of(resolution, at)
        for resolution in Resolution
        for at in (now, now + timedelta(hours=1), now + timedelta(hours=2), now + _AHEAD)
    }
    ensure_partitions(db, wanted)


def drop_partitions(db: Database, *, now: datetime) -> int:
    """Forget what is older than its retention; answer how many partitions went.

    Samples that wait to be rolled up stay, though not for ever: a disk that is full helps nobody.
    """
    with db.snapshot() as tx:
        waiting = rollup.oldest_waiting(tx)
        there = [each for resolution in Resolution for each in partitions.existing(tx, resolution)]
    dropped = [each for each in there if _is_over(each, waiting, now)]
    for partition in dropped:
        with db.transaction() as tx:
            partitions.lock(tx)
            if partition in partitions.existing(tx, partition.resolution):
                partitions.drop(tx, partition)
    return len(dropped)


def _is_over(partition: Partition, waiting: datetime | None, now: datetime) -> bool:
    retained_from = now - partition.resolution.retention
    if partition.end > retained_from:
        return False
    if partition.resolution is not Resolution.RAW or waiting is None:
        return True
    return partition.end <= max(waiting, retained_from - _KEPT_FOR_ROLLUP)


def roll_up(db: Database, *, now: datetime, most: int = 500) -> int:
    """Roll up what is over; answer how often there was something to do, ``most`` times at most."""
    for count in range(most):
        if not _roll_up_some(db, now):
            return count
    return most


def _roll_up_some(db: Database, now: datetime) -> bool:
    """A few hosts, and a few minutes of each, in one transaction."""
    with db.transaction() as tx:
        if not rollup.lock(tx):
            return False
        oldest = next(iter(partitions.existing(tx, Resolution.RAW)), None)
        begin = oldest.start if oldest else now
        work = [_bounded(each, begin) for each in rollup.due(tx, hosts=_HOSTS_AT_ONCE, now=now)]
        if not work:
            return False
        _make_missing(tx, {p for each in work for p in _written(each, begin)})
        rollup.roll_minutes(tx, work)
        rollup.roll_buckets(tx, Resolution.QUARTER, work)
        rollup.roll_buckets(tx, Resolution.HOUR, work)
        rollup.advance(tx, work)
    return True


def _bounded(due: Due, begin: datetime) -> Due:
    """``begin``: there are no samples before."""
    return due._replace(until=min(due.until, max(due.since, begin) + _AT_ONCE))


def _written(due: Due, begin: datetime) -> Iterator[Partition]:
    """Where buckets of this time lie: at its beginning, or where there are samples."""
    for resolution in ROLLUPS:
        for at in (rollup.bucket_start(resolution, due.since), max(due.since, begin), due.until):
            yield partition_of(resolution, at)
