"""What people read: intended objects with their derived statuses.

Owns nothing. Every function runs in one read-only snapshot with a number of queries that does not
grow with the answer. Must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controller.auth import PROJECT_KINDS, Principal, reaches
from controller.domain.errors import NotFoundError
from controller.domain.intent import DEFAULT_PROJECT, Kind, Object, Ref
from controller.domain.status import Phase, Status
from controller.services.statuses import derive
from controller.store.engine import Database, Transaction
from controller.store.fleet import read_fleet
from controller.store.listing import (
    Listed,
    read_failures,
    read_named,
    read_page,
    read_refs,
    read_subjects,
    read_uid,
)


@dataclass(frozen=True, slots=True)
class View:
    object: Object
    status: Status


@dataclass(frozen=True, slots=True)
class Page:
    items: tuple[View, ...]
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""
    revision: int
    """Fleet revision of the snapshot that the page was read from."""


@dataclass(frozen=True, slots=True)
class Fleet:
    uid: UUID
    epoch: int
    revision: int


@dataclass(frozen=True, slots=True)
class ResourceFailure:
    """A resource of a host that is not as intended."""

    resource: str
    """Resource id as in ``ovsfleet/v1/state.proto``, or ``host``."""
    kind: str
    reason: str
    message: str
    since: datetime
    object: Ref | None
    """The intended object it belongs to; None when there is none (any more)."""


def get(db: Database, principal: Principal, kind: Kind, project: str, ref: str) -> View:
    """One object by name or uid; NotFoundError when there is none within reach."""
    with db.snapshot() as tx:
        listed = find(tx, principal, kind, project, ref)
        return _views(tx, kind, [listed])[0]


def find(tx: Transaction, principal: Principal, kind: Kind, project: str, ref: str) -> Listed:
    """The object as it is in this transaction. A name can never be read as a uid."""
    uid = _as_uid(ref)
    if uid is not None:
        found = read_uid(tx, kind, uid, _scope(principal, kind, None))
    elif kind not in PROJECT_KINDS or reaches(principal, project):
        found = read_named(tx, kind, project, ref)
    else:
        found = None
    if found is None:
        raise NotFoundError(f"there is no {kind} {ref!r} in project {project!r}")
    return found


def list_views(
    db: Database,
    principal: Principal,
    kind: Kind,
    project: str | None,
    *,
    page_size: int,
    after: str = "",
    labels: Mapping[str, str] | None = None,
) -> Page:
    """A page ordered by (project, name). ``labels`` must all be there with these values."""
    with db.snapshot() as tx:
        listed = read_page(
            tx,
            kind,
            _scope(principal, kind, project),
            limit=page_size + 1,
            after=_decode(after),
            labels=labels or {},
        )
        shown = listed[:page_size]
        return Page(
            items=tuple(_views(tx, kind, shown)),
            next_after=_encode(shown[-1].object) if len(listed) > page_size else "",
            revision=read_fleet(tx).revision,
        )


def fleet(db: Database) -> Fleet:
    with db.snapshot() as tx:
        return Fleet(*read_fleet(tx))


def summary(db: Database, principal: Principal) -> dict[Kind, dict[Phase, int]]:
    """How many objects of each kind are in each phase."""
    with db.snapshot() as tx:
        return {kind: _count(tx, principal, kind) for kind in Kind}


def failures(db: Database, principal: Principal, host_ref: str) -> tuple[ResourceFailure, ...]:
    """Everything on the host (by name or uid) that is not as intended, oldest first."""
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref)
        rows = read_failures(tx, host.object.uid)
        refs = _visible_refs(tx, principal, {row.object_uid for row in rows if row.object_uid})
    return tuple(
        ResourceFailure(
            resource=row.resource,
            kind=row.kind,
            reason=row.reason,
            message=row.message,
            since=row.since,
            object=refs.get(row.object_uid) if row.object_uid else None,
        )
        for row in rows
    )


def _visible_refs(tx: Transaction, principal: Principal, uids: Collection[UUID]) -> dict[UUID, Ref]:
    refs = read_refs(tx, uids)
    return {
        uid: ref
        for uid, ref in refs.items()
        if ref.kind not in PROJECT_KINDS or reaches(principal, ref.project)
    }


def _views(tx: Transaction, kind: Kind, listed: Sequence[Listed]) -> list[View]:
    statuses = derive(tx, kind, [each.subject for each in listed])
    return [View(each.object, statuses[each.object.uid]) for each in listed]


def _count(tx: Transaction, principal: Principal, kind: Kind) -> dict[Phase, int]:
    statuses = derive(tx, kind, read_subjects(tx, kind, _scope(principal, kind, None)))
    counts = Counter(status.phase for status in statuses.values())
    return {phase: counts[phase] for phase in Phase}


def _scope(principal: Principal, kind: Kind, project: str | None) -> frozenset[str] | None:
    """The projects to look in; None is all. Hosts and bridges are everybody's to see."""
    within = None if kind not in PROJECT_KINDS else principal.projects
    if project is None:
        return within
    return frozenset({project}) if within is None or project in within else frozenset()


def _as_uid(ref: str) -> UUID | None:
    try:
        return UUID(ref)
    except ValueError:
        return None


def _encode(last: Object) -> str:
    return f"{last.project}/{last.name}"


def _decode(after: str) -> tuple[str, str] | None:
    """Neither a project nor a name has a slash in it."""
    project, slash, name = after.partition("/")
    return (project, name) if slash else None
