"""What Prometheus collects: this process's metrics, and the fleet's in numbers.

Owns nothing. Numbers of the fleet are read when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.auth import Principal
from controller.domain.intent import Kind
from controller.observability import Metric
from controller.services import jobs, pins, queries, webhook_deliveries
from controller.store.engine import Database

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **declared("unauthenticated", "unavailable"),
    },
)
def get_metrics(context: Context, caller: Caller) -> Response:
    """In the text format of Prometheus, for a scraper with a token. No number is of one object."""
    scrape = CollectorRegistry()
    scrape.register(_Fleet(context.db, caller))
    content = generate_latest(REGISTRY) + generate_latest(scrape)
    return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Fleet(Collector):
    def __init__(self, db: Database, caller: Principal) -> None:
        self._db = db
        self._caller = caller

    def describe(self) -> Iterator[Family]:
        """Nothing: what there is is known when it is collected."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        yield GaugeMetricFamily(
            Metric.DATABASE_CONNECTIONS,
            "Connections that REST holds at present",
            value=self._db.connections_in_use,
        )
        yield _counted(Metric.JOBS, "Jobs by state", "state", jobs.count_by_state(self._db))
        phases = queries.phases(self._db, self._caller, Kind.HOST)
        yield _counted(Metric.HOSTS, "Hosts by phase", "phase", phases)
        yield GaugeMetricFamily(
            Metric.HOSTS_PINNED,
            "Hosts that undid a change and are held until they are released",
            value=pins.count_pinned(self._db),
        )
        yield from _webhooks(self._db)


def _webhooks(db: Database) -> Iterator[Family]:
    """Of all webhooks together, read from their rows: whoever sends has no metrics of its own."""
    found, now = webhook_deliveries.totals(db), datetime.now(UTC)
    states = dict.fromkeys(("waiting", "sending", "delivered", "failed"), 0) | dict(found.states)
    text = "Messages to webhooks by state; those delivered or failed in the last 7 days"
    yield _counted(Metric.WEBHOOK_MESSAGES, text, "state", states)
    text = "Messages to webhooks that wait after an attempt that failed"
    yield GaugeMetricFamily(Metric.WEBHOOK_RETRIES, text, value=found.retries)
    waits = (now - found.oldest).total_seconds() if found.oldest else 0.0
    text = "Since when the oldest message to a webhook waits to be delivered; 0 for none"
    yield GaugeMetricFamily(Metric.WEBHOOK_OLDEST_SECONDS, text, value=max(waits, 0.0))


def _counted(name: str, text: str, label: str, counts: Mapping[Any, int]) -> Family:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([str(value)], count)
    return family
