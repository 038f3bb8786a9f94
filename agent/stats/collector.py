"""Reads the counters at a steady pace and puts them into the queue for the controller.

Owns the pace and what it remembers of the last reading. A source that does not answer costs its own
counters at that poll and nothing else; a poll that takes too long makes the next ones fewer, never
more. Must not wait for the controller, nor touch the host.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import structlog
from ovsfleet.v1 import stats_pb2

from agent.clock import Clock
from agent.controlplane.stats_queue import ReportQueue
from agent.netlink import statistics
from agent.netlink.statistics import KernelCounters
from agent.observability import Metrics
from agent.ovsdb.statistics import StatisticsUnavailableError, SwitchCounters
from agent.stats.subjects import (
    Life,
    Series,
    Settling,
    device_series,
    interface_series,
    merged,
)

log = structlog.get_logger(__name__)

DEFAULT_INTERVAL_MS = 5000
LEAST_INTERVAL_MS = 100


class Switch(Protocol):
    """What the collector needs of Open vSwitch (agent.ovsdb.statistics)."""

    async def poll(self) -> SwitchCounters: ...


class Collector:
    """``switch`` is None on a host without Open vSwitch; ``life`` is the host's as of now."""

    def __init__(
        self,
        queue: ReportQueue,
        *,
        owner: str,
        life: Life,
        switch: Switch | None,
        vteps: Callable[[], Collection[str]],
        uplinks: Callable[[str], Iterable[str]],
        cards: Callable[[], Mapping[str, str]],
        is_wanted: Callable[[], bool],
        clock: Clock,
        metrics: Metrics,
        rng: random.Random,
    ) -> None:
        self._queue = queue
        self._owner = owner
        self._life = life
        self._switch = switch
        self._vteps = vteps
        self._uplinks = uplinks
        self._cards = cards
        self._is_wanted = is_wanted
        self._clock = clock
        self._metrics = metrics
        self._rng = rng
        self._interval = DEFAULT_INTERVAL_MS / 1000
        self._changed = asyncio.Event()
        self._settling = Settling()
        self._troubles: dict[str, str] = {}

    def set_interval(self, milliseconds: int) -> None:
        """Read so often from now on; 0 is for what the agent finds right."""
        interval = max(milliseconds or DEFAULT_INTERVAL_MS, LEAST_INTERVAL_MS) / 1000
        if interval != self._interval:
            self._interval = interval
            self._changed.set()

    async def run(self) -> None:
        due = self._first_due()
        while True:
            await self._clock.wait(self._changed, due - self._clock.now())
            if self._changed.is_set():
                self._changed.clear()
                due = self._first_due()
                continue
            if self._is_wanted():
                await self._poll_safely()
            due = next_due(due, self._interval, self._clock.now())

    def _first_due(self) -> float:
        """Anywhere in the first interval: a fleet that starts at once does not report at once."""
        return self._clock.now() + self._rng.uniform(0.0, self._interval)

    async def _poll_safely(self) -> None:
        try:
            with self._metrics.stats_poll_seconds.time():
                await self.poll()
        except Exception as error:
            log.exception("fault in reading the counters")
            self._note("agent", str(error))

    async def poll(self) -> None:
        """Read all counters once and queue them."""
        self._metrics.stats_polls.inc()
        switch = await self._read_switch()
        kernel = await self._read_kernel()
        read_at = self._clock.now()
        content, subjects = await asyncio.to_thread(self._compose, switch, kernel, read_at)
        self._metrics.stats_subjects.set(subjects)
        if subjects:
            self._queue.append(content, read_at)

    async def _read_switch(self) -> SwitchCounters | None:
        if self._switch is None:
            return None
        try:
            found = await self._switch.poll()
        except StatisticsUnavailableError as error:
            self._note(error.source, str(error))
            return None
        self._forget("ovsdb", "vswitchd")
        return found

    async def _read_kernel(self) -> KernelCounters | None:
        try:
            found = await asyncio.to_thread(self._take_kernel)
        except OSError as error:
            self._note("rtnetlink", str(error))
            return None
        self._forget("rtnetlink")
        return found

    def _take_kernel(self) -> KernelCounters:
        return statistics.take(self._owner, self._vteps(), self._uplinks)

    def _compose(
        self, switch: SwitchCounters | None, kernel: KernelCounters | None, now: float
    ) -> tuple[bytes, int]:
        found = merged(self._device_series(kernel), self._interface_series(switch, now))
        request = stats_pb2.ReportRequest(counters=_counters(found))
        return request.SerializeToString(), len(found)

    def _device_series(self, kernel: KernelCounters | None) -> list[Series]:
        if kernel is None:
            return []
        return device_series(self._owner, self._life, kernel, self._cards())

    def _interface_series(self, switch: SwitchCounters | None, now: float) -> list[Series]:
        if switch is None:
            return []
        found = interface_series(self._life, switch)
        return self._settling.settled(found, switch.update_interval_s, now)

    def _note(self, source: str, trouble: str) -> None:
        """Count each failure, and say it once per cause."""
        self._metrics.stats_failures.labels(source).inc()
        if self._troubles.get(source) != trouble:
            self._troubles[source] = trouble
            log.info("counters are not read", source=source, why=trouble)

    def _forget(self, *sources: str) -> None:
        for source in sources:
            self._troubles.pop(source, None)


def _counters(found: Iterable[Series]) -> Iterator[stats_pb2.Counters]:
    return (
        stats_pb2.Counters(subject=each.subject, epoch=each.epoch, **each.counts) for each in found
    )


def next_due(due: float, interval: float, now: float) -> float:
    """The next beat after ``now``: what a stall made late is left out, the beat stays."""
    missed = max(0, math.floor((now - due) / interval))
    return due + (missed + 1) * interval


def current_life() -> Life:
    """Of the calling thread's host."""
    return Life(
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        namespace=Path("/proc/thread-self/ns/net").stat().st_ino,
    )
