"""The change log: what changed, in commit order, and which hosts that concerns.

Owns the connection of each ``IntentListener``. A wake-up is a hint: correctness comes from reading
the log past one's cursor.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from controller.domain.intent import Kind
from controller.store import changelog
from controller.store.engine import Database
from controller.store.fleet import read_fleet
from controller.store.notify import INTENT_CHANNEL, Listener


@dataclass(frozen=True, slots=True)
class LogEntry:
    revision: int
    seq: int
    """Position within the revision, from 1."""
    kind: Kind
    uid: UUID
    project: str
    name: str
    action: str
    """``created``, ``updated`` or ``deleted``."""


def head(db: Database) -> int:
    """The newest committed fleet revision."""
    with db.snapshot() as tx:
        return read_fleet(tx).revision


def since(
    db: Database, revision: int, limit: int = 1000, *, seq: int | None = None
) -> tuple[LogEntry, ...]:
    """Entries after ``revision``, oldest first; with ``seq``, after that entry of ``revision``.

    One revision can have more entries than ``limit``: go on from the last entry's revision and
    seq.
    """
    with db.snapshot() as tx:
        return tuple(LogEntry(*row) for row in changelog.read_after(tx, revision, seq, limit))


def dirty_hosts(db: Database, after: int, upto: int) -> frozenset[UUID]:
    """Hosts whose desired state may differ between two revisions; may name deleted hosts."""
    with db.snapshot() as tx:
        return changelog.dirty_hosts(tx, after, upto)


class IntentListener:
    """Waits for intent to change, on a database connection of its own. One waiting thread."""

    def __init__(self, db: Database) -> None:
        self._listener = Listener(db, INTENT_CHANNEL)

    def wait(self, timeout: float) -> bool:
        """True when intent may have changed since the last call, False at the time-out.

        Never raises for a lost connection: it connects again, and then says True once, because a
        wake-up may have been missed."""
        return self._listener.wait(timeout)

    def interrupt(self) -> None:
        """Ends a wait in another thread at once; it answers False."""
        self._listener.interrupt()

    def close(self) -> None:
        """Ends a wait in another thread at once; the listener cannot be used afterwards."""
        self._listener.close()
