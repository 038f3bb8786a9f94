"""Waiting for a condition of another process, with a deadline and what was missed."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_S = 0.01


def eventually(condition: Callable[[], T], *, within: float, what: str | Callable[[], str]) -> T:
    """Return the condition's first true value; fail with ``what`` after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > deadline:
            missed = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within:g} s: {missed}")
        time.sleep(_PAUSE_S)
    return value


def await_exit(pid: int, *, within: float) -> None:
    """Wait for a process that need not be our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    ended = poller.poll(within * 1000)
    os.close(fd)
    assert ended, f"process {pid} still runs after {within:g} s"
