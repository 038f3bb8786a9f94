"""Sending messages to webhooks: what is next, and what became of it.

Owns ``webhook_delivery``. A message is sent at least once: it is taken for a time, and whoever
takes it again after that sends the same id. Must not send anything itself.

What waits is bounded in time and number, whatever the receiver does: when nobody could be reached,
that was an attempt of everything that was due, and what is too old or too many is given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from controller.domain.webhook_signing import ATTEMPTS, pause_after
from controller.store import webhook_deliveries as rows
from controller.store.engine import Database
from controller.store.webhook_deliveries import Claimed, Totals

__all__ = ["Claimed", "Outcome", "Totals", "due", "give_up", "prune", "record", "take", "totals"]

_SHOWN_ERROR = 500

MAX_AGE = timedelta(days=1)
"""Of a message that waits: the others of its object, or a receiver that hangs, may keep it."""
MOST_WAITING = 100_000
"""Of one webhook; the oldest of more are given up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt."""

    status_code: int | None = None
    """None when there was no answer."""
    error: str | None = None
    """None when it was delivered."""
    unreachable: bool = False
    """There was no connection, which is the message's fault in no way."""


def due(db: Database, *, now: datetime) -> tuple[UUID, ...]:
    """Webhooks that something can be sent to, those that wait for longest first."""
    with db.snapshot() as tx:
        return tuple(rows.due_webhooks(tx, now))


def take(db: Database, webhook: UUID, *, lease: timedelta, now: datetime) -> Claimed | None:
    """The webhook's next message; None when nothing is due or somebody is sending it one."""
    with db.transaction() as tx:
        return rows.claim(tx, webhook, until=now + lease, now=now)


def record(
    db: Database, message: Claimed, outcome: Outcome, *, jitter: float, now: datetime
) -> bool:
    """False: the attempt took so long that it does not count. ``jitter`` is from -1 to 1."""
    with db.transaction() as tx:
        if outcome.error is None and outcome.status_code is not None:
            return rows.record_success(tx, message, outcome.status_code, now)
        error = (outcome.error or "")[:_SHOWN_ERROR]
        times = _times(jitter, now)
        if outcome.unreachable:
            return rows.record_unreachable(tx, message, error=error, times=times, now=now)
        return rows.record_failure(
            tx,
            message,
            status_code=outcome.status_code,
            error=error,
            next_at=times.get(message.attempt),
            now=now,
        )


def _times(jitter: float, now: datetime) -> Mapping[int, datetime]:
    """When to try again after which attempt failed; after the last one there is no such time."""
    pauses = ((attempt, pause_after(attempt, jitter)) for attempt in range(1, ATTEMPTS + 1))
    return {attempt: now + pause for attempt, pause in pauses if pause is not None}


def give_up(
    db: Database, *, now: datetime, max_age: timedelta = MAX_AGE, most: int = MOST_WAITING
) -> int:
    """Of what waits, what is older or, of one webhook, more than that; answers how many."""
    with db.snapshot() as tx:
        webhooks = rows.unfinished_webhooks(tx)
    given_up = 0
    for webhook in webhooks:
        with db.transaction() as tx:
            given_up += rows.give_up(tx, webhook, created_before=now - max_age, most=most, now=now)
    return given_up


def prune(db: Database, *, before: datetime) -> int:
    """Forgets messages that were delivered or given up before; answers how many."""
    with db.transaction() as tx:
        return rows.prune(tx, before)


def totals(db: Database) -> Totals:
    with db.snapshot() as tx:
        return rows.totals(tx)
