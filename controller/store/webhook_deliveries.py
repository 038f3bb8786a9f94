"""Rows of messages to webhooks. An attempt's number fences a sender that outlived its time.

Of one webhook one message is sent at a time, and of one object the older first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from controller.store.engine import Transaction
from controller.store.tables import WebhookDeliveryRow, WebhookRow


class Claimed(NamedTuple):
    seq: int
    id: UUID
    webhook_uid: UUID
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
    if not _hold(tx, webhook):
        return None
    is_being_sent = and_(row.webhook_uid == webhook, row.state == "sending", row.next_at > now)
    if tx.execute(select(exists().where(is_being_sent))).scalar_one():
        return None
    statement = (
        update(row)
        .where(row.seq == _next_due(webhook, now), hook.uid == row.webhook_uid)
        .values(state="sending", attempt=row.attempt + 1, next_at=until)
        .returning(row.seq, row.id, row.webhook_uid, row.body, row.attempt, hook.url, hook.secret)
    )
    found = tx.execute(statement).one_or_none()
    return None if found is None else Claimed(*found)


def _hold(tx: Transaction, webhook: UUID) -> bool:
    """To the commit: of two workers one sees what the other took, and whoever writes many messages
    waits for nobody who wrote some of them. False: it was deleted."""
    lock = select(WebhookRow.uid).where(WebhookRow.uid == webhook).with_for_update()
    return tx.execute(lock).one_or_none() is not None


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


def record_unreachable(
    tx: Transaction, claimed: Claimed, *, error: str, times: Mapping[int, datetime], now: datetime
) -> bool:
    """It was an attempt of everything that was due. ``times``: when to try again after which
    attempt; a message whose attempt is not in there is given up."""
    if not _hold(tx, claimed.webhook_uid):
        return False
    next_at = times.get(claimed.attempt)
    if not record_failure(tx, claimed, status_code=None, error=error, next_at=next_at, now=now):
        return False
    row = WebhookDeliveryRow
    is_due = and_(
        row.webhook_uid == claimed.webhook_uid, row.state == "waiting", row.next_at <= now
    )
    made = row.attempt + 1
    is_last = made.not_in(list(times))
    statement = update(row).where(is_due)
    tx.execute(
        statement.values(
            attempt=made,
            state=case((is_last, "failed"), else_="waiting"),
            next_at=case(times, value=made, else_=row.next_at),
            finished_at=case((is_last, literal(now)), else_=null()),
            status_code=None,
            error=error,
        )
    )
    return True


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


class Totals(NamedTuple):
    states: Mapping[str, int]
    retries: int
    """Those that wait after an attempt that failed."""
    oldest: datetime | None
    """Since when the oldest that is not finished waits."""


def totals(tx: Transaction) -> Totals:
    """Of the messages to all webhooks, in one query."""
    row = WebhookDeliveryRow
    is_retry = and_(row.state == "waiting", row.attempt > 0)
    oldest = func.min(row.created_at).filter(row.finished_at.is_(None))
    query = select(row.state, func.count(), func.count().filter(is_retry), oldest)
    found = tx.execute(query.group_by(row.state)).all()
    return Totals(
        {state: number for state, number, _, _ in found},
        sum(retries for _, _, retries, _ in found),
        min((since for *_, since in found if since is not None), default=None),
    )


def unfinished_webhooks(tx: Transaction) -> list[UUID]:
    row = WebhookDeliveryRow
    query = select(row.webhook_uid).where(row.finished_at.is_(None)).distinct()
    return list(tx.execute(query.order_by(row.webhook_uid)).scalars())


def give_up(
    tx: Transaction, webhook: UUID, *, created_before: datetime, most: int, now: datetime
) -> int:
    """What waits for longer than that, and the oldest of more than so many; answers how many."""
    row = WebhookDeliveryRow
    waits = and_(
        row.webhook_uid == webhook,
        or_(row.state == "waiting", and_(row.state == "sending", row.next_at <= now)),
    )
    if not _hold(tx, webhook):
        return 0
    too_many = select(row.seq).where(waits).order_by(row.seq.desc()).offset(most)
    given_up = 0
    for which, error in (
        (row.created_at < created_before, "given up: it had waited for too long"),
        (row.seq.in_(too_many), f"given up: more than {most} newer messages waited"),
    ):
        statement = update(row).where(waits, which)
        done = tx.execute(statement.values(state="failed", finished_at=now, error=error))
        given_up += done.rowcount
    return given_up


def prune(tx: Transaction, before: datetime) -> int:
    row = WebhookDeliveryRow
    return tx.execute(delete(row).where(row.finished_at < before)).rowcount
