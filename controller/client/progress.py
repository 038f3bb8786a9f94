"""A wait as a person sees it: live on a terminal, one last word on stderr, silence in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controller.client.documents import plain
from controller.client.output import say
from controller.client.stream import WakeUp
from controller.client.tables import console
from controller.client.waiting import Look, Progress, lines_of, wait_for

_NAMED = 10
"""How many of those that are not there yet are named while waiting."""


def wait(look: Look, wake_up: WakeUp, *, what: str, timeout_s: float) -> None:
    """``what`` goes on a sentence that begins with ``2 of 3``."""
    started = time.monotonic()
    with _live_progress(what) as report:
        progress = wait_for(look, wake_up, what=what, timeout_s=timeout_s, report=report)
    seconds = time.monotonic() - started
    say(f"{progress.done} of {progress.total} {what} after {seconds:.1f} s")


@contextmanager
def _live_progress(what: str) -> Iterator[Callable[[Progress], None]]:
    from rich.text import Text

    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda _: None
        return
    with out.status("waiting") as status:
        yield lambda progress: status.update(Text(_text(progress, what)))


def _text(progress: Progress, what: str) -> str:
    lines = [f"{progress.done} of {progress.total} {what}", *lines_of(progress, _NAMED)]
    return "\n  ".join(plain(line) for line in lines)
