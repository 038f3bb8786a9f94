"""Reads what was: versions of objects, entries of the change log from the newest backwards, and who
made them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, tuple_

from controller.auth import FLEET_KINDS, PROJECT_KINDS
from controller.domain.intent import Kind, Object, Ref
from controller.store import objects
from controller.store.changelog import is_shown
from controller.store.engine import Transaction
from controller.store.tables import VERSIONED, AuditRow, ChangeLogRow


class Version(NamedTuple):
    object: Object
    ended: int | None
    """The revision that replaced or deleted it; None of the current one."""


class Entry(NamedTuple):
    """Of the change log."""

    revision: int
    seq: int
    kind: Kind
    uid: UUID
    project: str
    name: str
    action: str


class Act(NamedTuple):
    """Who made a revision, and when."""

    at: datetime
    principal: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes are asked for; None asks for all."""

    kind: Kind | None = None
    project: str | None = None
    name: str | None = None
    principal: str | None = None
    since: datetime | None = None
    """At this time or later; ``until`` is before it."""
    until: datetime | None = None


def versions_before(
    tx: Transaction, kind: Kind, uid: UUID, before: int | None, limit: int
) -> list[Version]:
    """Those that began before a revision, the newest first."""
    row = VERSIONED[kind]
    query = objects.versions(kind).where(row.uid == uid, objects.once(kind))
    if before is not None:
        query = query.where(row.valid_from < before)
    found = tx.execute(query.order_by(row.valid_from.desc()).limit(limit)).mappings()
    return [Version(objects.read(kind, each), each["valid_to"]) for each in found]


def deleted_named(tx: Transaction, kind: Kind, project: str, name: str) -> UUID | None:
    """The object of this name that was deleted last."""
    row = ChangeLogRow
    if not (objects.can_be_stored(project) and objects.can_be_stored(name)):
        return None
    query = (
        select(row.uid)
        .where(is_shown(), row.kind == kind, row.project == project, row.name == name)
        .where(row.action == "deleted")
        .order_by(row.revision.desc(), row.seq.desc())
        .limit(1)
    )
    return tx.execute(query).scalar_one_or_none()


def deleted_since(tx: Transaction, refs: Collection[Ref], revision: int) -> dict[Ref, int]:
    """Which of these were deleted after a revision, each with the one that did it last."""
    row = ChangeLogRow
    query = (
        select(row.kind, row.project, row.name, func.max(row.revision))
        .where(is_shown(), row.name == func.any([ref.name for ref in refs]))
        .where(row.action == "deleted", row.revision > revision)
        .group_by(row.kind, row.project, row.name)
    )
    found = {Ref(kind, project, name): last for kind, project, name, last in tx.execute(query)}
    return {ref: found[ref] for ref in refs if ref in found}


def acts_of(tx: Transaction, revisions: Iterable[int]) -> dict[int, Act]:
    """What more was noted with a revision was noted by whoever made it."""
    row = AuditRow
    query = (
        select(row.revision, row.at, row.principal, row.request_id)
        .where(row.revision == func.any(list(revisions)))
        .order_by(row.id.desc())
    )
    found = tx.execute(query).all()
    return {each.revision: Act(each.at, each.principal, each.request_id) for each in found}


def read_changes(
    tx: Transaction,
    wanted: Wanted,
    within: frozenset[str] | None,
    *,
    before: tuple[int, int] | None,
    limit: int,
) -> list[Entry]:
    """Entries before a place in the log, the newest first. ``within`` are the projects whose
    objects may be seen; None: everything."""
    row = ChangeLogRow
    query = (
        select(*(getattr(row, name) for name in Entry._fields))
        .where(is_shown(), *_conditions(tx, wanted))
        .order_by(row.revision.desc(), row.seq.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(tuple_(row.revision, row.seq) < tuple_(*before))
    if within is not None:
        query = query.where(_visible(within))
    return [Entry(*found) for found in tx.execute(query)]


def _conditions(tx: Transaction, wanted: Wanted) -> list[ColumnElement[bool]]:
    row = ChangeLogRow
    asked = {row.kind: wanted.kind, row.project: wanted.project, row.name: wanted.name}
    found = [column == value for column, value in asked.items() if value is not None]
    if wanted.principal is not None:
        found.append(row.revision.in_(_revisions_by(wanted.principal)))
    if wanted.since is not None:
        found.append(row.revision >= _first_at(tx, wanted.since))
    if wanted.until is not None:
        found.append(row.revision < _first_at(tx, wanted.until))
    return found


def _revisions_by(principal: str) -> Any:
    row = AuditRow
    return select(row.revision).where(row.principal == principal, row.revision.is_not(None))


_NEVER = 2**63 - 1


def _first_at(tx: Transaction, moment: datetime) -> int:
    """The first revision that was made then or later: they are made one after the other."""
    row = AuditRow
    query = (
        select(row.revision)
        .where(row.at >= moment, row.revision.is_not(None))
        .order_by(row.at)
        .limit(1)
    )
    found = tx.execute(query).scalar_one_or_none()
    return _NEVER if found is None else found


def _visible(projects: frozenset[str]) -> ColumnElement[bool]:
    row = ChangeLogRow
    of_projects, of_fleet = [*map(Kind, PROJECT_KINDS)], [*map(Kind, FLEET_KINDS)]
    shared = row.kind.not_in([*of_projects, *of_fleet])
    return or_(shared, row.project.in_(projects) & row.kind.in_(of_projects))
