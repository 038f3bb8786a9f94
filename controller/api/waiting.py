"""Long polls: an answer that comes when something is so, or as things are when time is up.

Owns the places of those who wait. Nobody holds a thread or a connection of the database while
waiting: the feed wakes everybody up, and each then looks for a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from controller.api.credentials import Credentials
from controller.api.dependencies import Secret
from controller.api.feed import Bell, Feed
from controller.auth import Principal
from controller.domain.errors import UnavailableError

MOST_WAITERS = 100
LONGEST_WAIT_SECONDS = 60.0
MOST_ASKING, MOST_ASKING_EACH = 40, 8
"""Who look at hosts, each for ten seconds at most where one hangs."""

_LOOK_AGAIN_SECONDS = 2.0
"""Without any event: the token may have been revoked, or the caller may have gone."""
_PAUSE_SECONDS = 0.02
"""For each one who waits, before anybody looks again: so all of them together look so often."""

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.2
"""Between two looks of one who is told of nothing: most answers come within a tenth of a second."""

T = TypeVar("T")


@dataclass(slots=True)
class WaitingRoom:
    """Belongs to the event loop."""

    feed: Feed
    most: int = MOST_WAITERS
    most_each: int = MOST_WAITERS
    """Of one who asks, so that nobody keeps the others out."""
    _inside: Counter[str] = field(default_factory=Counter)

    @property
    def pause(self) -> float:
        return self._inside.total() * _PAUSE_SECONDS

    @contextmanager
    def place(self, who: str) -> Iterator[None]:
        if self._inside.total() >= self.most or self._inside[who] >= self.most_each:
            raise UnavailableError(
                f"{self._inside.total()} such requests wait already, {self._inside[who]} of"
                " them yours; try again soon"
            )
        self._inside[who] += 1
        try:
            yield
        finally:
            self._inside[who] -= 1
            self._inside += Counter()  # forgets who has left


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request waits, and on whose behalf."""

    request: Request
    secret: str
    seconds: float

    async def until(self, look: Callable[[Principal], T], is_over: Callable[[T], bool]) -> T:
        """What ``look`` found last: it is over, or there was no more time."""
        found = await self._look(look)
        if is_over(found) or not self.seconds:
            return found
        room: WaitingRoom = self.request.app.state.waiting_room
        with room.place(self.secret):
            async with room.feed.bell() as bell:
                return await self._wait(look, is_over, bell, room)

    async def _wait(
        self,
        look: Callable[[Principal], T],
        is_over: Callable[[T], bool],
        bell: Bell,
        room: WaitingRoom,
    ) -> T:
        deadline = time.monotonic() + self.seconds
        while not is_over(found := await self._look(look)):
            left = deadline - time.monotonic()
            if left <= 0 or bell.closed or await self.request.is_disconnected():
                break
            await bell.wait(min(left, _LOOK_AGAIN_SECONDS))
            await asyncio.sleep(min(left, room.pause))
        return found

    async def _look(self, look: Callable[[Principal], T]) -> T:
        credentials: Credentials = self.request.app.state.credentials

        def asked() -> T:
            return look(credentials.authenticate(self.secret))

        return await run_in_threadpool(asked)


async def answered(
    request: Request, who: str, look: Callable[[], T | None], seconds: float
) -> T | None:
    """What ``look`` finds, which reads for a moment and is asked again and again; None: nothing in
    time. For what no feed tells of, in a room of its own: hosts that hang keep nobody else out."""
    room: WaitingRoom = request.app.state.asking_room
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE_SECONDS
    with room.place(who):
        while (found := await run_in_threadpool(look)) is None:
            left = deadline - time.monotonic()
            if left <= 0 or room.feed.ended or await request.is_disconnected():
                break
            await asyncio.sleep(min(left, max(pause, room.pause)))
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    return found


def _patience(
    request: Request,
    secret: Secret,
    wait: Annotated[
        Literal["realized"] | None, Query(description="Answer when it is so, or at `timeout`.")
    ] = None,
    timeout: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT_SECONDS, description="Seconds, with `wait`.")
    ] = 30.0,
) -> Patience:
    return Patience(request, secret, timeout if wait else 0.0)


Patient = Annotated[Patience, Depends(_patience)]
