"""The default broker: messages as files in one private folder.

Owns ``<data_dir>/broker``. Kombu's own ``filesystem`` transport is not used, because a consumer
may read a message before it is written, messages pass through the world's temporary folder, and
its routing files, once lost, silently swallow every later message. Here a message appears by a
rename, and the folder may vanish at any time: it is made again, and the job table fills it again.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.utils.json import dumps, loads

ALIAS = "controller.jobs.broker:Transport"
"""What Celery is given to find this transport."""

_UNFINISHED = ".unfinished"
_LONGEST_WAIT_S = 0.2


class Channel(virtual.Channel):
    """Routing is kept in memory by the base class; each process declares the one queue itself."""

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        folder = self._folder(queue)
        # The name orders messages by age; two in one nanosecond may swap.
        final = folder / f"{time.time_ns():020d}-{uuid.uuid4()}"
        unfinished = final.with_suffix(_UNFINISHED)
        unfinished.write_bytes(dumps(message).encode())
        unfinished.rename(final)

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ARG002
        for message in self._waiting(queue):
            # Whoever renames the file has the message; the others find it gone.
            taken = message.with_suffix(f".{os.getpid()}{_UNFINISHED}")
            with contextlib.suppress(FileNotFoundError):
                message.rename(taken)
                content = taken.read_bytes()
                taken.unlink()
                return loads(content.decode())
        raise Empty

    def _size(self, queue: str) -> int:
        return sum(1 for _ in self._waiting(queue))

    def _purge(self, queue: str) -> int:
        messages = list(self._waiting(queue))
        for message in messages:
            message.unlink(missing_ok=True)
        return len(messages)

    def _waiting(self, queue: str) -> Iterator[Path]:
        for name in sorted(os.listdir(self._folder(queue))):  # noqa: PTH208 - names sort faster
            if not name.endswith(_UNFINISHED):
                yield self._folder(queue) / name

    def _folder(self, queue: str) -> Path:
        folder = Path(self.connection.client.transport_options["folder"])
        for private in (folder, folder / queue):
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / queue


class Transport(virtual.Transport):
    Channel = Channel
    default_port = 0
    driver_type = "files"
    driver_name = "files"
    # Routing of all connections of a process.
    global_state = virtual.BrokerState()

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self.state = self.global_state

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        # The worker looks at its stop flag between two calls, and asks for two seconds.
        patience = _LONGEST_WAIT_S if timeout is None else min(timeout, _LONGEST_WAIT_S)
        super().drain_events(connection, timeout=patience)

    def driver_version(self) -> str:
        return "1"


def drop_unfinished(folder: Path) -> None:
    """Delete what processes that were killed between two renames left; only before any runs."""
    for file in folder.glob(f"*/*{_UNFINISHED}"):
        file.unlink(missing_ok=True)
