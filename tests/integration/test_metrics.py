"""What Prometheus is told, to whom, and that it does not grow with the fleet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.domain.webhooks import Event
from controller.services import jobs, webhooks
from controller.services.webhook_deliveries import Outcome, record, take
from controller.services.webhooks import Wanted
from controller.store import webhook_deliveries
from tests.support.api import Api
from tests.support.manifests import ADMIN, apply, host, port, segment

pytestmark = pytest.mark.integration


async def scrape(api: Api) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Values by name and labels."""
    async with api.admin as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def labelled(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


async def test_requests_hosts_and_jobs_are_counted(api: Api) -> None:
    apply(api.db, host(1), host(2))
    jobs.enqueue(api.db, "prune_jobs", {}, idempotency_key="k", now=datetime.now(UTC))
    route = labelled(route="/v1/hosts/{name_or_uid}", method="GET", status="4xx")
    before = (await scrape(api)).get(("ovsfleet_http_request_seconds_count", route), 0)
    async with api.admin as client:
        await client.get(f"/v1/hosts/{uuid4()}")
        await client.request("BREW", "/v1/hosts/h1")
    found = await scrape(api)
    assert found["ovsfleet_http_request_seconds_count", route] == before + 1
    assert found["ovsfleet_hosts", labelled(phase="Pending")] == 2
    assert found["ovsfleet_jobs", labelled(state="waiting")] == 1
    assert ("ovsfleet_database_connections", labelled()) in found


async def test_the_backlog_of_webhooks_is_told(api: Api) -> None:
    then = datetime.now(UTC) - timedelta(minutes=1)
    wanted = Wanted("ops", "https://192.0.2.9/", frozenset({Event.CREATED}))
    hook, _ = webhooks.create(
        api.db, ADMIN, wanted, allow_loopback=False, now=then, request_id="test"
    )
    event = {"webhook_uid": hook.uid, "event": "created", "body": "{}"}
    with api.db.transaction() as tx:
        rows = [{**event, "id": uuid4(), "object_uid": uuid4()} for _ in range(4)]
        webhook_deliveries.add(tx, rows, then)
    for outcome in (Outcome(200), Outcome(500, "no")):
        message = take(api.db, hook.uid, lease=timedelta(minutes=1), now=then)
        assert message is not None
        assert record(api.db, message, outcome, jitter=0, now=then)
    found = await scrape(api)
    name = "ovsfleet_webhook_messages"
    states = {state: found[name, labelled(state=state)] for state in ("waiting", "delivered")}
    assert states == {"waiting": 3, "delivered": 1}
    assert found[name, labelled(state="failed")] == 0
    assert found["ovsfleet_webhook_retries_waiting", labelled()] == 1
    assert 60 <= found["ovsfleet_webhook_oldest_waiting_seconds", labelled()] < 600


async def test_no_object_has_a_metric_of_its_own(api: Api) -> None:
    async def ask_for(name: str) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        async with api.admin as client:
            for path in (f"/v1/ports/{name}", f"/v1/ports/{name}/stats", f"/{name}/x"):
                await client.get(path)
        return set(await scrape(api))

    names = ("p1", "p2", "p3")
    apply(api.db, host(1), segment("red"), *(port(name, "h1", segment="red") for name in names))
    first = await ask_for("p1")
    assert await ask_for("p2") == await ask_for("p3") == first


async def test_a_stranger_learns_nothing(api: Api) -> None:
    async with api.client() as client:
        assert (await client.get("/metrics")).status_code == 401
