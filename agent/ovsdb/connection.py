"""The one thread that owns the replica of Open vSwitch's database.

python-ovs is neither thread-safe nor asynchronous, so that a thread of its own serves it: asyncio
hands over work through a queue with a wake descriptor, and gets it back as futures. No row,
transaction or replica ever leaves the thread. It never waits for one thing alone: transactions
are generators that are asked again whenever something happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import ovs.poller
import structlog

from agent.ovsdb import transport
from agent.ovsdb.apply import OvsdbResult, apply
from agent.ovsdb.liveness import VswitchdWatch
from agent.ovsdb.replica import Replica
from agent.ovsdb.snapshot import OvsdbSnapshot, OvsdbUnavailableError, take
from agent.planner.plan import OvsdbOp

log = structlog.get_logger(__name__)

Job = Generator[float, None, Any]
"""Work in progress: yields the monotonic time by which it wants to be asked again."""

_CRASH_PAUSE_S = 1.0


class OvsdbConnection:
    """Open vSwitch on this host, for asyncio.

    ``on_change`` is called in the loop that called :meth:`open` whenever bridges, ports or
    interfaces changed, the database connection came or went, or ovs-vswitchd did.
    """

    def __init__(self, remote: str, *, on_change: Callable[[], None] = lambda: None) -> None:
        if not remote.startswith("unix:"):
            raise ValueError(f"{remote!r}: ovsdb-server must be on this host, unix:<socket>")
        transport.install()
        self._remote = remote
        self._run_dir = Path(remote.removeprefix("unix:")).parent
        self._on_change = on_change
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._inbox: deque[tuple[Job, Future[Any]]] = deque()
        self._jobs: list[tuple[Job, Future[Any]]] = []
        self._deadline = float("inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ovsdb", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seen: tuple[Any, ...] = ()
        self.connected = False
        self.transaction_count = 0

    # --- called in the event loop ----------------------------------------------------------------

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """End the thread; what it was asked and has not done fails as unavailable."""
        self._stopping.set()
        self._poke()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)
        os.close(self._wake)

    async def ready(self, timeout_s: float) -> bool:
        """Wait until the first complete replica is there, and for an ovs-vswitchd that starts.

        False when there is no replica when the time has run out.
        """
        wait = self._submit(self._await_replica(time.monotonic() + timeout_s))
        return bool(await wait)

    async def observe(self) -> OvsdbSnapshot:
        """Raise OvsdbUnavailableError while there is no connection."""
        snapshot: OvsdbSnapshot = await self._submit(self._take())
        return snapshot

    async def rows_named(
        self, names: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], frozenset[str]]:
        """UUIDs of the rows that have these names in these tables, or had them lately."""
        rows: Mapping[tuple[str, str], frozenset[str]] = await self._submit(self._named(names))
        return rows

    async def apply(self, ops: Sequence[OvsdbOp], comment: str, deadline: float) -> OvsdbResult:
        """Commit the operations as one transaction and wait until ovs-vswitchd has acted on it.

        ``deadline`` is in seconds from now. No operations, no transaction.
        """
        if not ops:
            return OvsdbResult.unchanged()
        result: OvsdbResult = await self._submit(self._apply(tuple(ops), comment, deadline))
        return result

    def _submit(self, job: Job) -> asyncio.Future[Any]:
        future: Future[Any] = Future()
        if self._stopping.is_set():
            future.set_exception(OvsdbUnavailableError("the connection was closed"))
        else:
            future.set_running_or_notify_cancel()
            self._inbox.append((job, future))
            self._poke()
        return asyncio.wrap_future(future)

    def _poke(self) -> None:
        os.eventfd_write(self._wake, 1)

    # --- run in the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except Exception as error:  # whatever it is, the thread must not end
                log.exception("ovsdb_thread_failed")
                self._fail_all(error)
                self._stopping.wait(_CRASH_PAUSE_S)
        self._fail_all(OvsdbUnavailableError("the connection was closed"))

    def _serve(self) -> None:
        self._replica = Replica(self._remote)
        self._vswitchd = VswitchdWatch(self._run_dir)
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._replica.close()
            self._vswitchd.close()
            self.connected = False
            self._tell()

    def _turn(self) -> None:
        self._replica.run()
        self._vswitchd.run()
        self.connected = self._replica.monitoring
        self._tell_when_changed()
        while self._inbox:
            self._jobs.append(self._inbox.popleft())
        self._advance()
        self._sleep()

    def _advance(self) -> None:
        self._deadline = float("inf")
        waiting = []
        for job, future in self._jobs:
            try:
                self._deadline = min(self._deadline, next(job))
                waiting.append((job, future))
            except StopIteration as end:
                future.set_result(end.value)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                future.set_exception(error)
        self._jobs = waiting

    def _sleep(self) -> None:
        poller = ovs.poller.Poller()
        self._replica.wait(poller)
        self._vswitchd.wait(poller)
        poller.fd_wait(self._wake, ovs.poller.POLLIN)
        if self._inbox or self._stopping.is_set():
            poller.immediate_wake()
        if self._deadline != float("inf"):
            poller.timer_wait(max(1, int((self._deadline - time.monotonic()) * 1000) + 1))
        poller.block()
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)

    def _tell_when_changed(self) -> None:
        now = (self.connected, self._vswitchd.running, self._replica.changes)
        if now != self._seen:
            self._seen = now
            self._tell()

    def _tell(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_change)

    def _fail_all(self, error: Exception) -> None:
        # Emptied first: whoever is told of the error may ask again before the last one is told.
        while self._inbox:
            self._jobs.append(self._inbox.popleft())
        jobs, self._jobs = self._jobs, []
        for _, future in jobs:
            future.set_exception(error)

    # --- jobs: generators that only the thread runs ----------------------------------------------

    def _take(self) -> Job:
        yield from ()
        return take(self._replica, vswitchd_running=self._vswitchd.running)

    def _named(self, names: Collection[tuple[str, str]]) -> Job:
        yield from ()
        return self._replica.rows_named(names)

    def _await_replica(self, deadline: float) -> Job:
        while time.monotonic() < deadline and (
            self._vswitchd.starting or not self._replica.monitoring
        ):
            yield deadline
        return self._replica.monitoring

    def _apply(self, ops: tuple[OvsdbOp, ...], comment: str, seconds: float) -> Job:
        job = apply(self._replica, self._vswitchd, ops, comment, time.monotonic() + seconds)
        while True:
            try:
                wake_at = next(job)
            except StopIteration as end:
                result: OvsdbResult = end.value
                self.transaction_count += result.transactions
                return result
            yield wake_at
