"""The stream of statistics against a real gRPC server with mutual TLS, and GET /metrics."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog
from ovsfleet.v1 import stats_pb2

from agent import exposition
from agent.controlplane.identity import IdentityStore, JoinToken, enrol
from agent.controlplane.stats_client import StatsClient
from agent.controlplane.stats_queue import ReportQueue
from agent.observability import Metrics
from tests.support.agent_shell import HandClock, seeded
from tests.support.southbound import ControllerEnd, controller_end
from tests.support.stats_end import StatsEnd

pytestmark = pytest.mark.integration


class Sender:
    """A stream of statistics and what it is made of."""

    def __init__(self, store: IdentityStore, controller: ControllerEnd) -> None:
        self.controller = controller
        self.clock = HandClock()
        self.metrics = Metrics()
        self.queue = ReportQueue(max_reports=4)
        self.client = StatsClient(
            store,
            self.queue,
            endpoint="",
            nonce="this process",
            clock=self.clock,
            metrics=self.metrics,
            rng=seeded(7),
            patience_s=1.0,
            unsupported_pause_s=0.1,
        )

    @property
    def end(self) -> StatsEnd:
        assert self.controller.statistics is not None
        return self.controller.statistics

    def queue_one(self, subject: str = "port:a") -> None:
        counters = [stats_pb2.Counters(subject=subject, epoch=1, rx_bytes=5)]
        content = stats_pb2.ReportRequest(counters=counters).SerializeToString()
        self.queue.append(content, self.clock.now())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.client.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - the other side is a queue, not an event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not in time: {what}") from None


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    async with controller_end() as controller:
        store = IdentityStore(tmp_path / "identity")
        await enrol(store, JoinToken.parse(controller.join_token()), rng=seeded())
        yield Sender(store, controller)


async def test_reports_arrive_numbered_dated_and_are_forgotten_once_stored(sender: Sender) -> None:
    sender.queue_one()
    sender.clock.advance(1.5)
    sender.queue_one("tunnel:t")
    async with sender.running():
        await until(lambda: not sender.queue, "all acknowledged")
        first, second = sender.end.reports
        assert (first.instance_nonce, first.sequence, first.age_ms) == ("this process", 1, 1500)
        assert (second.sequence, second.age_ms) == (2, 0)
        assert [each.subject for each in second.counters] == ["tunnel:t"]
        assert sender.metrics.samples()["ovsfleet_agent_stats_stream_connected"] == 1
    assert sender.metrics.samples()["ovsfleet_agent_stats_stream_connected"] == 0


async def test_what_was_not_acknowledged_is_sent_again_on_the_next_stream(sender: Sender) -> None:
    sender.end.acknowledges = False
    async with sender.running():
        sender.queue_one()
        sender.queue_one()
        await sender.end.until(lambda: len(sender.end.reports) == 2, "two reports")
        sender.end.cut()
        sender.queue_one()
        await sender.end.until(lambda: len(sender.end.reports) == 6, "all of them again")
        assert sender.end.sequences() == [[1, 2, 3], [1, 2, 3]]
        assert len(sender.queue) == 3


async def test_a_stream_on_which_nothing_is_acknowledged_is_given_up(sender: Sender) -> None:
    sender.end.acknowledges = False
    async with sender.running():
        sender.queue_one()
        await sender.end.until(lambda: len(sender.end.streams) == 2, "a second stream")
        sender.end.acknowledges = True
        await until(lambda: not sender.queue, "acknowledged at last")
    assert {report.sequence for report in sender.end.reports} == {1}


async def test_while_the_controller_is_away_the_newest_reports_are_kept(sender: Sender) -> None:
    await sender.controller.stop()
    async with sender.running():
        for _ in range(7):
            sender.queue_one()
        await until(lambda: sender.client.last_error != "", "a failure to connect")
        assert (len(sender.queue), sender.queue.dropped) == (4, 3)
        await sender.controller.start()
        await until(lambda: not sender.queue, "all acknowledged")
    assert sender.end.sequences() == [[4, 5, 6, 7]]
    assert sender.client.last_error == ""


async def test_a_controller_without_statistics_is_left_alone_and_asked_again_later(
    sender: Sender,
) -> None:
    await sender.controller.stop()
    newer, sender.controller.statistics = sender.controller.statistics, None
    await sender.controller.start()
    with structlog.testing.capture_logs() as lines:
        async with sender.running():
            sender.queue_one()
            await until(lambda: not sender.client.is_wanted, "the controller's answer")
            assert (len(sender.queue), sender.queue.dropped) == (0, 1)
            await sender.controller.stop()
            sender.controller.statistics = newer
            await sender.controller.start()
            await until(lambda: sender.client.is_wanted, "the end of the pause")
            sender.queue_one()
            await until(lambda: not sender.queue, "acknowledged")
    assert sender.end.sequences() == [[2]]
    assert "warning" not in {line["log_level"] for line in lines}


@asynccontextmanager
async def serving(address: tuple[str, int], metrics: Metrics) -> AsyncIterator[None]:
    task = asyncio.create_task(exposition.serve(address, metrics.registry, retry_s=0.05))
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_metrics_are_served_as_soon_as_a_taken_port_is_free() -> None:
    metrics = Metrics()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with structlog.testing.capture_logs() as lines:
            serving_metrics = contextlib.AsyncExitStack()
            await serving_metrics.enter_async_context(serving(("127.0.0.1", port), metrics))
            await until(lambda: bool(lines), "a line in the log")
    async with serving_metrics:
        await until(lambda: _answers(port), "somebody listens")
        async with httpx.AsyncClient() as reader:
            answer = await reader.get(f"http://127.0.0.1:{port}/metrics")
    assert "OVSFLEET_AGENT_METRICS_ADDRESS" in lines[0]["event"]
    assert lines[0]["log_level"] == "error"
    assert (
        "# HELP ovsfleet_agent_stats_queue_length Reports that the controller has not"
        in answer.text
    )
    assert "ovsfleet_agent_stream_connected 0.0" in answer.text
    assert not _answers(port)


async def test_a_name_that_cannot_be_looked_up_is_no_fault_of_the_agent() -> None:
    with structlog.testing.capture_logs() as lines:
        async with serving(("a..b", 9475), Metrics()):
            await until(lambda: len(lines) > 1, "two tries")
    assert {line["log_level"] for line in lines} == {"error"}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
