"""The only way to change intent: one request is one transaction and one fleet revision.

Owns the order of revisions: ``fleet.revision`` is locked from the first read to the commit, so the
rules are checked against exactly what the change is written on top of. Must not talk to hosts.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from controller.auth import Principal, Verb, may, reaches
from controller.domain.errors import ForbiddenError, NotFoundError
from controller.domain.intent import Manifest, Ref, Removal
from controller.domain.validation import Planned, World, named, plan_change, wanted
from controller.services.queries import View, read
from controller.store import held
from controller.store.audit import write_audit
from controller.store.engine import Database, Transaction
from controller.store.fleet import advance_revision, lock_revision
from controller.store.notify import notify_intent
from controller.store.objects import fetch_refs
from controller.store.versions import write
from controller.store.world import load_world
from controller.store.writing import Writing


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
    _authorise(principal, change)
    with db.transaction() as tx:
        return _commit(tx, principal, change, request_id, dry_run=dry_run)


def commit_one(db: Database, principal: Principal, manifest: Manifest, *, request_id: str) -> View:
    """Commits one object, and answers it as this change has left it: the next writer waits."""
    change = Change((manifest,))
    _authorise(principal, change)
    with db.transaction() as tx:
        _commit(tx, principal, change, request_id)
        return read(tx, principal, manifest.ref)


def _commit(
    tx: Transaction, principal: Principal, change: Change, request_id: str, *, dry_run: bool = False
) -> ChangeResult:
    head = lock_revision(tx)
    with tx.begin_nested() as attempt:
        held.collect(tx)
        result = _carry_out(tx, principal, change, head)
        _audit(tx, principal, request_id, result, changed=result.revision != head)
        if dry_run:
            attempt.rollback()
    return result


def _authorise(principal: Principal, change: Change) -> None:
    for ref in named(change.manifests, change.removals):
        if not reaches(principal, ref.project) and not may(
            principal, Verb.READ, ref.kind, ref.project
        ):
            raise NotFoundError(f"there is no project {ref.project!r} within your reach")
        if not may(principal, Verb.WRITE, ref.kind, ref.project):
            raise ForbiddenError(
                f"{principal.name!r} may not change a {ref.kind} in project {ref.project!r};"
                " ask a network-admin for the role that may"
            )


def _carry_out(tx: Transaction, principal: Principal, change: Change, head: int) -> ChangeResult:
    current = {o.ref: o for o in fetch_refs(tx, named(change.manifests, change.removals))}
    world = load_world(tx, wanted(change.manifests, change.removals, current))
    world = replace(world, within=principal.projects)
    planned = plan_change(world, change.manifests, change.removals)
    uids = _uids(world, planned)
    revision = head
    if not planned.is_empty:
        revision = head + 1
        write(tx, Writing(planned, revision, datetime.now(UTC), uids))
        advance_revision(tx, revision)
        notify_intent(tx)
    done = {r.ref: r for r in _results(planned, uids, revision)}
    asked = [m.ref for m in change.manifests] + [r.ref for r in change.removals]
    return ChangeResult(revision, tuple(done[ref] for ref in asked))


def _uids(world: World, planned: Planned) -> dict[Ref, UUID]:
    known = {ref: found.uid for ref, found in world.objects.items()}
    return known | {draft.ref: uuid4() for draft in planned.creates}


def _results(planned: Planned, uids: dict[Ref, UUID], revision: int) -> Iterator[ObjectResult]:
    for draft in planned.creates:
        yield ObjectResult(draft.ref, uids[draft.ref], Action.CREATED, revision)
    for draft in planned.updates:
        yield ObjectResult(draft.ref, uids[draft.ref], Action.UPDATED, revision)
    for gone in planned.deletes:
        yield ObjectResult(gone.ref, gone.uid, Action.DELETED, revision)
    for same in planned.unchanged:
        yield ObjectResult(same.ref, same.uid, Action.UNCHANGED, same.revision)
    for missing in planned.missing:
        yield ObjectResult(missing, None, Action.UNCHANGED, 0)


def _audit(
    tx: Transaction, principal: Principal, request_id: str, result: ChangeResult, *, changed: bool
) -> None:
    counts = Counter(entry.action.value for entry in result.results)
    write_audit(
        tx,
        principal=principal.name,
        request_id=request_id,
        action="intent.commit",
        revision=result.revision if changed else None,
        detail=dict(counts),
    )
