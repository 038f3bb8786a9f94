"""Rows of messages to webhooks. An attempt's number fences a sender that outlived its time.

Of one webhook one message is sent at a time, and of one object the older first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from controller.store.engine import Transaction
from controller.store.tables import WebhookDeliveryRow, WebhookRow


class Claimed(NamedTuple):
    seq: int
    id: UUID
    body: str
    attempt: int
    url: str
    secret: str


class Delivery(NamedTuple):
    id: UUID
    event: str
    body: str
    state: str
    attempt: int
    next_at: datetime
    created_at: datetime
    finished_at: datetime | None
    status_code: int | None
    error: str | None


class Counts(NamedTuple):
    unfinished: int
    failed: int


def add(tx: Transaction, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Each row has ``id``, ``webhook_uid``, ``event``, ``object_uid`` and ``body``."""
    start = {"state": "waiting", "attempt": 0, "next_at": now, "created_at": now}
    if rows:
        tx.execute(insert(WebhookDeliveryRow), [{**row, **start} for row in rows])


def due_webhooks(tx: Transaction, now: datetime) -> list[UUID]:
    """Webhooks that a message can be sent to now, and that nobody is sending one to."""
    row = aliased(WebhookDeliveryRow)
    is_being_sent = and_(row.state == "sending", row.next_at > now)
    query = (
        select(row.webhook_uid)
        .where(_is_next_of_its_object(row))
        .group_by(row.webhook_uid)
        .having(func.min(row.next_at) <= now, ~func.bool_or(is_being_sent))
        .order_by(func.min(row.next_at))
    )
    return list(tx.execute(query).scalars())


def _is_next_of_its_object(row: type[WebhookDeliveryRow]) -> ColumnElement[bool]:
    earlier = aliased(WebhookDeliveryRow)
    blocked = exists().where(
        earlier.webhook_uid == row.webhook_uid,
        earlier.object_uid == row.object_uid,
        earlier.finished_at.is_(None),
        earlier.seq < row.seq,
    )
    return and_(row.finished_at.is_(None), ~blocked)


def claim(tx: Transaction, webhook: UUID, *, until: datetime, now: datetime) -> Claimed | None:
    """Take the next message that is due; None as well while another one is being sent."""
    row, hook = WebhookDeliveryRow, WebhookRow
    # Held to the commit, so that of two workers one sees what the other took.
    lock = select(hook.uid).where(hook.uid == webhook).with_for_update()
    if tx.execute(lock).one_or_none() is None:
        return None
    is_being_sent = and_(row.webhook_uid == webhook, row.state == "sending", row.next_at > now)
    if tx.execute(select(exists().where(is_being_sent))).scalar_one():
        return None
    statement = (
        update(row)
        .where(row.seq == _next_due(webhook, now), hook.uid == row.webhook_uid)
        .values(state="sending", attempt=row.attempt + 1, next_at=until)
        .returning(row.seq, row.id, row.body, row.attempt, hook.url, hook.secret)
    )
    found = tx.execute(statement).one_or_none()
    return None if found is None else Claimed(*found)


def _next_due(webhook: UUID, now: datetime) -> Any:
    row = aliased(WebhookDeliveryRow)
    return (
        select(row.seq)
        .where(row.webhook_uid == webhook, row.next_at <= now, _is_next_of_its_object(row))
        .order_by(row.seq)
        .limit(1)
        .scalar_subquery()
    )


def record_success(tx: Transaction, claimed: Claimed, status_code: int, now: datetime) -> bool:
    return _record(
        tx, claimed, state="delivered", finished_at=now, status_code=status_code, error=None
    )


def record_failure(
    tx: Transaction,
    claimed: Claimed,
    *,
    status_code: int | None,
    error: str,
    next_at: datetime | None,
    now: datetime,
) -> bool:
    """``next_at`` None: it is given up."""
    outcome: dict[str, Any] = {"state": "failed", "finished_at": now}
    if next_at is not None:
        outcome = {"state": "waiting", "next_at": next_at}
    return _record(tx, claimed, **outcome, status_code=status_code, error=error)


def _record(tx: Transaction, claimed: Claimed, **columns: Any) -> bool:
    """False: somebody else tries it again already, and this attempt does not count."""
    row = WebhookDeliveryRow
    mine = and_(row.seq == claimed.seq, row.attempt == claimed.attempt, row.state == "sending")
    return tx.execute(update(row).where(mine).values(**columns)).rowcount == 1


def read_newest(tx: Transaction, webhook: UUID, limit: int) -> list[Delivery]:
    row = WebhookDeliveryRow
    query = select(*(getattr(row, name) for name in Delivery._fields))
    newest = query.where(row.webhook_uid == webhook).order_by(row.seq.desc()).limit(limit)
    return [Delivery(*found) for found in tx.execute(newest)]


def count(tx: Transaction, webhooks: Iterable[UUID]) -> dict[UUID, Counts]:
    row = WebhookDeliveryRow
    query = (
        select(
            row.webhook_uid,
            func.count().filter(row.finished_at.is_(None)),
            func.count().filter(row.state == "failed"),
        )
        .where(
            row.webhook_uid == func.any(list(webhooks)),
            or_(row.finished_at.is_(None), row.state == "failed"),
        )
        .group_by(row.webhook_uid)
    )
    return {uid: Counts(unfinished, failed) for uid, unfinished, failed in tx.execute(query)}


def prune(tx: Transaction, before: datetime) -> int:
    row = WebhookDeliveryRow
    return tx.execute(delete(row).where(row.finished_at < before)).rowcount
