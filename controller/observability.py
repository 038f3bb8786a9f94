"""What the controller says about itself: log lines and the names of its metrics.

Log messages are constants, everything that varies is a key, so that a line can be searched for by
its text. Standard error carries the log, standard output only what a command prints for a person.
Every metric's name is listed here once, so that a dashboard's author has one file to read.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

LogFormatName = Literal["json", "console"]

_CHATTY = ("alembic", "celery", "httpx", "uvicorn.error")
"""Libraries that report every step at info: Celery twice per task, Alembic at every check."""

_MIGRATIONS = "alembic.runtime.migration"

_SECRET_KEYS = frozenset({"authorization", "password", "secret", "token", "database_url"})


class Metric:
    """Names of the metrics, with the unit last as Prometheus wants it."""

    SESSIONS = "ovsfleet_agent_sessions"
    STATES_SENT = "ovsfleet_host_states_sent_total"
    STATS_REPORTS = "ovsfleet_stats_reports_total"
    STATS_ROWS = "ovsfleet_stats_rows_total"
    STATS_DROPPED = "ovsfleet_stats_counters_dropped_total"
    STATS_WAITING = "ovsfleet_stats_reports_waiting"
    STATS_WRITE_SECONDS = "ovsfleet_stats_write_seconds"
    HTTP_SECONDS = "ovsfleet_http_request_seconds"
    DATABASE_CONNECTIONS = "ovsfleet_database_connections"
    JOBS = "ovsfleet_jobs"
    HOSTS = "ovsfleet_hosts"
    HOSTS_PINNED = "ovsfleet_hosts_pinned"
    WEBHOOK_MESSAGES = "ovsfleet_webhook_messages"
    WEBHOOK_RETRIES = "ovsfleet_webhook_retries_waiting"
    WEBHOOK_OLDEST_SECONDS = "ovsfleet_webhook_oldest_waiting_seconds"


def configure_logging(level: str, log_format: str, role: str) -> None:
    """Set up structlog and route the standard library's loggers (uvicorn, Celery, grpc) into it."""
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _with_role(role),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    migrations = logging.getLogger(_MIGRATIONS)
    migrations.setLevel(max(logging.INFO, root.level))
    migrations.addFilter(_tells_of_a_migration)


def _tells_of_a_migration(record: logging.LogRecord) -> bool:
    """A step of the schema is worth a line; that Alembic was asked whether there is one is not."""
    return record.levelno >= logging.WARNING or record.getMessage().startswith("Running ")


def get_logger(name: str) -> FilteringBoundLogger:
    return cast("FilteringBoundLogger", structlog.stdlib.get_logger(name))


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _without_secrets,
    ]


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "console":
        # Plain, because rich's tracebacks show local variables, and with them secrets.
        plain = structlog.dev.plain_traceback
        return [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _with_role(role: str) -> Processor:
    # Not a context variable: threads and Celery's tasks start with an empty context.
    def add(_logger: Any, _method: str, event: Any) -> Any:
        event.setdefault("role", role)
        return event

    return add


def _without_secrets(_logger: Any, _method: str, event: Any) -> Any:
    for key in _SECRET_KEYS & event.keys():
        event[key] = "(hidden)"
    return event
