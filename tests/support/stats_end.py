"""The controller's end of statistics, for tests of the agent: it keeps what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from ovsfleet.v1 import stats_pb2, stats_pb2_grpc

DEADLINE_S = 30.0


class StatsEnd(stats_pb2_grpc.StatsServiceServicer):
    """``streams`` has the reports of each stream, which are answered if ``acknowledges``."""

    def __init__(self) -> None:
        self.streams: list[list[stats_pb2.ReportRequest]] = []
        self.acknowledges = True
        self._cut = asyncio.Event()
        self._changed = asyncio.Condition()

    @property
    def reports(self) -> list[stats_pb2.ReportRequest]:
        return [report for stream in self.streams for report in stream]

    def sequences(self) -> list[list[int]]:
        return [[report.sequence for report in stream] for stream in self.streams]

    def newest(self, nonce: str) -> dict[str, stats_pb2.Counters]:
        """The newest counters of every subject that this process of the agent reported."""
        ours = (report for report in self.reports if report.instance_nonce == nonce)
        return {each.subject: each for report in ours for each in report.counters}

    def cut(self) -> None:
        """Close the stream from this end when its next report comes."""
        self._cut.set()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}; {self.sequences()}") from None

    async def Report(  # noqa: N802 - the name on the wire
        self, request_iterator: Any, _: Any
    ) -> AsyncIterator[stats_pb2.ReportResponse]:
        stream: list[stats_pb2.ReportRequest] = []
        self.streams.append(stream)
        async for request in request_iterator:
            async with self._changed:
                stream.append(request)
                self._changed.notify_all()
            if self._cut.is_set():
                self._cut.clear()
                return
            if self.acknowledges:
                yield stats_pb2.ReportResponse(stored_sequence=request.sequence)
