"""Running commands for the lab: argument vectors only, output captured, failures in full."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class LabError(Exception):
    """Something the lab needs did not happen; the message says what and what was printed."""


def run(
    *argv: str | Path,
    check: bool = True,
    timeout: float = 30,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    show_progress: bool = False,
) -> str:
    """Runs a command and returns what it printed on stdout; ``env`` is added to our own.

    With ``show_progress`` its stderr goes to ours, so that a person sees what it is waiting for.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=None if show_progress else subprocess.PIPE,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:.0f} s: {' '.join(words)}") from error
    if check and done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise LabError(f"{said} (exit {done.returncode} of {' '.join(words)})")
    return done.stdout


def probe(
    command: str, stdout: int | None = None, stderr: int | None = None
) -> subprocess.Popen[str]:
    """Starts a command that watches or sends; it never outlives this process, whatever ends it."""
    words = ["setpriv", "--pdeathsig=KILL", *command.split()]
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True
    )


def in_netns(netns: str, *argv: str | Path, check: bool = True, timeout: float = 30) -> str:
    return run("ip", "netns", "exec", netns, *argv, check=check, timeout=timeout)


def ip_batch(lines: Sequence[str], netns: str | None = None) -> None:
    """Runs many ip(8) commands in one process; stops at the first that fails."""
    where = ["-n", netns] if netns else []
    done = subprocess.run(
        ["ip", *where, "-batch", "-"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"ip -batch in {netns or 'this namespace'}: {done.stderr.strip()}")


def wait_until(
    what: str, ready: Callable[[], bool], deadline: float = 30, interval: float = 0.05
) -> float:
    """Polls until ``ready`` and returns the seconds it took.

    Raises:
        LabError: ``what`` did not come true before the deadline.
    """
    started = time.monotonic()
    while not ready():
        if time.monotonic() - started > deadline:
            raise LabError(f"gave up after {deadline:.0f} s waiting for {what}")
        time.sleep(interval)
    return time.monotonic() - started
