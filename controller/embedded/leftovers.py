"""Ends what an earlier life left running in a data folder, so that a new postmaster may start.

After kill -9 of the supervisor the old postmaster may still be shutting down; after kill -9 of the
postmaster its backends may still hold the shared memory. Both are recognised by the kernel's own
facts (a ``postgres`` whose working folder is this data folder), never by a number in a pid file,
which another process may have by now. The caller holds the controller's lock: nobody else starts a
server here meanwhile.
"""

from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path

from controller.embedded.errors import EmbeddedPostgresError

_GRACE_S = 5.0


def end_leftovers(data: Path) -> int:
    """End every server process in ``data`` and drop a stale pid file; return how many there were.

    SIGQUIT is PostgreSQL's immediate shutdown: acknowledged commits are in the log and the next
    start recovers them. SIGKILL follows for what does not answer, without harm for the same reason.
    """
    found = server_processes(data)
    for death in (signal.SIGQUIT, signal.SIGKILL):
        _signal_and_wait(server_processes(data), death)
    remaining = server_processes(data)
    if remaining:
        raise EmbeddedPostgresError(
            f"PostgreSQL processes {remaining} of an earlier run do not end even when killed: the "
            f"disk under {data} does not answer; mend it, then start again"
        )
    (data / "postmaster.pid").unlink(missing_ok=True)
    return len(found)


def server_processes(data: Path) -> list[int]:
    wanted = str(data.resolve())
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _works_in(pid, wanted)]


def _works_in(pid: int, folder: str) -> bool:
    try:
        # An upgraded program shows as "…/postgres (deleted)".
        program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        return program == "postgres" and str(Path(f"/proc/{pid}/cwd").readlink()) == folder
    except OSError:
        # Gone by now, a kernel thread, or another user's process: not ours in any case.
        return False


def _signal_and_wait(pids: list[int], death: signal.Signals) -> None:
    descriptors = [fd for pid in pids if (fd := _signal(pid, death)) is not None]
    try:
        _wait_for_exits(descriptors, time.monotonic() + _GRACE_S)
    finally:
        for fd in descriptors:
            os.close(fd)


def _signal(pid: int, death: signal.Signals) -> int | None:
    try:
        # Through a descriptor, which cannot come to mean another process meanwhile.
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        signal.pidfd_send_signal(fd, death)
    except ProcessLookupError:
        os.close(fd)
        return None
    return fd


def _wait_for_exits(descriptors: list[int], deadline: float) -> None:
    poller = select.poll()
    waiting = set(descriptors)
    for fd in waiting:
        poller.register(fd, select.POLLIN)
    while waiting and (left := deadline - time.monotonic()) > 0:
        for fd, _ in poller.poll(left * 1000):
            poller.unregister(fd)
            waiting.discard(fd)
