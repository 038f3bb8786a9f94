"""Real processes of a controller, started as a person or the supervisor would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

COMMAND = (sys.executable, "-P", "-m", "controller.cli")
STOP_WITHIN_S = 60.0


def environment(data_dir: Path, **settings: object) -> dict[str, str]:
    """Settings for a process, and nothing of ours from around the test run."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("OVSFLEET_")}
    chosen = {"data_dir": data_dir, "log_format": "json", **settings}
    return inherited | {f"OVSFLEET_{name.upper()}": str(v) for name, v in chosen.items()}


@contextmanager
def controller(env: dict[str, str], *arguments: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run ``ovsfleet-controller`` for the length of the block; its log grows in ``log``."""
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=env, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()


def children(pid: int) -> set[int]:
    """Direct children of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def roles(supervisor: int) -> dict[str, int]:
    """The pids of a supervisor's roles, by name."""
    found: dict[str, int] = {}
    for pid in children(supervisor):
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            name = words[words.index("--role") + 1] if "--role" in words else Path(words[0]).name
            found[name] = pid
    return found
