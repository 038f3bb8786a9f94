"""Background work as rows: the row is the truth, a broker's message only says "look at this id".

Owns ``job``. A worker claims a row with a lease; the attempt number fences a worker that outlived
its lease. Must not know what the kinds mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controller.store.engine import Database


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. ``attempt`` is the fencing number of this claim."""

    id: UUID
    kind: str
    args: Mapping[str, Any]
    attempt: int
    lease_until: datetime


def enqueue(
    db: Database, kind: str, args: Mapping[str, Any], *, idempotency_key: str, now: datetime
) -> UUID | None:
    """None when a job with this key exists already."""
    raise NotImplementedError


def claim(
    db: Database, job_id: UUID | None, *, worker: str, lease: timedelta, now: datetime
) -> Job | None:
    """Takes this job (None: the oldest) if it waits or its lease ran out; None when there is none."""
    raise NotImplementedError


def finish(db: Database, job: Job, *, error: str | None = None, now: datetime) -> bool:
    """False: another worker claimed the job meanwhile, and this one's result does not count."""
    raise NotImplementedError


def expired(db: Database, *, now: datetime) -> tuple[UUID, ...]:
    """Unfinished jobs that nobody is working on in time: send their messages again."""
    raise NotImplementedError


def prune(db: Database, *, before: datetime) -> int:
    """Deletes finished jobs that ended before; answers how many."""
    raise NotImplementedError
