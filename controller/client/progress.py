"""A wait as a person sees it: live on a terminal, one last word on stderr, silence in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from controller.client.documents import plain
from controller.client.output import say
from controller.client.rest import Api
from controller.client.stream import WakeUp
from controller.client.tables import console
from controller.client.waiting import Goal, Progress, Target, wait_for

_NAMED = 10
"""How many of those that are not there yet are named while waiting."""


def wait(
    api: Api,
    wake_up: WakeUp,
    targets: Sequence[Target],
    goal: Goal,
    *,
    what: str,
    timeout_s: float,
) -> None:
    started = time.monotonic()
    with _live_progress(what) as report:
        wait_for(api, wake_up, targets, goal, what=what, timeout_s=timeout_s, report=report)
    say(f"{len(targets)} of {len(targets)} {what} after {time.monotonic() - started:.1f} s")


@contextmanager
def _live_progress(what: str) -> Iterator[Callable[[Progress], None]]:
    from rich.text import Text

    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda _: None
        return
    with out.status(f"waiting: {what}") as status:
        yield lambda progress: status.update(Text(_lines(progress, what)))


def _lines(progress: Progress, what: str) -> str:
    lines = [f"{progress.done} of {progress.total} {what}", *progress.reasons()[:_NAMED]]
    if len(progress.missing) > _NAMED:
        lines.append(f"… and {len(progress.missing) - _NAMED} more")
    return "\n  ".join(plain(line) for line in lines)
