"""One answer for all who ask the same at the same time.

Every open dashboard reads the same summaries whenever something happens. Whoever asks gets an
answer that was begun after they asked, so that it holds all that they wrote before; and of each
question one answer is looked up at a time, whatever the number of those who ask. Owns what is
looked up at present.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from controller.auth import Principal

T = TypeVar("T")


class Gathering:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._begun: dict[Hashable, asyncio.Task[Any]] = {}
        self._next: dict[Hashable, asyncio.Task[Any]] = {}

    async def answer(self, question: Hashable, look: Callable[[], T]) -> T:
        """What ``look``, or that of another who asks the same, finds from now on; it runs in a
        thread, and what it raises is raised to all who wait for it."""
        task: asyncio.Task[T] | None = self._next.get(question)
        if task is None:
            task = asyncio.create_task(self._look(question, look))
            task.add_done_callback(_take_note)
            self._next[question] = task
        return await asyncio.shield(task)

    async def _look(self, question: Hashable, look: Callable[[], T]) -> T:
        if (before := self._begun.get(question)) is not None:
            await asyncio.wait([before])
        own = self._next.pop(question)
        self._begun[question] = own
        try:
            return await run_in_threadpool(look)
        finally:
            if self._begun.get(question) is own:
                del self._begun[question]


def _take_note(task: asyncio.Task[Any]) -> None:
    """All who asked may have gone, and then nobody else takes its error."""
    if not task.cancelled():
        task.exception()


async def gathered(
    request: Request,
    caller: Principal,
    question: tuple[Hashable, ...],
    look: Callable[[], BaseModel],
) -> Response:
    """``look`` may depend on the question, and on the caller's roles and projects, alone."""
    gathering: Gathering = request.app.state.gathering

    def written() -> bytes:  # in the thread, and once for all
        return look().model_dump_json(by_alias=True).encode()

    body = await gathering.answer((caller.roles, caller.projects, *question), written)
    return Response(body, media_type="application/json")
