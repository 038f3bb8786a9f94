"""Statistics from the agent's own queue into the controller's own database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from ovsfleet.v1 import stats_pb2

from agent.clock import SystemClock
from agent.controlplane.identity import Identity, IdentityStore, JoinToken, enrol
from agent.controlplane.stats_client import StatsClient
from agent.controlplane.stats_queue import ReportQueue
from agent.observability import Metrics
from controller.config import Settings
from controller.store.engine import Database
from tests.support.agent_end import Site, eventually, join_secret, running_site
from tests.support.agent_shell import seeded
from tests.support.counting import raw
from tests.support.manifests import apply, host

pytestmark = pytest.mark.integration

PORT = "port:00000000-0000-4000-8000-000000000001"


def report(count: int) -> bytes:
    counters = [stats_pb2.Counters(subject=PORT, epoch=2**64 - 1, rx_bytes=count)]
    return stats_pb2.ReportRequest(counters=counters).SerializeToString()


async def enrolled(site: Site, store: IdentityStore) -> Identity:
    settings = Settings(
        southbound_address=site.agents_address, enrolment_address=site.enrolment_address
    )
    text = site.authority.join_token(settings, host="h1", secret=join_secret(site, "h1"))
    return await enrol(store, JoinToken.parse(text), rng=seeded())


@asynccontextmanager
async def sending(store: IdentityStore, endpoint: str, queue: ReportQueue) -> AsyncIterator[None]:
    client = StatsClient(
        store,
        queue,
        endpoint=endpoint,
        nonce="this-process",
        clock=SystemClock(),
        metrics=Metrics(),
        rng=seeded(),
    )
    task = asyncio.create_task(client.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_two_controllers_are_sent_by_one_agent_is_stored_once_and_in_order(
    db: Database, tmp_path: Path
) -> None:
    apply(db, host(1))
    store, queue = IdentityStore(tmp_path / "agent"), ReportQueue()
    clock = SystemClock()
    for count in (10, 20, 30):
        queue.append(report(count), clock.now())
    async with running_site(db, tmp_path / "controller") as first:
        identity = await enrolled(first, store)
        async with sending(store, first.agents_address, queue):
            await eventually(lambda: not queue, "the first controller stored all")
    again = ReportQueue()
    for count in (10, 20, 30, 40):
        again.append(report(count), clock.now())
    async with (
        running_site(db, tmp_path / "controller") as second,
        sending(store, second.agents_address, again),
    ):
        await eventually(lambda: not again, "the second controller stored the rest")
    stored = raw(db, UUID(identity.profile.host_uid))
    assert [count for _, _, count in stored] == [10, 20, 30, 40]
    assert {epoch for _, epoch, _ in stored} == {-1}
