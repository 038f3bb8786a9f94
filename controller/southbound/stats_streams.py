"""The streams that bring statistics: one per host, the newest wins. On the event loop only."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import grpc
from ovsfleet.v1 import stats_pb2

from controller.southbound.identity import HostIdentity
from controller.southbound.sessions import Ending

_MOST_WAITING = 8
"""Reports of one stream that are not stored yet: as many as an agent sends before an answer."""


class Arrival(NamedTuple):
    request: stats_pb2.ReportRequest
    at: datetime


class Arrivals:
    """What one stream brought and nobody stored yet, oldest first."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_MOST_WAITING)
        self._queue: asyncio.Queue[Arrival | None] = asyncio.Queue()
        self.waiting = 0

    async def have_room(self) -> bool:
        """Wait until one more may be added; each that is added is to be ``stored`` once."""
        return await self._room.acquire()

    def add(self, arrival: Arrival) -> None:
        self.waiting += 1
        self._queue.put_nowait(arrival)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def next(self) -> Arrival | None:
        """None: that was all."""
        return await self._queue.get()

    def stored(self) -> None:
        self.waiting -= 1
        self._room.release()


class StatsStream:
    def __init__(self, identity: HostIdentity) -> None:
        self.identity = identity
        self.arrivals = Arrivals()
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def host_uid(self) -> UUID:
        return self.identity.host_uid

    def end(self, code: grpc.StatusCode, reason: str) -> None:
        if not self.ending.done():
            self.ending.set_result(Ending(code, reason))

    def ends_for_expiry(self, now: datetime) -> bool:
        """End the stream when its certificate is past its end."""
        if self.identity.expired(now):
            self.end(
                grpc.StatusCode.UNAUTHENTICATED, "the certificate expired: enrol the host again"
            )
        return self.ending.done()


class StatsStreams:
    def __init__(self) -> None:
        self._open: dict[UUID, StatsStream] = {}

    def add(self, stream: StatsStream) -> None:
        if older := self._open.get(stream.host_uid):
            older.end(grpc.StatusCode.ABORTED, "a newer stream of this host took over")
        self._open[stream.host_uid] = stream

    def remove(self, stream: StatsStream) -> None:
        if self._open.get(stream.host_uid) is stream:
            del self._open[stream.host_uid]

    def all(self) -> tuple[StatsStream, ...]:
        return tuple(self._open.values())
