"""Mirrors that end by themselves: copies of what people send shall not be forgotten about.

Owns nothing. A mirror is deleted as anybody would delete it: checked, logged, and audited.
"""

from __future__ import annotations

from datetime import datetime

from controller.auth import Principal, Role
from controller.domain.intent import Removal
from controller.services.intent import Change, Writer
from controller.store.engine import Database
from controller.store.fleet import lock_revision
from controller.store.monitoring import mirrors_due

_CONTROLLER = Principal("controller", frozenset({Role.NETWORK_ADMIN}))
_REQUEST_ID = "mirror-ttl"


def end_due(db: Database, *, now: datetime) -> tuple[str, ...]:
    """Deletes the mirrors whose ``ttl_s`` has passed since their last change, and names them.

    Looks before it locks, because most times there are none; what counts is what is found under
    the lock, so that a mirror that was renewed meanwhile stays, and two callers delete it once."""
    with db.snapshot() as tx:
        if not mirrors_due(tx, now):
            return ()
    with db.transaction() as tx:
        writer = Writer(tx, _CONTROLLER, _REQUEST_ID, lock_revision(tx))
        due = mirrors_due(tx, now)
        if due:
            writer.commit(Change(removals=tuple(Removal(mirror.ref) for mirror in due)))
        return tuple(mirror.name for mirror in due)
