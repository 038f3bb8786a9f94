"""From what agents say of drift to the table, without holding up a stream.

Owns the events of each session that are not written yet. While the database is away they wait here,
the newest of each session, and one host's at a time are written: nobody's heartbeat waits for them.
What is stored is confirmed to the agent, which tells again in its next session what is not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import grpc
from ovsfleet.v1 import agent_pb2

from controller.domain.errors import UnavailableError
from controller.observability import get_logger
from controller.services import drift
from controller.services.drift import DriftEvent
from controller.southbound.sessions import TAKEN_OVER, HostSession
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock, retry_delays

log = get_logger(__name__)

_MOST_WAITING = 1000
"""Events of one session, as many as an agent keeps."""
_MOST_AT_ONCE = 200


class DriftRecorder:
    def __init__(self, threads: Threads, clock: Clock) -> None:
        self._threads = threads
        self._clock = clock
        self._waiting: dict[HostSession, deque[DriftEvent]] = {}
        self._wake = asyncio.Event()

    def report(self, session: HostSession, events: Sequence[DriftEvent]) -> None:
        waiting = self._waiting.setdefault(session, deque(maxlen=_MOST_WAITING))
        if lost := max(0, len(waiting) + len(events) - _MOST_WAITING):
            log.warning("Drift is told faster than it is stored", host=session.host_uid, lost=lost)
        waiting.extend(events)
        self._wake.set()

    def ended(self, session: HostSession) -> None:
        """What it told and was not confirmed is told again."""
        self._waiting.pop(session, None)

    async def run(self) -> None:
        """Write until cancelled."""
        delays = retry_delays()
        while True:
            await self._wake.wait()
            try:
                await self.flush()
                delays = retry_delays()
            except UnavailableError as error:
                log.warning("Drift of hosts waits for the database", why=error.detail)
                await asyncio.sleep(next(delays))

    async def flush(self) -> None:
        """Write what waits, hosts in turn."""
        self._wake.clear()
        for session in tuple(self._waiting):
            try:
                await self._write(session)
            except UnavailableError:
                self._wake.set()
                raise
            except Exception:
                log.exception("Drift that cannot be stored", host=session.host_uid)
                self._waiting.pop(session, None)
        if self._waiting:
            self._wake.set()

    async def _write(self, session: HostSession) -> None:
        """Write a host's oldest, and forget those only that were written: more may have come."""
        waiting = self._waiting.get(session)
        if waiting is None:
            return
        some = list(waiting)[:_MOST_AT_ONCE]
        is_current = await self._threads.call(
            drift.record, session.host_uid, session.epoch, some, now=self._clock()
        )
        if not is_current:
            session.end(grpc.StatusCode.ABORTED, TAKEN_OVER)
            self._waiting.pop(session, None)
            return
        while waiting and any(waiting[0] is each for each in some):
            waiting.popleft()
        if not waiting:
            self._waiting.pop(session, None)
        received = agent_pb2.DriftReceived(sequence=max(each.sequence for each in some))
        session.answer(agent_pb2.SessionResponse(drift_received=received))
