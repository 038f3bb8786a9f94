"""Ends the streams whose certificate is not good any more, also those that say nothing.

A stream outlives its certificate and any revocation. Owns nothing: it asks the store once for all
open streams of one kind, every few seconds, and an absent store is no reason to end one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import grpc

from controller.domain.errors import UnavailableError
from controller.observability import get_logger
from controller.services import enrolment
from controller.southbound.identity import HostIdentity
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock

log = get_logger(__name__)

_EVERY_S = 3.0
"""How long a revoked or expired certificate may go on at most."""


class Stream(Protocol):
    """What a host holds open."""

    identity: HostIdentity

    @property
    def host_uid(self) -> UUID: ...

    def end(self, code: grpc.StatusCode, reason: str) -> None: ...

    def ends_for_expiry(self, now: datetime) -> bool: ...


class Streams(Protocol):
    """One of each host at most."""

    def all(self) -> Iterable[Stream]: ...


class Guard:
    def __init__(self, threads: Threads, streams: Streams, clock: Clock) -> None:
        self._threads = threads
        self._streams = streams
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look now: some certificate was revoked."""
        self._wake.set()

    async def run(self) -> None:
        """Look at all streams again and again, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
            except UnavailableError:
                # The dispatcher says so already.
                continue
            except Exception:
                log.exception("Fault in the guard of the streams")

    async def _look(self) -> None:
        now = self._clock()
        going_on = {s.host_uid: s for s in self._streams.all() if not s.ends_for_expiry(now)}
        if not going_on:
            return
        serials = {uid: stream.identity.serial for uid, stream in going_on.items()}
        for uid, why in (await self._threads.call(enrolment.refusals, serials)).items():
            going_on[uid].end(grpc.StatusCode.PERMISSION_DENIED, why)
