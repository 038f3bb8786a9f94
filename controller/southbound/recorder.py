"""From what agents say to the tables, without holding up a stream.

Owns the newest report, inventory and capabilities of each session that are not written yet: while
the database is away they wait here, the latest wins, and none is lost that still matters.
Reports of an agent that is too old for something wait until it is known for what.
Heartbeats of all hosts are one statement. A session that the store has fenced off is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

import grpc

from controller.domain.errors import UnavailableError
from controller.domain.inventory import Inventory
from controller.observability import get_logger
from controller.services import inventory, status
from controller.services.status import HostReport
from controller.southbound.sessions import TAKEN_OVER, HostSession
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock, retry_delays

log = get_logger(__name__)

T = TypeVar("T")

_MOST_AT_ONCE = 2
"""Inventories in one round, which then leave a thread to whoever else needs one."""


class Recorder:
    def __init__(
        self,
        threads: Threads,
        clock: Clock,
        *,
        beat_s: float,
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        self._threads = threads
        self._clock = clock
        self._beat_s = beat_s
        self._on_written = on_written
        self._reports: dict[HostSession, HostReport] = {}
        self._inventories: dict[HostSession, Inventory] = {}
        self._capabilities: dict[HostSession, Mapping[str, Any]] = {}
        self._heard: set[HostSession] = set()
        self._ended: set[HostSession] = set()
        self._wake = asyncio.Event()
        self._told = asyncio.Event()

    def report(self, session: HostSession, report: HostReport) -> None:
        self._reports[session] = session.heard(report)
        self._wake.set()

    def inventory(self, session: HostSession, found: Inventory) -> None:
        self._inventories[session] = found
        self._told.set()

    def capabilities(self, session: HostSession, capabilities: Mapping[str, Any]) -> None:
        self._capabilities[session] = capabilities
        self._wake.set()

    def heartbeat(self, session: HostSession) -> None:
        """Note a sign of life; it is written with everybody else's at the next beat."""
        self._heard.add(session)

    def judged(self) -> None:
        """Some session was judged: its report need not wait any more."""
        self._wake.set()

    def ended(self, session: HostSession) -> None:
        self._heard.discard(session)
        if not session.is_judged:
            self._reports.pop(session, None)
        self._ended.add(session)
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled."""
        await asyncio.gather(
            self._repeat(self._write_urgent, self._wake),
            self._repeat(self._write_inventories, self._told),
        )

    async def _repeat(self, write: Callable[[], Awaitable[None]], wake: asyncio.Event) -> None:
        delays = retry_delays()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await wake.wait()
            wake.clear()
            try:
                await write()
                delays = retry_delays()
            except UnavailableError as error:
                log.warning("Reports of hosts wait for the database", why=error.detail)
                await asyncio.sleep(next(delays))
            except Exception:
                log.exception("Fault in the recorder")
                await asyncio.sleep(next(delays))

    async def flush(self) -> None:
        """Write what waits; of capabilities and inventories a few, the others are next."""
        await self._write_urgent()
        await self._write_inventories()

    async def _write_urgent(self) -> None:
        await self._write_reports()
        await self._write_heartbeats()
        await self._write_endings()
        await self._write_some(self._capabilities, inventory.record_capabilities, self._wake)

    async def _write_inventories(self) -> None:
        """Bound ports follow these, which is to write intent and waits behind whoever does, too:
        no heartbeat waits for that."""
        await self._write_some(self._inventories, inventory.record_and_follow, self._told)

    async def _write_reports(self) -> None:
        reports = {each: report for each, report in self._reports.items() if each.is_judged}
        for session in reports:
            del self._reports[session]
        await _all(self._write_report(session, report) for session, report in reports.items())
        if reports:
            self._on_written()

    async def _write_report(self, session: HostSession, report: HostReport) -> None:
        try:
            current = await self._threads.call(
                status.record,
                session.host_uid,
                session.epoch,
                session.judged(report),
                now=self._clock(),
            )
            if current:
                await self._catch_up(session, report)
        except (UnavailableError, asyncio.CancelledError):
            self._reports.setdefault(session, report)
            self._wake.set()
            raise
        if not current:
            _fence(session)

    async def _catch_up(self, session: HostSession, report: HostReport) -> None:
        """Bring the host forward to a revision that came while its report waited here.

        The dispatcher said so too, but to a row that did not have this report yet.
        """
        advanced = session.advanced
        if advanced is None or advanced[0] <= report.applied_revision:
            return
        revision, content = advanced
        await self._threads.call(
            status.advance, {session.host_uid: content}, revision, now=self._clock()
        )

    async def _write_heartbeats(self) -> None:
        heard, self._heard = self._heard, set()
        by_host = {session.host_uid: session for session in heard}
        if not by_host:
            return
        epochs = {uid: session.epoch for uid, session in by_host.items()}
        fenced = await self._threads.call(status.heartbeats, epochs, now=self._clock())
        for uid in fenced:
            _fence(by_host[uid])

    async def _write_some(
        self, waiting: dict[HostSession, T], write: Callable[..., bool], wake: asyncio.Event
    ) -> None:
        """After a restart every host has a long inventory, and what is urgent needs threads too."""
        some = dict(islice(waiting.items(), _MOST_AT_ONCE))
        for session in some:
            del waiting[session]
        if waiting:
            wake.set()
        await _all(
            self._write_one(waiting, session, write, some[session], wake) for session in some
        )

    async def _write_one(
        self,
        waiting: dict[HostSession, T],
        session: HostSession,
        write: Callable[..., bool],
        said: T,
        wake: asyncio.Event,
    ) -> None:
        try:
            current = await self._threads.call(
                write, session.host_uid, session.epoch, said, now=self._clock()
            )
        except (UnavailableError, asyncio.CancelledError):
            waiting.setdefault(session, said)
            wake.set()
            raise
        if not current:
            _fence(session)

    async def _write_endings(self) -> None:
        for session in tuple(self._ended):
            await self._threads.call(
                status.close_session, session.host_uid, session.epoch, now=self._clock()
            )
            self._ended.discard(session)


def _fence(session: HostSession) -> None:
    session.end(grpc.StatusCode.ABORTED, TAKEN_OVER)


async def _all(writes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Let every write finish, then raise the first failure."""
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        if outcome is not None:
            raise outcome
