"""Looks at the host for people who want to know what it is like now, and compares.

Runs beside the closed loop and never as a part of it, with a view of the kernel of its own: whoever
looks must not hold up what is to be applied. Writes nothing. However often it is asked, it looks
once in ``PAUSE_S``, and for a small part of the time only, and answers with one look all that was
asked before it began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog

from agent.clock import Clock
from agent.comparison import compare
from agent.errors import ErrorKind, Failure
from agent.host import Kernel, Ovsdb, Sighting, observe
from agent.loop_failures import ovsdb_down
from agent.model import HOST_ID
from agent.observation import Comparison, Questions, answer
from agent.ovsdb.snapshot import OvsdbUnavailableError
from agent.state_file import Cached

log = structlog.get_logger(__name__)

PAUSE_S = 1.0
"""At the least, between the beginnings of two looks."""
_SHARE = 4
"""So many times as long as the last look took it rests after it: planning for a large host takes
the interpreter, which the loop has to share then."""


class Observer:
    """``cached`` and ``failures`` are asked anew for each look."""

    def __init__(
        self,
        questions: Questions,
        ovsdb: Ovsdb,
        kernel: Kernel,
        *,
        cached: Callable[[], Cached | None],
        failures: Callable[[], Iterable[Failure]],
        clock: Clock,
    ) -> None:
        self._questions = questions
        self._ovsdb = ovsdb
        self._kernel = kernel
        self._cached = cached
        self._failures = failures
        self._clock = clock
        self._may_look_at = clock.now()

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._questions.wait()
            await self._rest()
            await self.answer()

    async def answer(self) -> None:
        """Answer all that is asked, by one look."""
        started = self._clock.now()
        asked = self._questions.take()
        for request_id, comparison in (await self._answers(asked)).items():
            self._questions.put(request_id, comparison)
        now = self._clock.now()
        self._may_look_at = max(started + PAUSE_S, now + _SHARE * (now - started))

    async def _rest(self) -> None:
        never = asyncio.Event()
        while (left := self._may_look_at - self._clock.now()) > 0:
            await self._clock.wait(never, left)

    async def _answers(self, asked: Mapping[str, frozenset[str]]) -> Mapping[str, Comparison]:
        try:
            cached = self._cached()
            if cached is None:
                return dict.fromkeys(asked, Comparison())
            sighting = await observe(self._ovsdb, self._kernel, cached.state)
            return await asyncio.to_thread(_compared, cached, sighting, self._failures(), asked)
        except OvsdbUnavailableError as error:
            return dict.fromkeys(asked, Comparison(trouble=ovsdb_down(error)))
        except Exception as error:
            log.exception("fault in a look at the host")
            return dict.fromkeys(asked, Comparison(trouble=_bug(error)))


def _compared(
    cached: Cached,
    sighting: Sighting,
    failures: Iterable[Failure],
    asked: Mapping[str, frozenset[str]],
) -> Mapping[str, Comparison]:
    found = compare(cached, sighting.state, failures)
    revision = cached.state.revision
    return {each: answer(revision, found, resources) for each, resources in asked.items()}


def _bug(error: Exception) -> Failure:
    message = (
        f"a fault of the agent ({type(error).__name__}) kept it from looking; its log has more"
    )
    return Failure(HOST_ID, ErrorKind.BUG, "LookFailed", message)
