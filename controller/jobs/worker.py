"""The worker role: one process, a few threads.

Threads and not Celery's prefork pool: the work waits for PostgreSQL, so processes would gain
nothing and cost 50 MB and half a second of start each; two for what is ours, so that one slow job
does not hold up the liveness sweep, and one for each webhook receiver that may be slow at a time;
one process, so that kill -9 leaves no orphan that goes on working.
"""

from __future__ import annotations

import warnings
from typing import Any

from celery.platforms import SecurityWarning
from celery.worker.consumer import Consumer
from celery.worker.state import all_total_count, maybe_shutdown, reserved_requests
from kombu import Connection

from controller.config import Settings
from controller.jobs import broker
from controller.jobs.app import make_app
from controller.jobs.delivery import await_broker, faults, reason, waiting
from controller.jobs.tasks import register
from controller.jobs.webhooks import LANES
from controller.store.engine import Database

_OWN_THREADS = 2
_THREADS = _OWN_THREADS + LANES
_FORGOTTEN_CHECK_S = 2.0
"""An idle worker asks its broker so often; one that was given work in between does not."""


class _Consumer(Consumer):
    """Celery's consumer, which waits for a broker that is away the way all our processes do."""

    class Blueprint(Consumer.Blueprint):
        # We send nothing to be done later, so RabbitMQ need not hold Celery's 28 queues for that.
        default_steps = tuple(
            step for step in Consumer.Blueprint.default_steps if "delayed_delivery" not in step
        )

    def ensure_connected(self, conn: Connection) -> Connection:
        self.first_connection_attempt = False
        return await_broker(self.app, conn, check_stop=maybe_shutdown)

    def register_with_event_loop(self, hub: Any) -> None:
        super().register_with_event_loop(hub)
        self._received, self._was_forgotten = -1, False
        hub.call_repeatedly(_FORGOTTEN_CHECK_S, self._connect_anew_when_forgotten)

    def _connect_anew_when_forgotten(self) -> None:
        """Notice that messages wait and that we are given none of them, twice in a row.

        Redis that went away in the middle of acknowledgements: what could not be acknowledged
        counts as being worked on for ever, and once that is as many messages as we may hold, Celery
        asks for no more and never learns of it. RabbitMQ whose queue was deleted and at once made
        again: it may take us for a consumer of the new one, without a word, and count as given to
        us what never arrives.
        """
        received = all_total_count[0]
        idle = received == self._received and not reserved_requests
        self._received = received
        forgotten = idle and self._waiting() > 0
        if forgotten and self._was_forgotten:
            raise ConnectionError("messages wait, and the broker hands out none of them")
        self._was_forgotten = forgotten

    def _waiting(self) -> int:
        try:
            return waiting(self.app, self.connection.default_channel)
        except faults(self.connection) as error:
            raise ConnectionError(reason(error)) from error


def run_worker(settings: Settings, url: str) -> int:
    """Work until SIGTERM; return the exit code."""
    # The worker shares the server's uid; messages are JSON, which cannot carry code.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    if settings.broker_url is None:
        broker.drop_unfinished(settings.data_dir / "broker")
    # One for each thread: no sweep waits for a connection because of others.
    db = Database(url, pool_size=_THREADS)
    try:
        app = make_app(settings)
        register(app, db, settings)
        worker = app.Worker(
            consumer_cls=_Consumer,
            pool="threads",
            concurrency=_THREADS,
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        worker.start()
        return int(worker.exitcode or 0)
    finally:
        db.close()
