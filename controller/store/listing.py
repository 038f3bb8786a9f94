"""Reads current objects for people: one by name or uid, a page, or the bare facts of all.

``projects`` limits what is visible; None is everything. Kinds that are shared by all projects are
read without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, Select, false, func, literal, select, tuple_, union_all

from controller.domain.intent import Kind, Object, Ref
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import VERSIONED, ResourceFailureRow


class Subject(NamedTuple):
    """What deriving an object's status takes of the object itself."""

    uid: UUID
    revision: int
    hosts: tuple[UUID, ...] = ()
    """Those that a bridge, port or tunnel is on."""


class Listed(NamedTuple):
    object: Object
    subject: Subject


def read_named(tx: Transaction, kind: Kind, project: str, name: str) -> Listed | None:
    if not (objects.can_be_stored(project) and objects.can_be_stored(name)):
        return None
    row = VERSIONED[kind]
    return _one(tx, kind, _visible(kind, None).where(row.project == project, row.name == name))


def read_uid(
    tx: Transaction, kind: Kind, uid: UUID, projects: Collection[str] | None
) -> Listed | None:
    return _one(tx, kind, _visible(kind, projects).where(VERSIONED[kind].uid == uid))


def read_page(
    tx: Transaction,
    kind: Kind,
    projects: Collection[str] | None,
    *,
    limit: int,
    after: tuple[str, str] | None,
    labels: Mapping[str, str],
    hosts: Collection[UUID] | None = None,
    revision: int | None = None,
    name: str | None = None,
) -> list[Listed]:
    """Ordered by (project, name), from behind ``after``. ``hosts`` limits to what is on them,
    ``revision`` asks for what was current then, ``name`` for that one in each project."""
    row = VERSIONED[kind]
    query = _visible(kind, projects, revision).order_by(row.project, row.name).limit(limit)
    if name is not None:
        query = query.where(row.name == name if objects.can_be_stored(name) else false())
    if after is not None:
        query = query.where(tuple_(row.project, row.name) > after)
    if hosts is not None:
        query = query.where(objects.on_hosts(kind, hosts))
    if labels:
        query = query.where(row.labels.contains(dict(labels)))
    return read_listed(tx, kind, query)


def read_listed(tx: Transaction, kind: Kind, query: Select[Any]) -> list[Listed]:
    """Run a query made with ``objects.versions``."""
    return [_listed(kind, found) for found in tx.execute(query).mappings()]


def read_subjects(tx: Transaction, kind: Kind, projects: Collection[str] | None) -> list[Subject]:
    row = VERSIONED[kind]
    hosts = objects.host_columns(kind)
    query = select(row.uid, row.valid_from, *hosts).where(objects.current(kind))
    if projects is not None:
        query = query.where(row.project == func.any(list(projects)))
    return [
        Subject(uid, revision, tuple(host for host in on if host is not None))
        for uid, revision, *on in tx.execute(query)
    ]


def _visible(
    kind: Kind, projects: Collection[str] | None, revision: int | None = None
) -> Select[Any]:
    is_then = objects.current(kind) if revision is None else objects.valid_at(kind, revision)
    query = objects.versions(kind).where(is_then)
    if projects is None:
        return query
    return query.where(VERSIONED[kind].project == func.any(list(projects)))


def _one(tx: Transaction, kind: Kind, query: Select[Any]) -> Listed | None:
    found = tx.execute(query).mappings().one_or_none()
    return None if found is None else _listed(kind, found)


def _listed(kind: Kind, row: RowMapping) -> Listed:
    hosts = (row[column.key] for column in objects.host_columns(kind))
    on = tuple(host for host in hosts if host is not None)
    return Listed(objects.read(kind, row), Subject(row["uid"], row["valid_from"], on))


class FailureRow(NamedTuple):
    resource: str
    object_uid: UUID | None
    kind: str
    reason: str
    message: str
    since: datetime


def read_failures(tx: Transaction, host_uid: UUID) -> list[FailureRow]:
    row = ResourceFailureRow
    query = (
        select(row.resource, row.object_uid, row.kind, row.reason, row.message, row.since)
        .where(row.host_uid == host_uid)
        .order_by(row.since, row.resource)
    )
    return [FailureRow(*found) for found in tx.execute(query)]


def read_refs(tx: Transaction, uids: Collection[UUID]) -> dict[UUID, Ref]:
    """Names of current objects of any kind."""
    parts = (
        select(literal(kind.value), row.uid, row.project, row.name).where(
            row.uid == func.any(list(uids)), objects.current(kind)
        )
        for kind, row in VERSIONED.items()
    )
    found = tx.execute(union_all(*parts))
    return {uid: Ref(Kind(kind), project, name) for kind, uid, project, name in found}
