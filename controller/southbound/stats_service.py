"""StatsService: one host's counters, in the order in which they were read.

Which host speaks is read from the client certificate. A report is dated when it arrives, however
long it waits for the store afterwards: its age is right at that moment only. Of each stream as many
wait as an honest agent sends before it is answered, and the next is not read before: so the wire
holds a flood back, and no host has more of the controller's memory than another.
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
from controller.southbound.stats_streams import Arrival, StatsStream, StatsStreams
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
        reading = asyncio.create_task(self._read(stream, context), name="statistics reader")
        storing = asyncio.create_task(self._store(stream, context), name="statistics storer")
        try:
            ends: list[asyncio.Future[Any]] = [storing, stream.ending]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            storing.cancel()
            outcomes = await asyncio.gather(reading, storing, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, DomainError):
                stream.end(status_code(outcome), outcome.detail)
            elif isinstance(outcome, Exception) and not isinstance(outcome, grpc.RpcError):
                log.error("A stream of counters broke", host=stream.host_uid, exc_info=outcome)

    async def _read(self, stream: StatsStream, context: Context) -> None:
        try:
            while await stream.arrivals.have_room():
                request = await context.read()
                received_at = self._clock()
                if not isinstance(request, stats_pb2.ReportRequest):
                    return
                if stream.ends_for_expiry(received_at):
                    return
                stream.arrivals.add(Arrival(request, received_at))
        finally:
            stream.arrivals.end()

    async def _store(self, stream: StatsStream, context: Context) -> None:
        while (arrival := await stream.arrivals.next()) is not None:
            report, dropped = await self._threads.run(
                decode_report, stream.host_uid, arrival.request, arrival.at
            )
            for reason, count in dropped.items():
                STATS_DROPPED.labels(reason=reason).inc(count)
            stored = await self._writer.store(report)
            stream.arrivals.stored()
            await context.write(stats_pb2.ReportResponse(stored_sequence=stored))
