"""Logs and metrics of the agent: how lines look, and the one list of every metric's name.

The metrics live in a registry per daemon, never in a global one, so that two daemons in one test
process do not add up. Nothing here decides anything.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal

import structlog

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(level: str, style: Literal["console", "json"]) -> None:
    """Send every line to stderr: stdout is for data that a person asked for."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The pretty one prints local variables, and keys and tokens with them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


class Metrics:
    """The agent's metrics, each under the name that dashboards and alerts may rely on."""

    def __init__(self) -> None:
        import prometheus_client as prometheus

        self.registry = prometheus.CollectorRegistry(auto_describe=True)
        self.ovsdb_transactions = prometheus.Gauge(
            "ovsfleet_agent_ovsdb_transactions",
            "OVSDB transactions committed since the agent started",
            registry=self.registry,
        )
        self.netlink_writes = prometheus.Gauge(
            "ovsfleet_agent_netlink_writes",
            "Netlink requests that change something, since the agent started",
            registry=self.registry,
        )
        self.reconciles = prometheus.Counter(
            "ovsfleet_agent_reconciles",
            "Runs of the closed loop by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self.reconcile_seconds = prometheus.Histogram(
            "ovsfleet_agent_reconcile_seconds",
            "Duration of one run of the closed loop",
            registry=self.registry,
        )
        self.failures = prometheus.Gauge(
            "ovsfleet_agent_failures",
            "Resources that are not as intended, by kind",
            ["kind"],
            registry=self.registry,
        )
        self.revision = prometheus.Gauge(
            "ovsfleet_agent_revision",
            "Fleet revision that this host has accepted and applied",
            ["stage"],
            registry=self.registry,
        )
        self.stream_connected = prometheus.Gauge(
            "ovsfleet_agent_stream_connected",
            "1 while a session with the controller is open",
            registry=self.registry,
        )
        self.stream_attempts = prometheus.Counter(
            "ovsfleet_agent_stream_attempts",
            "Attempts to open a session with the controller",
            registry=self.registry,
        )
        self.drift_events = prometheus.Counter(
            "ovsfleet_agent_drift_events",
            "Changes that others made to what is ours, by what was done about them",
            ["action"],
            registry=self.registry,
        )
        self.dropped_drift_events = prometheus.Gauge(
            "ovsfleet_agent_dropped_drift_events",
            "Drift events forgotten before the controller took them, since the agent started",
            registry=self.registry,
        )
        self.info = prometheus.Info(
            "ovsfleet_agent", "What runs here, as labels", registry=self.registry
        )
        prometheus.ProcessCollector(registry=self.registry)
        self._describe_statistics()

    def _describe_statistics(self) -> None:
        import prometheus_client as prometheus

        self.stats_polls = prometheus.Counter(
            "ovsfleet_agent_stats_polls",
            "Times that the counters were read",
            registry=self.registry,
        )
        self.stats_poll_seconds = prometheus.Histogram(
            "ovsfleet_agent_stats_poll_seconds",
            "Duration of reading the counters and making a report of them",
            registry=self.registry,
        )
        self.stats_failures = prometheus.Counter(
            "ovsfleet_agent_stats_failures",
            "Counters that could not be read, by who did not give them",
            ["source"],
            registry=self.registry,
        )
        self.stats_subjects = prometheus.Gauge(
            "ovsfleet_agent_stats_subjects",
            "Ports, tunnels and devices in the newest report",
            registry=self.registry,
        )
        self.stats_queue_length = prometheus.Gauge(
            "ovsfleet_agent_stats_queue_length",
            "Reports that the controller has not acknowledged",
            registry=self.registry,
        )
        self.stats_dropped_reports = prometheus.Gauge(
            "ovsfleet_agent_stats_dropped_reports",
            "Reports that were forgotten before the controller took them, since the agent started",
            registry=self.registry,
        )
        self.stats_stream_connected = prometheus.Gauge(
            "ovsfleet_agent_stats_stream_connected",
            "1 while the controller acknowledges reports",
            registry=self.registry,
        )

    def count(self, outcome: str, failure_kinds: Iterable[str]) -> None:
        """One more run of the loop, and what it left undone."""
        self.reconciles.labels(outcome).inc()
        self.failures.clear()
        for kind, number in Counter(failure_kinds).items():
            self.failures.labels(kind).set(number)

    def watch_writes(
        self, transactions: Callable[[], float], netlink_writes: Callable[[], float]
    ) -> None:
        """Read the write counters where they are counted, at the moment somebody asks."""
        self.ovsdb_transactions.set_function(transactions)
        self.netlink_writes.set_function(netlink_writes)

    def watch_queue(self, length: Callable[[], float], dropped: Callable[[], float]) -> None:
        self.stats_queue_length.set_function(length)
        self.stats_dropped_reports.set_function(dropped)

    def samples(self) -> dict[str, float]:
        """Every sample as ``name{label=value}``: what `ovsfleet-agent status` and tests read."""
        return {
            sample.name + _labels(sample.labels): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if not sample.name.endswith(("_created", "_bucket"))
        }


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f"{name}={value}" for name, value in sorted(labels.items())) + "}"
