"""Stores what hosts count, many hosts at a time.

``Intake`` owns what one process remembers of the store to be quick: ids of subjects, and which
partitions there are. The truth about how far a host is is in its cursor, which is written in the
transaction that writes its samples: a report is stored exactly once, whoever repeats it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from controller.domain.errors import UnavailableError
from controller.domain.statistics import (
    JITTER,
    LATEST,
    Cursor,
    Fate,
    Resolution,
    is_ahead,
    judge,
)
from controller.observability import get_logger
from controller.services.statistics_upkeep import ensure_partitions
from controller.store.engine import Database, Transaction
from controller.store.statistics import ingest, rollup
from controller.store.statistics.ingest import NoPartitionError, Sample, Subject
from controller.store.statistics.partitions import Partition, partition_of
from controller.store.statistics.restart import restart

log = get_logger(__name__)

MOST_SUBJECTS = 200_000
"""Things that one host may have counters of, over all the time that its history is kept."""

_REMEMBERED = timedelta(hours=1)
"""Subjects are forgotten a day after they were heard, or later (``statistics_upkeep.forget``)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of one thing at one moment."""

    subject: str
    epoch: int
    counts: tuple[int | None, ...]
    """In the order of ``controller.domain.statistics.COUNTERS``; none above ``MOST``."""


@dataclass(frozen=True, slots=True)
class Report:
    host_uid: UUID
    instance_nonce: str
    sequence: int
    sampled_at: datetime
    readings: tuple[Reading, ...]
    """No subject twice."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a report."""

    fate: Fate
    stored_sequence: int
    """Up to here nothing of the agent process has to be sent again."""
    rows: int = 0
    """Samples that were stored."""
    left_out: int = 0
    """Samples that were not, because the host has too many subjects."""


class _Known(NamedTuple):
    at: datetime
    ids: Mapping[str, int]


class _AheadError(Exception):
    """What is stored of these hosts lies in the future."""

    def __init__(self, hosts: Sequence[UUID]) -> None:
        super().__init__(f"{len(hosts)} hosts")
        self.hosts = hosts


class Intake:
    """One writer at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ids: dict[UUID, _Known] = {}
        self._partitions: set[Partition] = set()
        self._told_of_clock = False

    def store(self, reports: Sequence[Report], *, now: datetime) -> list[Receipt]:
        """Store reports, those of one host in the order given; a receipt for each."""
        try:
            return self._store(reports, now)
        except NoPartitionError:
            # Somebody dropped what this process made or saw.
            self._partitions.clear()
            return self._store(reports, now)
        except _AheadError as error:
            self._restart(error.hosts, now)
            return self._store(reports, now)
        except UnavailableError:
            # What comes back may be a copy of the database that lost the newest ids.
            self._ids.clear()
            raise

    def _store(self, reports: Sequence[Report], now: datetime) -> list[Receipt]:
        self._make_room(reports, now)
        with self._db.transaction() as tx:
            judged = _judge(tx, reports, now)
            stored = [report for report, fate in judged if fate is Fate.STORED]
            ids = self._identify(tx, stored, now)
            rows = [_samples(report, ids) for report in stored]
            ingest.copy_samples(tx, chain.from_iterable(rows))
        self._remember(stored, ids, now)
        written = map(len, rows)
        return [
            _receipt(report, fate, next(written) if fate is Fate.STORED else 0)
            for report, fate in judged
        ]

    def _restart(self, hosts: Iterable[UUID], now: datetime) -> None:
        """One at a time: each may have hours to forget."""
        if not self._told_of_clock:
            log.warning(
                "The controller's clock was ahead: what hosts counted after the present is removed,"
                " and their statistics go on from here",
                now=now.isoformat(),
            )
            self._told_of_clock = True
        for host_uid in hosts:
            with self._db.transaction() as tx:
                restart(tx, host_uid, ahead=JITTER, now=now)

    def _make_room(self, reports: Iterable[Report], now: datetime) -> None:
        """Make partitions that are missing. Those of times that nobody stores are not."""
        times = (report.sampled_at for report in reports)
        wanted = {partition_of(Resolution.RAW, at) for at in times if at >= now - LATEST}
        if missing := wanted - self._partitions:
            ensure_partitions(self._db, missing)
            self._partitions |= missing

    def _identify(
        self, tx: Transaction, reports: Sequence[Report], now: datetime
    ) -> dict[Subject, int]:
        """Ids of what is reported, given to what is new as far as its host may have more."""
        subjects = {(r.host_uid, reading.subject) for r in reports for reading in r.readings}
        known = {host: self._known(host, now) for host, _ in subjects}
        ids = {
            (host, subject): known[host][subject]
            for host, subject in subjects
            if subject in known[host]
        }
        if missing := subjects - ids.keys():
            ids |= ingest.subject_ids(tx, missing)
        if new := subjects - ids.keys():
            allowed = _allowed(tx, new)
            ingest.add_subjects(tx, allowed)
            ids |= ingest.subject_ids(tx, allowed)
        return ids

    def _known(self, host: UUID, now: datetime) -> Mapping[str, int]:
        """Ids that are good: nobody forgets what was stored so lately."""
        found = self._ids.get(host)
        return found.ids if found is not None and abs(now - found.at) <= _REMEMBERED else {}

    def _remember(
        self, reports: Iterable[Report], ids: Mapping[Subject, int], now: datetime
    ) -> None:
        """Only what is committed, and only what the host spoke of last."""
        for report in reports:
            host = report.host_uid
            subjects = {
                reading.subject: id_
                for reading in report.readings
                if (id_ := ids.get((host, reading.subject))) is not None
            }
            self._ids[host] = _Known(now, subjects)


def _judge(tx: Transaction, reports: Sequence[Report], now: datetime) -> list[tuple[Report, Fate]]:
    """Decide on each report, with the time to store it with; the cursors are written and locked."""
    before = ingest.lock_cursors(tx, (report.host_uid for report in reports))
    if ahead := [uid for uid, cursor in before.items() if is_ahead(cursor, now)]:
        raise _AheadError(ahead)
    after: dict[UUID, Cursor] = {}
    first: dict[UUID, datetime] = {}
    judged = []
    for report in reports:
        host, nonce, sequence = report.host_uid, report.instance_nonce, report.sequence
        cursor = after.get(host, before[host])
        fate, at = judge(cursor, nonce, sequence, report.sampled_at, now)
        judged.append((replace(report, sampled_at=at), fate))
        if fate is Fate.STORED:
            after[host] = Cursor(nonce, sequence, at)
            if not before[host].sequence:
                first.setdefault(host, at)
    ingest.advance(tx, after)
    rollup.begin(tx, first)
    return judged


def _allowed(tx: Transaction, new: Collection[Subject]) -> list[Subject]:
    """A host that makes up names fills its own share, and nobody else's."""
    counts = ingest.count_subjects(tx, {host for host, _ in new})
    allowed = []
    for host, subject in sorted(new):
        counts[host] = counts.get(host, 0) + 1
        if counts[host] <= MOST_SUBJECTS:
            allowed.append((host, subject))
    return allowed


def _samples(report: Report, ids: Mapping[Subject, int]) -> list[Sample]:
    return [
        Sample(id_, report.sampled_at, reading.epoch, reading.counts)
        for reading in report.readings
        if (id_ := ids.get((report.host_uid, reading.subject))) is not None
    ]


def _receipt(report: Report, fate: Fate, rows: int) -> Receipt:
    left_out = len(report.readings) - rows if fate is Fate.STORED else 0
    return Receipt(fate, report.sequence, rows, left_out)
