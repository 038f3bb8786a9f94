"""Whether ovs-vswitchd runs: somebody has to act on the rows that are written.

Nothing in the database tells. What ovs-vswitchd writes at its start (types, cur_cfg) stays when it
is killed, and is not written again when it comes back and finds it equal; taking its lock to see
whether it is free would keep it from starting. But it always listens on a control socket
in the run directory. A connection to that, kept open and silent, ends at the very moment the
process does; while there is none, one is tried every second. Whether it also *works* is told by
``cur_cfg`` after each transaction.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import ovs.poller

RETRY_S = 1.0
_PATTERN = "ovs-vswitchd*.ctl"
"""The name it chooses itself has its process id in it; a given one usually starts the same."""


class VswitchdWatch:
    """Belongs to the OVSDB thread; ``running`` is true while the control connection stands."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._socket: socket.socket | None = None
        self._next_try = 0.0

    @property
    def running(self) -> bool:
        return self._socket is not None

    def run(self) -> None:
        if self._socket is not None and _has_ended(self._socket):
            self.close()
            self._next_try = 0.0
        if self._socket is None and time.monotonic() >= self._next_try:
            self._socket = self._connect()
            self._next_try = time.monotonic() + RETRY_S

    def wait(self, poller: Any) -> None:
        if self._socket is not None:
            poller.fd_wait(self._socket.fileno(), ovs.poller.POLLIN)
        else:
            poller.timer_wait(max(1, int((self._next_try - time.monotonic()) * 1000)))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket | None:
        try:
            directory = os.open(self._run_dir, os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return None
        try:
            for path in sorted(self._run_dir.glob(_PATTERN)):
                # By way of the directory's descriptor, because a socket's path has only 107 bytes.
                if connected := _try(f"/proc/self/fd/{directory}/{path.name}"):
                    return connected
        finally:
            os.close(directory)
        return None


def _try(path: str) -> socket.socket | None:
    candidate = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    candidate.setblocking(False)
    with contextlib.suppress(OSError):  # a socket that a killed process left refuses
        candidate.connect(path)
        return candidate
    candidate.close()
    return None


def _has_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
