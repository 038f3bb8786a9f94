"""The stream that carries statistics up: apart from the session, so that numbers never delay it.

Owns nothing but the stream. What the controller has not acknowledged stays in the queue and is
sent again on the next stream; how much that may be is the queue's affair. A controller that is
away, slow or too old for statistics is no trouble of anybody else's.
"""

from __future__ import annotations

import asyncio
import random

import grpc
import structlog
from ovsfleet.v1 import stats_pb2, stats_pb2_grpc

from agent.backoff import Backoff
from agent.clock import Clock
from agent.controlplane.client import CHANNEL_OPTIONS, describe_failure
from agent.controlplane.identity import Identity, IdentityError, IdentityStore
from agent.controlplane.stats_queue import QueuedReport, ReportQueue
from agent.observability import Metrics

log = structlog.get_logger(__name__)

WINDOW = 8
"""Reports sent and not acknowledged: enough to catch up fast, no flood after an outage."""
ACKNOWLEDGE_TIMEOUT_S = 30.0
UNSUPPORTED_PAUSE_S = 600.0
"""A controller that has no statistics will not have them before it is upgraded."""
_MAX_AGE_MS = 2**32 - 1

Stream = grpc.aio.StreamStreamCall[stats_pb2.ReportRequest, stats_pb2.ReportResponse]


class StreamEndedError(Exception):
    """A stream is over; the message says why."""


class UnsupportedError(Exception):
    """The controller does not know statistics."""


class StatsClient:
    """Sends what is in the queue until it is acknowledged."""

    def __init__(
        self,
        store: IdentityStore,
        queue: ReportQueue,
        *,
        endpoint: str,
        nonce: str,
        clock: Clock,
        metrics: Metrics,
        rng: random.Random,
        patience_s: float = ACKNOWLEDGE_TIMEOUT_S,
        unsupported_pause_s: float = UNSUPPORTED_PAUSE_S,
    ) -> None:
        self._store = store
        self._queue = queue
        self._endpoint = endpoint
        self._nonce = nonce
        self._clock = clock
        self._metrics = metrics
        self._rng = rng
        self._patience_s = patience_s
        self._unsupported_pause_s = unsupported_pause_s
        self._backoff = Backoff(first=0.5, longest=30.0, rng=rng, floor=0.1)
        self._sent = 0
        self._acknowledged = 0
        self._moved_at = 0.0
        """In the loop's time: when something was last acknowledged, or sent after a rest."""
        self.is_wanted = True
        """False while it is known that the controller takes no statistics."""
        self.last_error = ""

    async def run(self) -> None:
        """Keep a stream open while there is something to send; no failure of one ends this."""
        while True:
            await self._until_queued()
            try:
                await self._stream()
            except UnsupportedError:
                await self._rest()
                continue
            except (StreamEndedError, IdentityError, grpc.aio.AioRpcError, OSError) as error:
                self._note_failure(error)
            except Exception as error:
                log.exception("fault in the stream of statistics")
                self._note_failure(error)
            await asyncio.sleep(self._backoff.next_delay())

    async def _until_queued(self) -> None:
        while not self._queue:
            self._queue.changed.clear()
            await self._queue.changed.wait()

    async def _rest(self) -> None:
        log.info("the controller takes no statistics; asking again later")
        self.is_wanted = False
        self._queue.drop_all()
        await asyncio.sleep(self._unsupported_pause_s * self._rng.uniform(0.5, 1.5))
        self.is_wanted = True

    async def _stream(self) -> None:
        identity = self._store.load()
        if identity is None:
            raise IdentityError("this host is not enrolled; run `ovsfleet-agent enroll`")
        async with self._channel(identity) as channel:
            stream = stats_pb2_grpc.StatsServiceStub(channel).Report()
            try:
                await self._converse(stream)
            finally:
                stream.cancel()
                self._metrics.stats_stream_connected.set(0)

    def _channel(self, identity: Identity) -> grpc.aio.Channel:
        endpoint = self._endpoint or identity.profile.southbound
        credentials = identity.channel_credentials()
        return grpc.aio.secure_channel(endpoint, credentials, options=CHANNEL_OPTIONS)

    async def _converse(self, stream: Stream) -> None:
        self._sent = self._acknowledged = 0
        self._moved_at = asyncio.get_running_loop().time()
        tasks = [
            asyncio.create_task(self._read(stream), name="statistics reader"),
            asyncio.create_task(self._write(stream), name="statistics writer"),
            asyncio.create_task(self._watch(), name="statistics watch"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # The writer cannot tell why a stream ended, and may notice it first.
            if stream.done():
                await _raise_ending(stream)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, stream: Stream) -> None:
        while isinstance(response := await stream.read(), stats_pb2.ReportResponse):
            self._acknowledged = max(self._acknowledged, response.stored_sequence)
            self._queue.acknowledge(response.stored_sequence)
            self._moved()
            self._backoff.reset()
            self._metrics.stats_stream_connected.set(1)
            self.last_error = ""
        await _raise_ending(stream)

    async def _write(self, stream: Stream) -> None:
        while True:
            self._queue.changed.clear()
            report = self._queue.next_after(self._sent) if self._in_flight() < WINDOW else None
            if report is None:
                await self._queue.changed.wait()
                continue
            if not self._in_flight():
                self._moved()
            self._sent = report.sequence
            await stream.write(self._message(report))

    async def _watch(self) -> None:
        """End a stream that is open and does not move: the next one sends everything again."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._patience_s / 4)
            if self._in_flight() and loop.time() >= self._moved_at + self._patience_s:
                raise StreamEndedError(f"nothing was acknowledged for {self._patience_s:g} s")

    def _in_flight(self) -> int:
        return max(0, self._sent - max(self._acknowledged, self._queue.first_sequence - 1))

    def _moved(self) -> None:
        self._moved_at = asyncio.get_running_loop().time()

    def _message(self, report: QueuedReport) -> stats_pb2.ReportRequest:
        request = stats_pb2.ReportRequest.FromString(report.content)
        request.instance_nonce = self._nonce
        request.sequence = report.sequence
        age_ms = (self._clock.now() - report.read_at) * 1000
        request.age_ms = min(max(0, round(age_ms)), _MAX_AGE_MS)
        return request

    def _note_failure(self, error: Exception) -> None:
        described = describe_failure(error)
        if described != self.last_error:
            log.warning("statistics are not taken; keeping the newest", why=described)
        self.last_error = described


async def _raise_ending(stream: Stream) -> None:
    code, details = await stream.code(), await stream.details()
    if code is grpc.StatusCode.UNIMPLEMENTED:
        raise UnsupportedError
    raise StreamEndedError(f"{code.name}: {details or 'the controller closed the stream'}")
