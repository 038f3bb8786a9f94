"""Whether ovs-vswitchd runs: somebody has to act on the rows that are written.

Nothing in the database tells. What ovs-vswitchd writes at its start (types, cur_cfg) stays when it
is killed, and is not written again when it comes back and finds it equal; taking its lock to see
whether it is free would keep it from starting. But it always listens on a control socket
in the run directory. A connection to that, kept open, ends at the very moment the process does;
while there is none, one is tried every second.

It listens before it has looked at the database, and until then no device is there although the
rows say so. It is therefore asked for its bridges: it knows the question only once it holds its
lock and has the database, and then makes all that the rows ask for before it answers. Whether it
also *works* is told by ``cur_cfg`` after each transaction.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import time
from pathlib import Path
from typing import Any

import ovs.poller

RETRY_S = 1.0
ASK_AGAIN_S = 0.1
_PATTERN = "ovs-vswitchd*.ctl"
"""The name it chooses itself has its process id in it; a given one usually starts the same."""
QUESTION = b'{"id":0,"method":"ofproto/list","params":[]}'


class VswitchdWatch:
    """Belongs to the OVSDB thread.

    ``running`` is true from the first answer until the control connection ends; ``starting`` while
    there is a connection and no answer.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._socket: socket.socket | None = None
        self._next_try = 0.0
        self._ask_at = math.inf
        """When to ask (again); never while a question is open, and once it was answered."""
        self._received = b""
        self._has_configured = False

    @property
    def running(self) -> bool:
        return self._has_configured

    @property
    def starting(self) -> bool:
        return self._socket is not None and not self._has_configured

    def run(self) -> None:
        now = time.monotonic()
        if self._socket is not None and not self._listen(self._socket, now):
            self.close()
            self._next_try = 0.0
        if self._socket is None and now >= self._next_try:
            self._socket = connect(self._run_dir)
            self._next_try = now + RETRY_S
            self._ask_at = now
        if self._socket is not None and now >= self._ask_at:
            self._ask_at = math.inf
            with contextlib.suppress(OSError):  # whether the connection ended is read from it
                self._socket.send(QUESTION)

    def wait(self, poller: Any) -> None:
        if self._socket is None:
            _wake_at(poller, self._next_try)
            return
        poller.fd_wait(self._socket.fileno(), ovs.poller.POLLIN)
        if self._ask_at != math.inf:
            _wake_at(poller, self._ask_at)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._received = b""
        self._has_configured = False

    def _listen(self, connection: socket.socket, now: float) -> bool:
        """Take what was answered; false when the connection has ended."""
        try:
            received = connection.recv(4096)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += received
        with contextlib.suppress(ValueError):  # not all of it is here yet
            answer, _ = json.JSONDecoder().raw_decode(self._received.decode().lstrip())
            self._received = b""
            self._has_configured = answer.get("error") is None
            self._ask_at = math.inf if self._has_configured else now + ASK_AGAIN_S
        return bool(received)


def connect(run_dir: Path) -> socket.socket | None:
    """A connection to the ovs-vswitchd that listens there, if one does."""
    try:
        directory = os.open(run_dir, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        for path in sorted(run_dir.glob(_PATTERN)):
            # By way of the directory's descriptor, because a socket's path has only 107 bytes.
            if connected := _try(f"/proc/self/fd/{directory}/{path.name}"):
                return connected
    finally:
        os.close(directory)
    return None


def _wake_at(poller: Any, when: float) -> None:
    poller.timer_wait(max(1, int((when - time.monotonic()) * 1000) + 1))


def _try(path: str) -> socket.socket | None:
    candidate = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    candidate.setblocking(False)
    with contextlib.suppress(OSError):  # a socket that a killed process left refuses
        candidate.connect(path)
        return candidate
    candidate.close()
    return None
