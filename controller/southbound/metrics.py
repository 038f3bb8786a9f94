"""The southbound side's metrics; their names are in ``controller.observability``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from controller.observability import Metric

OPEN_SESSIONS = Gauge(Metric.SESSIONS, "Streams that agents hold with this process")
STATES_SENT = Counter(Metric.STATES_SENT, "Desired states sent to agents")
