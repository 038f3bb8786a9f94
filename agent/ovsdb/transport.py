"""Two parts of python-ovs replaced, because its own ones do not carry a large host.

* Its JSON parser is a state machine in Python that takes one character at a time (2 MB/s), and it
  decodes UTF-8 per read, so that a character split between two reads can be lost. Here messages are
  framed on bytes by one regular expression per brace and parsed by the standard library.
* Its poller is ``select()``, which cannot watch a file descriptor above 1023.

``install`` puts both into python-ovs for this process. Nothing else in it is changed, and this
module holds no state of its own.
"""

from __future__ import annotations

import errno
import json
import re
import select
from typing import Any

import ovs.jsonrpc
import ovs.poller

RECEIVE_SIZE = 256 * 1024
"""Bytes per read; a socket gives what it has, so that small messages cost no more."""

_PLAIN = re.compile(rb'[^{}"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^{}"]*)*', re.DOTALL)
"""All up to the next brace that stands outside of a string, or to a string without its end.

Not possessive (``*+``), which would be faster: Debian 12's Python 3.11.2 takes braces in strings
for braces then (CPython issue 106052)."""

_OPEN, _QUOTE = b"{"[0], b'"'[0]


class Framer:
    """Cuts a stream of bytes into JSON objects; each byte is looked at once."""

    def __init__(self) -> None:
        self._done: list[bytes] = []
        self._rest = b""
        self._depth = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes; return the objects that are complete now."""
        data = self._rest + data
        complete: list[bytes] = []
        start = 0
        position = _skip_plain(data, 0)
        while position < len(data) and data[position] != _QUOTE:
            self._depth += 1 if data[position] == _OPEN else -1
            position += 1
            if self._depth <= 0:
                complete.append(b"".join([*self._done, data[start:position]]))
                self._done, self._depth, start = [], 0, position
            position = _skip_plain(data, position)
        self._done.append(data[start:position])
        self._rest = data[position:]
        return complete


def _skip_plain(data: bytes, position: int) -> int:
    match = _PLAIN.match(data, position)
    return match.end() if match else position


class Connection(ovs.jsonrpc.Connection):  # type: ignore[misc]
    """A JSON-RPC connection that receives through :class:`Framer` and the standard library."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._framer = Framer()
        self._objects: list[bytes] = []

    def recv(self) -> tuple[int, Any]:
        while not self.status and not self._objects:
            code, data = self.stream.recv(RECEIVE_SIZE)
            if code == errno.EAGAIN:
                return code, None
            if code or not data:
                self.error(code or ovs.jsonrpc.EOF)
                break
            self.received_bytes += len(data)
            self._objects = self._framer.feed(data)[::-1]
        return self._next() if self._objects else (self.status, None)

    def recv_wait(self, poller: Any) -> None:
        if self.status or self._objects:
            poller.immediate_wake()
        else:
            self.stream.recv_wait(poller)

    def _next(self) -> tuple[int, Any]:
        message = _parse(self._objects.pop())
        if message is None:
            self.error(errno.EPROTO)
            return self.status, None
        return 0, message


def _parse(text: bytes) -> Any:
    """The JSON-RPC message, or None for anything that is none."""
    try:
        message = ovs.jsonrpc.Message.from_json(json.loads(text))
    except ValueError:
        return None
    return message if isinstance(message, ovs.jsonrpc.Message) else None


class Poll:
    """``select.poll`` with what python-ovs expects of it: interests in one descriptor add up."""

    def __init__(self) -> None:
        self._interests: dict[int, int] = {}

    def register(self, fd: Any, events: int) -> None:
        number = fd if isinstance(fd, int) else fd.fileno()
        self._interests[number] = self._interests.get(number, 0) | events

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        poll = select.poll()
        for number, events in self._interests.items():
            poll.register(number, events)
        return poll.poll(timeout)


def install() -> None:
    ovs.jsonrpc.Connection = Connection
    ovs.poller.SelectPoll = Poll
