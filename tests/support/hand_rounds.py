"""Changes by hand, one after the other, to a host that the agent keeps: what it sees, tells, mends.

After three mendings of one resource within ten minutes an agent fights with nobody any more. So no
life of one agent is given more changes of a resource than that, and the next starts a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from agent.drift_events import DriftAction, DriftEvent
from tests.support.agent_backends import Host, Running
from tests.support.conformance_site import settle
from tests.support.hand_picture import picture
from tests.support.hand_rows import Deed

SEEN_S, MENDED_S = 2.0, 5.0
"""Seconds that are promised, from before the change by hand is begun."""
GIVE_UP_S = 8.0
MOST = 2
"""Changes of a resource in one life: one may take two mendings."""
PAUSE_S = 0.02


@dataclass(frozen=True)
class Answer:
    """What became of a change; None is never, within ``GIVE_UP_S``."""

    deed: Deed
    told_s: float | None
    mended_s: float | None
    actions: tuple[DriftAction, ...]
    differences: tuple[str, ...]
    left: tuple[str, ...]
    """What is not as before."""

    @property
    def fault(self) -> str:
        if self.mended_s is None or self.mended_s > MENDED_S:
            return f"{self.deed.words}: mended in {self.mended_s} s; {self.left[:6]}"
        if not self.deed.is_told:
            return ""
        if self.told_s is None or self.told_s > SEEN_S:
            return f"{self.deed.words}: told in {self.told_s} s"
        if DriftAction.ENFORCED not in self.actions or not self.differences:
            return f"{self.deed.words}: told as {self.actions} {self.differences}"
        return ""


def in_lives(deeds: Iterable[Deed], most: int = MOST) -> list[list[Deed]]:
    """Spread over lives of the agent, none of which has too much of one resource."""
    lives: list[list[Deed]] = []
    hits: list[Counter[str]] = []
    for deed in deeds:
        at = next((n for n, hit in enumerate(hits) if _has_room(hit, deed, most)), len(lives))
        if at == len(lives):
            lives.append([])
            hits.append(Counter())
        lives[at].append(deed)
        hits[at].update(deed.resources)
    return lives


def _has_room(hit: Counter[str], deed: Deed, most: int) -> bool:
    return all(hit[resource] < most for resource in deed.resources)


def mend(host: Host, deeds: Sequence[Deed], macs: frozenset[str]) -> list[Answer]:
    """Do them in one life of the agent, each when the one before is mended."""

    async def work(running: Running) -> list[Answer]:
        async with _at_work(running):
            return [await _mended(running, host, deed, macs) for deed in deeds]

    return host.drive(work)


@asynccontextmanager
async def _at_work(running: Running) -> AsyncIterator[None]:
    """The agent's loop runs by itself, as in its daemon."""
    await settle(running)
    looping = asyncio.create_task(running.loop.run())
    try:
        yield
    finally:
        looping.cancel()
        with suppress(asyncio.CancelledError):
            await looping


async def _mended(running: Running, host: Host, deed: Deed, macs: frozenset[str]) -> Answer:
    before = await asyncio.to_thread(picture, host, macs)
    known, told = len(running.drift.events), []
    started = time.monotonic()
    running.drift.on_event = lambda: told.append(time.monotonic() - started)
    await asyncio.to_thread(deed.do, host)
    mended_s: float | None = None
    while (
        mended_s is None or deed.is_told > bool(told)
    ) and time.monotonic() < started + GIVE_UP_S:
        await asyncio.sleep(PAUSE_S)
        now = await asyncio.to_thread(picture, host, macs)
        mended_s = None if now != before else mended_s or time.monotonic() - started
    events = running.drift.events[known:]
    return Answer(
        deed=deed,
        told_s=round(told[0], 3) if told else None,
        mended_s=None if mended_s is None else round(mended_s, 3),
        actions=tuple(event.action for event in events),
        differences=tuple(str(each) for event in events for each in event.differences),
        left=tuple(sorted(now ^ before)) if mended_s is None else (),
    )


def leave(
    host: Host, deeds: Sequence[Deed], macs: frozenset[str]
) -> tuple[frozenset[str], tuple[DriftEvent, ...]]:
    """Do them where drift is only reported; how the host is once all are told, and what is told.

    None is undone by the time that the next is told, or the last for as long as it may take.
    """

    async def work(running: Running) -> tuple[frozenset[str], tuple[DriftEvent, ...]]:
        async with _at_work(running):
            for deed in deeds:
                await _left(running, host, deed, macs)
            before = await asyncio.to_thread(picture, host, macs)
            await asyncio.sleep(SEEN_S)
            after = await asyncio.to_thread(picture, host, macs)
            assert before == after, before ^ after
            return after, running.drift.events

    return host.drive(work)


async def _left(running: Running, host: Host, deed: Deed, macs: frozenset[str]) -> None:
    before = await asyncio.to_thread(picture, host, macs)
    started = time.monotonic()
    await asyncio.to_thread(deed.do, host)
    done = await asyncio.to_thread(picture, host, macs)
    assert done != before, deed.words
    while deed.resource not in {event.resource for event in running.drift.events}:
        assert time.monotonic() < started + SEEN_S, f"not told: {deed.words}"
        await asyncio.sleep(PAUSE_S)
    assert await asyncio.to_thread(picture, host, macs) == done, deed.words
