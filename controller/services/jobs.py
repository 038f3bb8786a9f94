"""Background work as rows: the row is the truth, a broker's message only says "look at this id".

Owns ``job``. A worker claims a row with a lease; the attempt number fences a worker that outlived
its lease. Must not know what the kinds mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from controller.store import jobs as rows
from controller.store.engine import Database


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. ``attempt`` is the fencing number of this claim."""

    id: UUID
    kind: str
    args: Mapping[str, Any]
    attempt: int
    lease_until: datetime


_MESSAGE_TAKES = timedelta(seconds=30)
"""A job that still waits after this long has lost its message."""


def enqueue(
    db: Database, kind: str, args: Mapping[str, Any], *, idempotency_key: str, now: datetime
) -> UUID | None:
    """None when a job with this key exists already."""
    job_id = uuid4()
    with db.transaction() as tx:
        added = rows.add(
            tx,
            job_id=job_id,
            kind=kind,
            args=args,
            idempotency_key=idempotency_key,
            message_until=now + _MESSAGE_TAKES,
            now=now,
        )
    return job_id if added else None


def claim(
    db: Database, job_id: UUID | None, *, worker: str, lease: timedelta, now: datetime
) -> Job | None:
    """Takes this job (None: the oldest) if it waits or its lease ran out, else answers None."""
    with db.transaction() as tx:
        found = rows.claim(tx, job_id, worker=worker, lease_until=now + lease, now=now)
    return None if found is None else Job(*found)


def finish(db: Database, job: Job, *, error: str | None = None, now: datetime) -> bool:
    """False: another worker claimed the job meanwhile, and this one's result does not count."""
    with db.transaction() as tx:
        return rows.finish(tx, job.id, job.attempt, error=error, now=now)


def expired(db: Database, *, now: datetime) -> tuple[UUID, ...]:
    """Unfinished jobs that nobody is working on in time: send their messages again."""
    with db.snapshot() as tx:
        return tuple(rows.overdue(tx, now))


def prune(db: Database, *, before: datetime) -> int:
    """Deletes finished jobs that ended before; answers how many."""
    with db.transaction() as tx:
        return rows.prune(tx, before)


def count_by_state(db: Database) -> dict[str, int]:
    with db.snapshot() as tx:
        return rows.count_by_state(tx)
