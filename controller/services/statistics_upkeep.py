"""What keeps statistics small: rolling up, making partitions ahead, and dropping old ones.

Owns nothing. Every function may be repeated or cut off at any time: the next call goes on from
what is committed. Must not be needed for reports to be taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from controller.compiler.naming import object_of
from controller.domain.statistics import ROLLUPS, Resolution
from controller.observability import get_logger
from controller.store.engine import Database, Transaction
from controller.store.listing import read_refs
from controller.store.statistics import forgetting, partitions, rollup
from controller.store.statistics.partitions import Partition, partition_of
from controller.store.statistics.rollup import Due

log = get_logger(__name__)

_GONE = timedelta(days=1)

_MINUTE = timedelta(minutes=1)
_AT_ONCE = timedelta(minutes=10)
_HOSTS_AT_ONCE = 200
_SAMPLES_AT_ONCE = 500_000
"""Bounds of one transaction: it takes some seconds. A host and a minute are always within them."""

_USUAL_SAMPLES = 12
"""Of one subject in one minute."""

_MOST_SKIPPED = 10
"""Where so many hosts cannot be rolled up it is not the hosts' fault."""

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


def forget(db: Database, *, now: datetime) -> int:
    """Forget subjects and hosts that nobody will ask about; answer how many.

    A subject goes with its last number. One whose object is gone goes when the quarters of hours
    are over: only its host's sums still need it, and charts of months may do without. A host that
    is gone shows nothing to anybody, so a day is for reports on their way and for rolling up.
    """
    with db.snapshot() as tx:
        hosts = forgetting.hosts_gone(tx, since=now - _GONE)
        silent = forgetting.silent(tx, since=now - Resolution.QUARTER.retention)
        owners = {each.id: object_of(each.subject) for each in silent}
        there = read_refs(tx, {uid for uid in owners.values() if uid is not None})
    for host_uid in hosts:
        with db.transaction() as tx:
            forgetting.forget_host(tx, host_uid)
    ids: dict[UUID, list[int]] = {}
    for each in silent:
        uid = owners[each.id]
        is_gone = uid is not None and uid not in there
        if each.heard_at is None or is_gone or each.heard_at < now - Resolution.HOUR.retention:
            ids.setdefault(each.host_uid, []).append(each.id)
    for host_uid in ids.keys() - set(hosts):
        with db.transaction() as tx:
            forgetting.forget_subjects(tx, host_uid, ids[host_uid])
    return len(hosts) + sum(map(len, ids.values()))


def roll_up(db: Database, *, now: datetime, most: int = 500) -> int:
    """Roll up what is over; answer how often something was rolled up, ``most`` times at most.

    What fails is tried again in smaller parts, down to one minute of one host. That host is then
    left alone until the next call: no host stands in the way of all others.
    """
    samples, done, skipped = _SAMPLES_AT_ONCE, 0, set[UUID]()
    while done < most:
        work: list[Due] = []
        try:
            with db.transaction() as tx:
                begin = _oldest_sample(tx, now)
                work = _some(tx, begin, samples, skipped, now)
                _roll_up(tx, begin, work)
        except Exception as error:
            if not work or len(skipped) == _MOST_SKIPPED:
                raise
            if not _is_least(work, samples):
                samples = min(samples, _cost(work)) // 4
                log.warning("Rolling up less at once", samples=samples, reason=repr(error))
                continue
            log.exception("A host cannot be rolled up", host=str(work[0].host_uid))
            skipped.add(work[0].host_uid)
            samples = _SAMPLES_AT_ONCE
        else:
            if not work:
                break
            done += 1
    return done


def _oldest_sample(tx: Transaction, now: datetime) -> datetime:
    """There are none before."""
    oldest = next(iter(partitions.existing(tx, Resolution.RAW)), None)
    return oldest.start if oldest else now


def _some(
    tx: Transaction, begin: datetime, samples: int, skipped: Collection[UUID], now: datetime
) -> list[Due]:
    """Minutes of hosts that are due, of about so many samples; none where somebody is at it."""
    if not rollup.lock(tx):
        return []
    work: list[Due] = []
    for due in rollup.due(tx, hosts=_HOSTS_AT_ONCE, leave_out=skipped, now=now):
        left = samples - _cost(work)
        if work and left < _cost_of_a_minute(due):
            break
        work.append(_bounded(due, begin, left))
    return work


def _bounded(due: Due, begin: datetime, samples: int) -> Due:
    minutes = max(1, samples // _cost_of_a_minute(due)) * _MINUTE
    until = max(due.since, begin) + min(minutes, _AT_ONCE)
    return due._replace(until=min(due.until, until))


def _is_least(work: Sequence[Due], samples: int) -> bool:
    """One minute of one host."""
    is_short = _minutes(work[0]) <= 1 or samples < 2 * _cost_of_a_minute(work[0])
    return len(work) == 1 and is_short


def _cost(work: Iterable[Due]) -> int:
    return sum(_cost_of_a_minute(due) * _minutes(due) for due in work)


def _minutes(due: Due) -> int:
    return min(_AT_ONCE, due.until - due.since) // _MINUTE


def _cost_of_a_minute(due: Due) -> int:
    return max(1, due.subjects) * _USUAL_SAMPLES


def _roll_up(tx: Transaction, begin: datetime, work: Sequence[Due]) -> None:
    if not work:
        return
    _make_missing(tx, {p for each in work for p in _written(each, begin)})
    rollup.roll_minutes(tx, work)
    rollup.roll_buckets(tx, Resolution.QUARTER, work)
    rollup.roll_buckets(tx, Resolution.HOUR, work)
    rollup.advance(tx, work)


def _written(due: Due, begin: datetime) -> Iterator[Partition]:
    """Where buckets of this time lie: at its beginning, or where there are samples."""
    for resolution in ROLLUPS:
        for at in (rollup.bucket_start(resolution, due.since), max(due.since, begin), due.until):
            yield partition_of(resolution, at)
