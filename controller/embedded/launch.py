"""How a child process is started so that it cannot outlive the process that started it.

Pure but for the hook that runs in the child between fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(death_signal: signal.Signals, niceness: int = 0) -> Callable[[], None]:
    """Make the hook that has the kernel send ``death_signal`` when this very thread ends.

    The request is bound to the thread that forks, so children are only started from the main
    thread; and a change of uid clears it, so the hook must run after that (``subprocess`` does).
    """
    parent = os.getpid()

    def hook() -> None:
        os.nice(niceness)
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        # The parent may have died before the request was made.
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that starts one child process."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    owner: tuple[int, int] | None = None
    """uid and gid to run as; None keeps the parent's."""
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the parent dies."""
    niceness: int = 0
    """How far the process stands back when processors are short."""

    def popen_arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``subprocess`` and ``asyncio`` alike."""
        arguments: dict[str, Any] = {
            "env": dict(self.env),
            "cwd": self.cwd,
            "preexec_fn": die_with_parent(self.death_signal, self.niceness),
            # A terminal's Ctrl-C goes to the whole foreground group; only the supervisor may see
            # it, because the order of stopping is its business.
            "process_group": 0,
        }
        if self.owner is not None:
            uid, gid = self.owner
            arguments |= {"user": uid, "group": gid, "extra_groups": []}
        return arguments
