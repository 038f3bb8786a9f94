"""StatsService: one host's counters, in the order in which they were read.

Which host speaks is read from the client certificate. Of each stream one report is on its way to
the store at a time and the next is not read before: so the wire holds a flood back, and no host has
more of the controller's memory than another.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from ovsfleet.v1 import stats_pb2, stats_pb2_grpc

from controller.domain.errors import DomainError
from controller.observability import get_logger
from controller.southbound.admission import Admission
from controller.southbound.errors import status_code
from controller.southbound.metrics import STATS_DROPPED
from controller.southbound.stats_codec import decode_report
from controller.southbound.stats_streams import StatsStream, StatsStreams
from controller.southbound.stats_writer import StatsWriter
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock

log = get_logger(__name__)

Context = grpc.aio.ServicerContext[stats_pb2.ReportRequest, stats_pb2.ReportResponse]


class StatsService(stats_pb2_grpc.StatsServiceServicer):
    def __init__(
        self,
        admission: Admission,
        threads: Threads,
        streams: StatsStreams,
        writer: StatsWriter,
        *,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._threads = threads
        self._streams = streams
        self._writer = writer
        self._clock = clock

    async def Report(  # type: ignore[override]  # noqa: N802 - the name of the RPC
        self, _requests: object, context: Context
    ) -> None:
        try:
            stream = StatsStream(await self._admission.admit(context))
        except DomainError as error:
            await context.abort(status_code(error), error.detail)
        self._streams.add(stream)
        try:
            await self._converse(stream, context)
        finally:
            self._streams.remove(stream)
        if stream.ending.done():
            ending = stream.ending.result()
            await context.abort(ending.code, ending.reason)

    async def _converse(self, stream: StatsStream, context: Context) -> None:
        reader = asyncio.create_task(self._read(stream, context), name="statistics reader")
        try:
            ends: list[asyncio.Future[Any]] = [reader, stream.ending]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            (outcome,) = await asyncio.gather(reader, return_exceptions=True)
        if isinstance(outcome, DomainError):
            stream.end(status_code(outcome), outcome.detail)
        elif isinstance(outcome, Exception) and not isinstance(outcome, grpc.RpcError):
            log.error("A stream of counters broke", host=stream.host_uid, exc_info=outcome)

    async def _read(self, stream: StatsStream, context: Context) -> None:
        while isinstance(request := await context.read(), stats_pb2.ReportRequest):
            received_at = self._clock()
            if stream.ends_for_expiry(received_at):
                return
            report, dropped = await self._threads.run(
                decode_report, stream.host_uid, request, received_at
            )
            for reason, count in dropped.items():
                STATS_DROPPED.labels(reason=reason).inc(count)
            stored = await self._writer.store(report)
            await context.write(stats_pb2.ReportResponse(stored_sequence=stored))
