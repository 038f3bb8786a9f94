"""Rows of background jobs. A lease and an attempt number stand for who is working on one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.store.engine import Transaction
from controller.store.tables import JobRow


class Claimed(NamedTuple):
    id: UUID
    kind: str
    args: dict[str, Any]
    attempt: int
    lease_until: datetime


def add(
    tx: Transaction,
    *,
    job_id: UUID,
    kind: str,
    args: Mapping[str, Any],
    idempotency_key: str,
    message_until: datetime,
    now: datetime,
) -> bool:
    """Add a waiting job; False when the key is known."""
    statement = (
        upsert(JobRow)
        .values(
            id=job_id,
            kind=kind,
            args=dict(args),
            idempotency_key=idempotency_key,
            state="waiting",
            attempt=0,
            lease_until=message_until,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(JobRow.id)
    )
    return tx.execute(statement).one_or_none() is not None


def claim(
    tx: Transaction, job_id: UUID | None, *, worker: str, lease_until: datetime, now: datetime
) -> Claimed | None:
    row = JobRow
    claimable = (row.state == "waiting") | ((row.state == "running") & (row.lease_until < now))
    free = select(row.id).where(claimable).order_by(row.created_at).limit(1)
    if job_id is not None:
        free = free.where(row.id == job_id)
    taken = free.with_for_update(skip_locked=True).cte("taken")
    statement = (
        update(row)
        .where(row.id == taken.c.id)
        .values(state="running", attempt=row.attempt + 1, worker=worker, lease_until=lease_until)
        .returning(row.id, row.kind, row.args, row.attempt, row.lease_until)
    )
    found = tx.execute(statement).one_or_none()
    return None if found is None else Claimed(*found)


def finish(
    tx: Transaction, job_id: UUID, attempt: int, *, error: str | None, now: datetime
) -> bool:
    row = JobRow
    statement = (
        update(row)
        .where(row.id == job_id, row.attempt == attempt, row.state == "running")
        .values(state="done" if error is None else "failed", error=error, finished_at=now)
    )
    return tx.execute(statement).rowcount == 1


def overdue(tx: Transaction, now: datetime) -> list[UUID]:
    row = JobRow
    query = select(row.id).where(row.finished_at.is_(None), row.lease_until < now)
    return list(tx.execute(query.order_by(row.created_at)).scalars())


def prune(tx: Transaction, before: datetime) -> int:
    return tx.execute(delete(JobRow).where(JobRow.finished_at < before)).rowcount


def count_by_state(tx: Transaction) -> dict[str, int]:
    row = JobRow
    return dict(tx.execute(select(row.state, func.count()).group_by(row.state)).all())
