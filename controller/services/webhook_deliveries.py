"""Sending messages to webhooks: what is next, and what became of it.

Owns ``webhook_delivery``. A message is sent at least once: it is taken for a time, and whoever
takes it again after that sends the same id. Must not send anything itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from controller.domain.webhook_signing import pause_after
from controller.store import webhook_deliveries as rows
from controller.store.engine import Database
from controller.store.webhook_deliveries import Claimed

__all__ = ["Claimed", "Outcome", "due", "prune", "record", "take"]

_SHOWN_ERROR = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt."""

    status_code: int | None = None
    """None when there was no answer."""
    error: str | None = None
    """None when it was delivered."""


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
        pause = pause_after(message.attempt, jitter)
        return rows.record_failure(
            tx,
            message,
            status_code=outcome.status_code,
            error=(outcome.error or "")[:_SHOWN_ERROR],
            next_at=None if pause is None else now + pause,
            now=now,
        )


def prune(db: Database, *, before: datetime) -> int:
    """Forgets messages that were delivered or given up before; answers how many."""
    with db.transaction() as tx:
        return rows.prune(tx, before)
