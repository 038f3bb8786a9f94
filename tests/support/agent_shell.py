"""Time and chance for tests of the agent: a clock set by hand, a seeded generator."""

from __future__ import annotations

import asyncio
import random


def seeded(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - chance that can be had again


class HandClock:
    """Never waits: whoever waits finds the hands where the waiting would have ended."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def since_boot(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        if not event.is_set():
            self.time += seconds
