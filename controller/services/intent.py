"""The only way to change intent: one request is one transaction and one fleet revision.

Owns the order of revisions: ``fleet.revision`` is locked from the first read to the commit, so the
rules are checked against exactly what the change is written on top of. Must not talk to hosts.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from uuid import UUID

from controller.auth import Principal
from controller.domain.intent import Manifest, Ref, Removal
from controller.store.engine import Database


class Action(enum.StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """What one request asks for; order does not matter."""

    manifests: tuple[Manifest, ...] = ()
    removals: tuple[Removal, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectResult:
    ref: Ref
    uid: UUID | None
    """None for a removal that found nothing, and was allowed to."""
    action: Action
    revision: int
    """Of the object: the new one when it changed, else the one it has."""


@dataclass(frozen=True, slots=True)
class ChangeResult:
    revision: int
    """The fleet revision after the change; the same as before when nothing changed."""
    results: tuple[ObjectResult, ...]
    """In the order of the request: manifests first, then removals."""


def commit(
    db: Database, principal: Principal, change: Change, *, request_id: str, dry_run: bool = False
) -> ChangeResult:
    """Validates the change against what it would be written on top of, and writes all of it or
    nothing. Raises every violation at once. ``dry_run`` answers the same and writes nothing."""
    raise NotImplementedError
