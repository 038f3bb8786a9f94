"""The change log: what changed, in commit order, and which hosts that concerns.

Owns the connection of each ``IntentListener``. A wake-up is a hint: correctness comes from reading
the log past one's cursor.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from controller.domain.intent import Kind
from controller.store.engine import Database


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
    raise NotImplementedError


def since(
    db: Database, revision: int, limit: int = 1000, *, seq: int | None = None
) -> tuple[LogEntry, ...]:
    """Entries after ``revision``, oldest first; with ``seq``, after that entry of ``revision``.

    One revision can have more entries than ``limit``: resume with the last entry's revision and seq.
    """
    raise NotImplementedError


def dirty_hosts(db: Database, after: int, upto: int) -> frozenset[UUID]:
    """Hosts whose desired state may differ between two revisions; may name deleted hosts."""
    raise NotImplementedError


class IntentListener:
    """Waits for intent to change, on a database connection of its own. One waiting thread."""

    def __init__(self, db: Database) -> None:
        raise NotImplementedError

    def wait(self, timeout: float) -> bool:
        """True when intent may have changed since the last call, False at the time-out.

        Never raises for a lost connection: it connects again, and then says True once, because a
        wake-up may have been missed."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends a wait in another thread at once; the listener cannot be used afterwards."""
        raise NotImplementedError
