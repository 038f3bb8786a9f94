"""The streams that bring statistics: one per host, the newest wins. On the event loop only."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

import grpc

from controller.southbound.identity import HostIdentity
from controller.southbound.sessions import Ending


class StatsStream:
    def __init__(self, identity: HostIdentity) -> None:
        self.identity = identity
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
