"""What the daemon tells a person on the same machine: a unix socket that answers with one document.

A socket and not a file, because it tells the truth at the moment of asking and nothing when the
daemon is gone. Whoever connects gets one JSON document and the end of the stream. Only the owner
of the state directory may connect. Must not change anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SOCKET_NAME = "agent.sock"

Document = dict[str, Any]


async def serve(path: Path, document: Callable[[], Document]) -> None:
    """Answer until cancelled."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(document(), sort_keys=True).encode() + b"\n")
            await writer.drain()
        writer.close()

    with _listening(path) as listener:
        server = await asyncio.start_unix_server(answer, sock=listener)
        async with server:
            await server.serve_forever()


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket at ``path``, in place of what a killed daemon left there."""
    # Whoever comes here holds the lock of the state directory, so that nobody answers there.
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        with _short(path) as address:
            listener.bind(address)
        try:
            path.chmod(0o600)
            yield listener
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """``path`` by way of its directory's descriptor: a socket's address has only 107 bytes."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def ask(path: Path, timeout_s: float = 5.0) -> Document | None:
    """The daemon's document; None when no daemon answers."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            with _short(path) as address:
                connection.connect(address)
            with connection.makefile("rb") as stream:
                document: Document = json.loads(stream.read())
                return document
    except (FileNotFoundError, ConnectionError, TimeoutError):
        return None
