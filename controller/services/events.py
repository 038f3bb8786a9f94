"""What happened, as one story for people: newest first, as far as a principal may know of it.

Reads ``event``, and forgets what is old; rows are written by whoever does what they tell of, in
the same transaction. Must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controller.auth import Principal
from controller.domain.events import OF_INTENT, EventType, Severity
from controller.domain.intent import Kind
from controller.domain.paging import decode_place, encode_place, moment, number
from controller.services.queries import inspects
from controller.store import events as rows
from controller.store.engine import Database
from controller.store.events import Stored, Wanted

__all__ = ["Event", "EventPage", "Wanted", "forget", "list_events"]

KEPT_OF_A_HOST = 10_000
"""A host that goes back and forth for days fills no disk."""


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    at: datetime
    type: EventType
    severity: Severity
    kind: Kind | None
    project: str | None
    name: str | None
    host: str | None
    reason: str
    message: str
    principal: str | None
    revision: int | None
    count: int


@dataclass(frozen=True, slots=True)
class EventPage:
    items: tuple[Event, ...]
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""


def list_events(
    db: Database, principal: Principal, wanted: Wanted, *, page_size: int, after: str = ""
) -> EventPage:
    sees_all = inspects(principal)
    within = None if sees_all else principal.projects or frozenset()
    before = _place(after)
    with db.snapshot() as tx:
        stored = rows.read_page(tx, wanted, within, before=before, limit=page_size + 1)
    shown = stored[:page_size]
    return EventPage(
        items=tuple(_event(each, whole=sees_all) for each in shown),
        next_after=encode_place(shown[-1].at, shown[-1].id) if len(stored) > page_size else "",
    )


def _place(after: str) -> tuple[datetime, int] | None:
    found = decode_place(after, moment, number)
    return None if found is None else (found[0], found[1])


def _event(stored: Stored, *, whole: bool) -> Event:
    detail = f": {stored.detail}" if whole and stored.detail else ""
    is_part = stored.type in OF_INTENT and stored.times > len(stored.names)
    return Event(
        id=stored.id,
        at=stored.at,
        type=stored.type,
        severity=stored.severity,
        kind=stored.kind,
        project=stored.project,
        name=None if is_part else _only(stored.names),
        host=None if is_part else _only(stored.hosts),
        reason=stored.reason,
        message=stored.message + detail,
        principal=stored.principal,
        revision=stored.revision,
        count=stored.times,
    )


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def forget(db: Database, *, before: datetime) -> int:
    """Drops what is older, and of each host all but the newest; answers how many."""
    with db.transaction() as tx:
        return rows.forget(tx, before=before, keep=KEPT_OF_A_HOST)
