"""The southbound side's metrics; their names are in ``controller.observability``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from controller.observability import Metric

OPEN_SESSIONS = Gauge(Metric.SESSIONS, "Streams that agents hold with this process")
STATES_SENT = Counter(Metric.STATES_SENT, "Desired states sent to agents")

STATS_REPORTS = Counter(
    Metric.STATS_REPORTS, "Reports of counters that hosts sent, by what became of them", ["fate"]
)
STATS_ROWS = Counter(Metric.STATS_ROWS, "Samples stored")
STATS_DROPPED = Counter(
    Metric.STATS_DROPPED, "Counters that were left out of a report, by reason", ["reason"]
)
STATS_WAITING = Gauge(Metric.STATS_WAITING, "Reports that wait to be written")
STATS_WRITE_SECONDS = Histogram(
    Metric.STATS_WRITE_SECONDS, "Duration of transactions that write reports of many hosts"
)
