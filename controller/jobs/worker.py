"""The worker role: one process, two threads.

Threads and not Celery's prefork pool: the work waits for PostgreSQL, so processes would gain
nothing and cost 50 MB and half a second of start each; two, so that one slow job does not hold up
the liveness sweep; one process, so that kill -9 leaves no orphan that goes on working.
"""

from __future__ import annotations

import warnings

from celery.platforms import SecurityWarning
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from kombu import Connection

from controller.config import Settings
from controller.jobs import broker
from controller.jobs.app import make_app
from controller.jobs.delivery import await_broker, wants_event_loop
from controller.jobs.tasks import register
from controller.store.engine import Database

_THREADS = 2


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


def run_worker(settings: Settings, url: str) -> int:
    """Work until SIGTERM; return the exit code."""
    # The worker shares the server's uid; messages are JSON, which cannot carry code.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    if settings.broker_url is None:
        broker.drop_unfinished(settings.data_dir / "broker")
    db = Database(url, pool_size=_THREADS)
    try:
        app = make_app(settings)
        register(app, db, settings)
        worker = app.Worker(
            consumer_cls=_Consumer,
            use_eventloop=wants_event_loop(settings),
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
