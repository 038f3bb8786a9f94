"""One answer for all who ask the same at the same time."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest

from controller.api.gathering import Gathering


class Looking:
    """Counts, and answers with how often it was asked; may be held up."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def __call__(self) -> int:
        number = next(self.numbers)
        self.begun.release()
        assert self.go_on.acquire(timeout=10)
        if number == 3:
            raise LookupError("nothing there")
        return number

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)


async def test_many_who_ask_get_one_answer_that_was_begun_after_they_asked() -> None:
    gathering, look = Gathering(), Looking()
    first = asyncio.create_task(gathering.answer("fleet", look))
    await look.has_begun()
    later = [asyncio.create_task(gathering.answer("fleet", look)) for _ in range(20)]
    another = asyncio.create_task(gathering.answer("else", lambda: "at once"))
    assert await another == "at once"
    later.pop().cancel()
    look.go_on.release()
    assert await first == 1
    await look.has_begun()
    last = [asyncio.create_task(gathering.answer("fleet", look)) for _ in range(2)]
    await asyncio.sleep(0)
    look.go_on.release()
    assert {await each for each in later} == {2}
    await look.has_begun()
    look.go_on.release()
    for each in last:
        with pytest.raises(LookupError):
            await each
    look.go_on.release()
    assert await gathering.answer("fleet", look) == 4
