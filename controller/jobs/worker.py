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
from celery.worker.state import maybe_shutdown, reserved_requests
from kombu import Connection

from controller.config import Settings
from controller.jobs import broker
from controller.jobs.app import make_app
from controller.jobs.delivery import await_broker
from controller.jobs.tasks import register
from controller.jobs.webhooks import LANES
from controller.store.engine import Database

_OWN_THREADS = 2
_THREADS = _OWN_THREADS + LANES
_CREDIT_CHECK_S = 2.0


class _Consumer(Consumer):
    """Celery's consumer, which waits for a broker that is away the way all our processes do."""

    class Blueprint(Consumer.Blueprint):
        # We send nothing to be done later, so RabbitMQ need not hold Celery's 28 queues for that.
        default_steps = tuple(
            step for step in Consumer.Blueprint.default_steps if "delayed_delivery" not in step
        )

    _idle_without_credit = False

    def ensure_connected(self, conn: Connection) -> Connection:
        self.first_connection_attempt = False
        return await_broker(self.app, conn, check_stop=maybe_shutdown)

    def register_with_event_loop(self, hub: Any) -> None:
        super().register_with_event_loop(hub)
        if self.connection.transport.driver_type == "redis":
            self._idle_without_credit = False
            hub.call_repeatedly(_CREDIT_CHECK_S, self._connect_anew_without_credit)

    def _connect_anew_without_credit(self) -> None:
        """Notice that Redis went away in the middle of acknowledgements.

        What could not be acknowledged counts as being worked on for ever. Once that is as many
        messages as we may hold, Celery asks Redis for no more, and so never learns that it is gone.
        """
        idle = not reserved_requests and not self.task_consumer.channel.qos.can_consume()
        if idle and self._idle_without_credit:
            raise ConnectionError("Redis went away before it took the acknowledgements")
        self._idle_without_credit = idle


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
