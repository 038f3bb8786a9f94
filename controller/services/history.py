"""What became of one object, and what was changed in the fleet: newest first.

Owns nothing. Every function reads in one snapshot, with a number of queries that does not grow with
the answer. Must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controller.auth import Principal, sees
from controller.domain.errors import NotFoundError
from controller.domain.intent import Kind, Object
from controller.domain.paging import decode_place, encode_place, number
from controller.services.queries import find, is_uid
from controller.store import history as rows
from controller.store.engine import Database, Transaction
from controller.store.history import Act, Entry, Version, Wanted

__all__ = ["Change", "ChangePage", "HistoryPage", "Step", "Wanted", "list_changes", "read_history"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to an object."""

    revision: int
    at: datetime
    principal: str
    """Empty where that is not known."""
    request_id: str
    action: str
    """``created``, ``updated`` or ``deleted``."""
    object: Object
    """As the step left it; of a deleted one, as it was."""
    before: Object | None
    """What it replaced; None where there was nothing, or where nothing changed but its end."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    items: tuple[Step, ...]
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""


@dataclass(frozen=True, slots=True)
class Change:
    revision: int
    at: datetime | None
    """None, and no principal, where that is not known."""
    principal: str
    request_id: str
    kind: Kind
    project: str
    name: str
    uid: UUID
    action: str


@dataclass(frozen=True, slots=True)
class ChangePage:
    items: tuple[Change, ...]
    next_after: str


def read_history(
    db: Database,
    principal: Principal,
    kind: Kind,
    project: str,
    ref: str,
    *,
    page_size: int,
    after: str = "",
) -> HistoryPage:
    """Of an object by name or uid, also of one that is deleted; by name, of the one that is there,
    else of the last that was. NotFoundError when there never was one within reach."""
    place = decode_place(after, number)
    before = None if place is None else int(place[0])
    with db.snapshot() as tx:
        uid = _uid(tx, principal, kind, project, ref)
        # The last of a page is compared with the first of the next.
        versions = rows.versions_before(tx, kind, uid, before, page_size + 1) if uid else []
        if not versions or not _may_see(principal, kind, versions):
            raise NotFoundError(f"there is and was no {kind} {ref!r} in project {project!r}")
        steps = _steps(versions, before)
        shown = steps[:page_size]
        acts = rows.acts_of(tx, {revision for revision, *_ in shown})
    return HistoryPage(
        items=tuple(_step(each, acts.get(each[0])) for each in shown),
        next_after=str(shown[-1][0]) if len(steps) > page_size else "",
    )


def _uid(tx: Transaction, principal: Principal, kind: Kind, project: str, ref: str) -> UUID | None:
    if is_uid(ref):
        return UUID(ref)
    try:
        return find(tx, principal, kind, project, ref).object.uid
    except NotFoundError:
        return rows.deleted_named(tx, kind, project, ref)


def _may_see(principal: Principal, kind: Kind, versions: Sequence[Version]) -> bool:
    """An object never gets into another project."""
    return all(sees(principal, kind, each.object.project) for each in versions[:1])


def _steps(
    versions: Sequence[Version], before: int | None
) -> list[tuple[int, str, Object, Object | None]]:
    steps: list[tuple[int, str, Object, Object | None]] = []
    for index, (found, ended) in enumerate(versions):
        replaced = versions[index + 1].object if index + 1 < len(versions) else None
        is_end = index == 0 and ended is not None and (before is None or ended < before)
        if is_end and ended is not None:
            steps.append((ended, "deleted", found, None))
        action = "created" if replaced is None else "updated"
        steps.append((found.revision, action, found, replaced))
    return steps


def _step(step: tuple[int, str, Object, Object | None], act: Act | None) -> Step:
    revision, action, found, before = step
    at = found.updated_at if act is None else act.at
    principal, request_id = ("", "") if act is None else (act.principal, act.request_id)
    return Step(revision, at, principal, request_id, action, found, before)


def list_changes(
    db: Database, principal: Principal, wanted: Wanted, *, page_size: int, after: str = ""
) -> ChangePage:
    """What was changed in the fleet, as far as the principal may see it."""
    with db.snapshot() as tx:
        found = rows.read_changes(
            tx, wanted, principal.projects, before=_place(after), limit=page_size + 1
        )
        shown = found[:page_size]
        acts = rows.acts_of(tx, {entry.revision for entry in shown})
    return ChangePage(
        items=tuple(_change(entry, acts.get(entry.revision)) for entry in shown),
        next_after=encode_place(shown[-1].revision, shown[-1].seq)
        if len(found) > page_size
        else "",
    )


def _change(entry: Entry, act: Act | None) -> Change:
    return Change(
        revision=entry.revision,
        at=act.at if act else None,
        principal=act.principal if act else "",
        request_id=act.request_id if act else "",
        kind=entry.kind,
        project=entry.project,
        name=entry.name,
        uid=entry.uid,
        action=entry.action,
    )


def _place(after: str) -> tuple[int, int] | None:
    found = decode_place(after, number, number)
    return None if found is None else (found[0], found[1])
