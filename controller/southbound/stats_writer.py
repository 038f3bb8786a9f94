"""From the streams to the store: what waits is written together, in one transaction.

Owns the queue between the two, which is bounded: where it is full a stream is not read on, and the
agent's own queue holds what cannot be taken. Nothing waits here while the database is away; whoever
waits is told, and the agent sends again what was never acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from controller.domain.errors import DomainError, UnavailableError
from controller.observability import get_logger
from controller.services.statistics import Intake, Receipt, Report
from controller.southbound.metrics import (
    STATS_DROPPED,
    STATS_REPORTS,
    STATS_ROWS,
    STATS_WAITING,
    STATS_WRITE_SECONDS,
)
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock

log = get_logger(__name__)

_MOST_WAITING = 64
_MOST_ROWS = 50_000
"""Of one transaction: it takes about a second, so that nobody's acknowledgement is far away."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    report: Report
    written: asyncio.Future[Receipt]


class StatsWriter:
    def __init__(self, threads: Threads, intake: Intake, clock: Clock) -> None:
        self._threads = threads
        self._intake = intake
        self._clock = clock
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(_MOST_WAITING)
        STATS_WAITING.set_function(self._queue.qsize)

    async def store(self, report: Report) -> int:
        """Wait until the report is committed; return up to where its agent need send nothing.

        UnavailableError: it is not stored, and may be sent again.
        """
        written: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Waiting(report, written))
        return (await written).stored_sequence

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._write(await self._batch())

    async def _batch(self) -> list[_Waiting]:
        batch = [await self._queue.get()]
        rows = len(batch[0].report.readings)
        while rows < _MOST_ROWS and not self._queue.empty():
            batch.append(self._queue.get_nowait())
            rows += len(batch[-1].report.readings)
        return batch

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        try:
            with STATS_WRITE_SECONDS.time():
                receipts = await self._threads.run(
                    self._intake.store, [each.report for each in batch], now=self._clock()
                )
        except UnavailableError as error:
            for each in batch:
                _fail(each, error)
        except Exception as error:
            log.exception("Reports of counters cannot be written", hosts=len(batch))
            await self._write_apart(batch, error)
        else:
            for each, receipt in zip(batch, receipts, strict=True):
                _settle(each, receipt)

    async def _write_apart(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Let nobody pay for what another host sent."""
        if len(batch) > 1:
            for each in batch:
                await self._write([each])
        elif isinstance(error, DomainError):
            _fail(batch[0], error)
        else:
            _fail(batch[0], UnavailableError("the controller failed; its log has the reason"))


def _settle(waiting: _Waiting, receipt: Receipt) -> None:
    STATS_REPORTS.labels(fate=receipt.fate.value).inc()
    STATS_ROWS.inc(receipt.rows)
    if receipt.left_out:
        STATS_DROPPED.labels(reason="too_many_subjects").inc(receipt.left_out)
    if not waiting.written.done():
        waiting.written.set_result(receipt)


def _fail(waiting: _Waiting, error: DomainError) -> None:
    if not waiting.written.done():
        waiting.written.set_exception(error)
