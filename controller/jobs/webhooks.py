"""One turn of a webhook: its messages that are due, one after the other, until its time is up.

A turn holds a thread of the worker while the receiver takes its time, so there are lanes: only so
many turns at once, and never the threads that the other tasks need. Whoever gets no lane, or no
message, goes; the next sweep asks again. Owns the lanes of this process.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from controller.domain.webhook_signing import headers
from controller.jobs.webhook_sender import Sender
from controller.observability import get_logger
from controller.services import webhook_deliveries as deliveries
from controller.services.webhook_deliveries import Claimed, Outcome
from controller.store.engine import Database

log = get_logger(__name__)

LANES = 8
"""Receivers that may be slow at the same time before others have to wait for one of them."""

_TURN_S = 5.0
"""Afterwards others have their turn. With one attempt on top, a worker still ends in good time."""
_LEASE = timedelta(seconds=60)
"""A message belongs to whoever sends it for so long: more than asking DNS and waiting for an answer
take together."""


@dataclass(frozen=True, slots=True)
class Lanes:
    db: Database
    allow_loopback: bool
    _free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(LANES))

    def deliver(self, webhook: UUID) -> None:
        """Send what is due, for a while. Ends early when the receiver cannot be reached."""
        if not self._free.acquire(blocking=False):
            return
        try:
            with Sender(allow_loopback=self.allow_loopback) as sender:
                self._take_turn(sender, webhook)
        finally:
            self._free.release()

    def _take_turn(self, sender: Sender, webhook: UUID) -> None:
        ends = time.monotonic() + _TURN_S
        while time.monotonic() < ends:
            message = deliveries.take(self.db, webhook, lease=_LEASE, now=datetime.now(UTC))
            if message is None:
                return
            outcome = attempt(self.db, sender, message)
            if outcome.status_code is None:
                return


def attempt(db: Database, sender: Sender, message: Claimed) -> Outcome:
    """Send one message, and say what became of it."""
    body = message.body.encode()
    signed = headers(message.secret, message.id, int(time.time()), body)
    outcome = sender.send(message.url, signed, body)
    jitter = random.uniform(-1, 1)  # noqa: S311 (spreads load, hides nothing)
    counts = deliveries.record(db, message, outcome, jitter=jitter, now=datetime.now(UTC))
    if outcome.error is not None:
        log.warning(
            "Webhook message not delivered",
            message=str(message.id),
            attempt=message.attempt,
            error=outcome.error,
            superseded=not counts,
        )
    return outcome
