"""One reader of the change log and of the hosts' statuses for all watchers of this process.

Owns the reading thread and the queues of the watchers. It reads only while somebody watches. A
watcher that cannot keep up is closed, and resumes where it was by the id of the last event it got.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from uuid import UUID

from controller.domain.errors import UnavailableError
from controller.observability import get_logger
from controller.services import changes, status
from controller.services.changes import IntentListener, LogEntry
from controller.services.status import StatusChange
from controller.store.engine import Database

_log = get_logger(__name__)

READ_LIMIT = 1000
QUEUE_LENGTH = 4096
"""Events that a watcher may be behind."""

_STATUS_INTERVAL_SECONDS = 0.25
"""Statuses that another process wrote come without a wake-up: they are asked for this often while
somebody watches. Those of this process are told of (``Feed.nudge``)."""
_STATUS_PAUSE_SECONDS = 0.02
"""Between two looks, so that a whole fleet's reports are read in a few."""

_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Position:
    """How far a watcher has got: everything up to here it has been sent."""

    revision: int
    statuses: int
    """Cursor of ``status.changed_since``."""

    def __str__(self) -> str:
        return f"{self.revision}-{self.statuses}"


@dataclass(frozen=True, slots=True)
class Advance:
    """Hosts that a change of intent did not concern, brought forward by it: often the whole fleet,
    so they go through the queues as one."""

    hosts: tuple[StatusChange, ...]
    before: Position
    """Where to resume after any of them but the last."""


@dataclass(frozen=True, slots=True)
class Event:
    item: LogEntry | StatusChange | Advance
    position: Position
    """Where to resume after this event."""


@dataclass(slots=True)
class Cursor:
    """Walks through the log and the statuses; made for one reader."""

    db: Database
    revision: int
    statuses: int
    _seq: int | None = None
    _shown: dict[UUID, StatusChange] = field(default_factory=dict)

    def read_changes(self) -> list[Event]:
        """The next entries of the log, at most ``READ_LIMIT``; fewer mean that it ends here."""
        entries = changes.since(self.db, self.revision, READ_LIMIT, seq=self._seq)
        if entries:
            self.revision, self._seq = entries[-1].revision, entries[-1].seq
        finished = len(entries) < READ_LIMIT
        return [
            Event(entry, Position(_complete(entries, i, finished), self.statuses))
            for i, entry in enumerate(entries)
        ]

    def read_statuses(self) -> list[Event]:
        found, cursor = status.changed_since(self.db, self.statuses)
        if cursor == self.statuses:
            # A long transaction holds the cursor back, and the same rows come again and again.
            found = tuple(each for each in found if self._shown.get(each.host_uid) != each)
        self._shown = {**self._shown, **{each.host_uid: each for each in found}}
        before, self.statuses = Position(self.revision, self.statuses), cursor
        moved = tuple(each for each in found if each.only_moved)
        items: list[StatusChange | Advance] = [each for each in found if not each.only_moved]
        items += [Advance(moved, before)] if moved else []
        after = Position(self.revision, cursor)
        last = len(items)
        return [
            Event(item, after if i == last else before) for i, item in enumerate(items, start=1)
        ]


def _complete(entries: Sequence[LogEntry], i: int, finished: bool) -> int:
    """The newest revision of which nothing is missing once entry ``i`` was sent: a watcher that
    leaves in the middle of a revision gets all of it again."""
    is_last = finished if i + 1 == len(entries) else entries[i + 1].revision > entries[i].revision
    return entries[i].revision if is_last else entries[i].revision - 1


@dataclass(slots=True, eq=False)
class Watcher:
    """The bounded queue between the feed and one response. Belongs to the event loop."""

    closed: bool = False
    """Too slow, or the feed has ended: nothing comes any more."""
    _queue: asyncio.Queue[Event | None] = field(
        default_factory=lambda: asyncio.Queue(QUEUE_LENGTH + 1)
    )

    async def next(self, seconds: float) -> Event | None:
        """None when nothing came in time or the watcher was closed."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._queue.get(), seconds)
        return None

    def offer(self, event: Event) -> None:
        if self.closed:
            return
        if self._queue.qsize() >= QUEUE_LENGTH:
            self.close()
        else:
            self._queue.put_nowait(event)

    def close(self) -> None:
        self.closed = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)


@dataclass(slots=True, eq=False)
class Bell:
    """Rings when anything happens, for whoever only wants to know when to look again."""

    closed: bool = False
    """The feed has ended: it will not ring any more."""
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, seconds: float) -> None:
        """Until something happened since the last call, and no longer than that."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
        self._rung.clear()

    def offer(self, _event: Event) -> None:
        self._rung.set()

    def close(self) -> None:
        self.closed = True
        self._rung.set()


class _Reader(threading.Thread):
    """Reads from the end of the log onwards until it is told to stop."""

    def __init__(
        self, db: Database, publish: Callable[[list[Event]], None], ready: Callable[[], None]
    ) -> None:
        super().__init__(name="watch-feed", daemon=True)
        self._db = db
        self._publish = publish
        self._ready = ready
        self._stopped = threading.Event()
        self._listener: IntentListener | None = None

    def stop(self) -> None:
        self._stopped.set()

    def nudge(self) -> None:
        if (listener := self._listener) is not None:
            listener.interrupt()

    def run(self) -> None:
        cursor: Cursor | None = None
        while not self._stopped.is_set():
            try:
                with closing(IntentListener(self._db)) as listener:
                    cursor = cursor or end_of_log(self._db)
                    self._listener = listener
                    self._ready()
                    self._follow(listener, cursor)
            except UnavailableError as error:
                _log.warning("watch feed cannot read", reason=error.detail)
                self._stopped.wait(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - it is logged
                # Without this thread every stream would go quiet and none would end.
                _log.exception("Fault in the watch feed")
                self._stopped.wait(_RETRY_SECONDS)

    def _follow(self, listener: IntentListener, cursor: Cursor) -> None:
        while not self._stopped.is_set():
            while events := cursor.read_changes():
                self._publish(events)
            self._publish(cursor.read_statuses())
            self._stopped.wait(_STATUS_PAUSE_SECONDS)
            listener.wait(_STATUS_INTERVAL_SECONDS)


def end_of_log(db: Database) -> Cursor:
    statuses = status.cursor_now(db)
    return Cursor(db, changes.head(db), statuses)


@dataclass(slots=True)
class Feed:
    """Belongs to the event loop."""

    db: Database
    _watchers: set[Watcher | Bell] = field(default_factory=set)
    _reader: _Reader | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Watcher]:
        """Inside the block, nothing that commits is missed. UnavailableError without database."""
        async with self._attached(watcher := Watcher()):
            yield watcher

    @asynccontextmanager
    async def bell(self) -> AsyncIterator[Bell]:
        """As ``watch``, without the events themselves."""
        async with self._attached(bell := Bell()):
            yield bell

    @asynccontextmanager
    async def _attached(self, watcher: Watcher | Bell) -> AsyncIterator[None]:
        self._watchers.add(watcher)
        try:
            if self._ended:
                watcher.close()
            else:
                await self._started()
            yield
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                self._stop()

    @property
    def ended(self) -> bool:
        """The server shuts down."""
        return self._ended

    def nudge(self) -> None:
        """Says that a status was written: those who watch get it at once."""
        if self._reader is not None:
            self._reader.nudge()

    def close(self) -> None:
        """Ends every stream; a server that shuts down need not wait for them."""
        self._ended = True
        for watcher in tuple(self._watchers):
            watcher.close()
        self._stop()

    async def _started(self) -> None:
        if self._reader is None:
            self._start()
        try:
            await asyncio.wait_for(self._ready.wait(), timeout=10)
        except TimeoutError as error:
            raise UnavailableError("the change log cannot be read; try again soon") from error

    def _start(self) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        self._ready = ready

        def publish(events: list[Event]) -> None:
            if events:
                _on(loop, lambda: self._spread(reader, events))

        reader = _Reader(self.db, publish, lambda: _on(loop, ready.set))
        self._reader = reader
        reader.start()

    def _stop(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def _spread(self, reader: _Reader, events: list[Event]) -> None:
        # A reader that was replaced may still have something to say; its successor says it too.
        if reader is self._reader:
            for watcher in tuple(self._watchers):
                for event in events:
                    watcher.offer(event)


def _on(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # The loop has ended, and with it everybody who listened.
        loop.call_soon_threadsafe(call)
