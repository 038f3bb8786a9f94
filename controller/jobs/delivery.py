"""How messages travel: what each kind of broker is told, and what is done while one is away.

Files, Redis and RabbitMQ carry the same messages. Each may be wiped, or be away, at any time: the
job table holds the truth, so the worst that follows is that work is done later. Owns no state.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Celery
from kombu import Connection
from kombu.exceptions import KombuError

from controller.config import Settings
from controller.jobs import broker
from controller.observability import get_logger

log = get_logger(__name__)

QUEUE = "ovsfleet"
RUN_JOB = "run_job"

_CONNECT_WITHIN_S = 4.0
_NOTICED_WITHIN_S = 20
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_SAY_EVERY_S = 60.0

# A publisher tries a second time at once, because a broker closes connections that were idle for
# long, and no third time: whoever publishes has something better to do than to wait.
_ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


def delivery_settings(settings: Settings) -> dict[str, Any]:
    """Celery's settings that depend on the broker."""
    url = settings.broker_url
    common: dict[str, Any] = {
        "task_default_queue": QUEUE,
        "task_publish_retry_policy": _ONCE_MORE,
        "broker_connection_timeout": _CONNECT_WITHIN_S,
    }
    if url is None:
        return common | _files(settings)
    if url.startswith("redis"):
        return common | _redis(url, settings)
    return common | _rabbitmq(url)


def _files(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": "files://localhost",
        "broker_transport": broker.ALIAS,
        "broker_transport_options": {
            "folder": str(settings.data_dir / "broker"),
            # Idle cost: one directory listing per interval.
            "polling_interval": 0.1,
        },
    }


def _redis(url: str, settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": url,
        # Kombu would not ask for a certificate at all. OpenSSL's SSL_CERT_FILE names a CA of one's
        # own.
        "broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED} if _is_tls(url) else False,
        "broker_transport_options": {
            **_ONCE_MORE,
            # When Redis hands out again what a killed worker held. Later than the lease, because a
            # second worker could not do anything before; the sweep is the faster way anyway.
            "visibility_timeout": max(60.0, 2 * settings.job_lease_s),
            "socket_connect_timeout": _CONNECT_WITHIN_S,
            # A host that vanished sends no reset; nothing we ask of Redis takes this long.
            "socket_timeout": _NOTICED_WITHIN_S,
            "socket_keepalive": True,
        },
    }


def _rabbitmq(url: str) -> dict[str, Any]:
    return {
        "broker_url": url,
        "broker_use_ssl": (
            {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None} if _is_tls(url) else False
        ),
        # Replicated where RabbitMQ is a cluster, and the one kind of durable queue it has a future
        # for.
        "task_default_queue_type": "quorum",
        "broker_heartbeat": _NOTICED_WITHIN_S,
        # A message counts as sent when RabbitMQ has it on disk, not when the socket took it.
        "broker_transport_options": {**_ONCE_MORE, "confirm_publish": True},
    }


def _is_tls(url: str) -> bool:
    return url.startswith(("rediss://", "amqps://"))


def faults(connection: Connection) -> tuple[type[Exception], ...]:
    """Whatever a broker that is away, or does not like us, makes its client raise."""
    return (OSError, KombuError, *connection.connection_errors, *connection.channel_errors)


def send_job(app: Celery, job_id: UUID) -> None:
    """Tell a worker to look at a job. Only after the transaction that wrote its row.

    Never fails: the sweep finds a job whose message was lost.
    """
    send_soon(app, RUN_JOB, job_id)


def send_soon(app: Celery, task: str, row_id: UUID) -> None:
    """Tell a worker to look at a row. Never fails: whoever sweeps the rows sends it again."""
    with app.connection_for_write() as connection:
        problems = faults(connection)
    try:
        app.send_task(task, args=[str(row_id)])
    except problems as error:
        log.warning("Job waits for the broker", job=str(row_id), reason=reason(error))


def await_broker(
    app: Celery, connection: Connection, *, check_stop: Callable[[], None]
) -> Connection:
    """Connect, and declare the queue; for as long as it takes, and without flooding the log."""
    pause, said = _FIRST_PAUSE_S, None
    while True:
        check_stop()
        try:
            connection.ensure_connection(max_retries=0)
            app.amqp.queues[QUEUE](connection.default_channel).declare()
        except faults(connection) as error:
            connection.collect()
            said = say_away(connection, error, said)
        else:
            if said is not None:
                say_back(connection)
            return connection
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def waiting(app: Celery, channel: Any) -> int:
    """How many messages nobody was given yet. A broker that was wiped gets its queue again."""
    queue = app.amqp.queues[QUEUE](channel)
    queue.declare()
    return int(queue.queue_declare().message_count)


def say_away(connection: Connection, error: Exception, said: float | None) -> float:
    """Log that the broker cannot be used, unless it was said a moment ago; return when it was."""
    now = time.monotonic()
    if said is not None and now - said < _SAY_EVERY_S:
        return said
    name, mend = _described(connection)
    log.error(
        "Broker cannot be used",
        broker=name,
        reason=reason(error),
        way_out=f"{mend}; until then background work waits",
    )
    return now


def say_back(connection: Connection) -> None:
    log.info("Broker can be used again", broker=_described(connection)[0])


def _described(connection: Connection) -> tuple[str, str]:
    """Return the broker's name, without a password, and what a person can do about it."""
    folder = connection.transport_options.get("folder")
    if folder is not None:
        return folder, "let the controller write there, and see that the disk is not full"
    return connection.as_uri(), "start the broker, or correct OVSFLEET_BROKER_URL"


def reason(error: Exception) -> str:
    return str(error) or type(error).__name__
