"""The controller's change stream, kept open through restarts and lost connections.

``follow`` is the stream itself; ``WakeUp`` owns a thread that reads it on behalf of somebody who
only wants to know when to look again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from controller.client.context import Context
from controller.client.failures import CommandError, ExitCode, RefusedError
from controller.client.rest import Api

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


def follow(
    api: Api,
    *,
    from_revision: int | None,
    on_break: Callable[[CommandError], None],
    pause: Callable[[float], bool | None] = time.sleep,
) -> Iterator[ServerSentEvent]:
    """Events until ``pause`` says stop; after a break it resumes behind the last one handed out."""
    last_event_id = ""
    delay = _FIRST_PAUSE_S
    while True:
        try:
            with api.events(from_revision=from_revision, last_event_id=last_event_id) as events:
                for event in events:
                    delay = _FIRST_PAUSE_S
                    last_event_id = event.id or last_event_id
                    yield event
            on_break(CommandError("The controller closed the change stream."))
        except CommandError as failure:
            if not passes_by_itself(failure):
                raise
            on_break(failure)
        if pause(delay):
            return
        delay = min(delay * 2, _LONGEST_PAUSE_S)


def passes_by_itself(failure: CommandError) -> bool:
    """A restart of the controller does; bad credentials and bad requests do not."""
    if isinstance(failure, RefusedError):
        return failure.status >= 500
    return failure.exit_code in {ExitCode.ERROR, ExitCode.TIMEOUT}


class WakeUp:
    """Says when something in the fleet may have changed. Reads the stream in its own thread."""

    def __init__(self, context: Context, from_revision: int | None) -> None:
        self._context = context
        self._from_revision = from_revision
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="ovsfleet-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # The thread may sit in a read for seconds; being a daemon, it does not hold the exit up.
        self._closed.set()

    def wait(self, seconds: float) -> None:
        """Returns at a change or after ``seconds``: whoever waits looks again either way."""
        if self._changed.wait(seconds):
            self._changed.clear()

    def _read(self) -> None:
        # The connection is the thread's own: nobody closes it under a read.
        with Api(self._context) as api:
            events = follow(
                api,
                from_revision=self._from_revision,
                on_break=lambda _: self._changed.set(),
                pause=self._closed.wait,
            )
            try:
                for event in events:
                    if self._closed.is_set():
                        return
                    if event.event in {"change", "status"}:
                        self._changed.set()
            except CommandError:
                # Whoever waits looks for himself, meets the same failure and reports it.
                self._changed.set()
