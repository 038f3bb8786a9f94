"""Reads current objects for people: one by name or uid, a page, or the bare facts of all.

``projects`` limits what is visible; None is everything. Kinds that are shared by all projects are
read without it.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, Select, false, func, literal, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from controller.domain.filtering import Filter
from controller.domain.intent import Kind, Object, Ref
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.filtering import condition
from controller.store.host_groups import listed_on
from controller.store.tables import VERSIONED, ResourceFailureRow


class OrderBy(enum.StrEnum):
    NAME = "name"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    REVISION = "revision"


class Order(NamedTuple):
    """Whatever it goes by, project and name come behind it, so that no two have one place."""

    by: OrderBy
    is_descending: bool = False


BY_NAME = Order(OrderBy.NAME)


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
    after: Sequence[object] | None,
    labels: Mapping[str, str],
    hosts: Collection[UUID] | None = None,
    revision: int | None = None,
    name: str | None = None,
    asked: Filter | None = None,
    order: Order = BY_NAME,
) -> list[Listed]:
    """In an order, from behind ``after``: what it goes by, of the last one before. ``hosts`` limits
    to what is on them, ``revision`` asks for what was current then, ``name`` for that one in each
    project. ``asked`` leaves out what the database knows not to be meant."""
    row = VERSIONED[kind]
    columns = [*_first_columns(kind, order), row.project, row.name]
    query = _visible(kind, projects, revision).limit(limit)
    query = query.order_by(*(c.desc() if order.is_descending else c for c in columns))
    if after is not None:
        place, last = tuple_(*columns), tuple_(*after)
        query = query.where(place < last if order.is_descending else place > last)
    if asked is not None and (known := condition(kind, asked)) is not None:
        query = query.where(known)
    if name is not None:
        query = query.where(row.name == name if objects.can_be_stored(name) else false())
    if hosts is not None:
        is_bridge = kind is Kind.BRIDGE
        there = listed_on(tx, hosts, revision) if is_bridge else objects.on_hosts(kind, hosts)
        query = query.where(there)
    if labels:
        query = query.where(row.labels.contains(dict(labels)))
    return read_listed(tx, kind, query)


def _first_columns(kind: Kind, order: Order) -> list[InstrumentedAttribute[Any]]:
    """What goes before project and name."""
    row = VERSIONED[kind]
    match order.by:
        case OrderBy.NAME:
            return []
        case OrderBy.CREATED_AT:
            return [row.created_at]
        case OrderBy.UPDATED_AT:
            return [row.updated_at]
        case OrderBy.REVISION:
            return [row.valid_from]


def read_listed(tx: Transaction, kind: Kind, query: Select[Any]) -> list[Listed]:
    """Run a query made with ``objects.versions``."""
    return [_listed(kind, found) for found in tx.execute(query).mappings()]


def read_subjects(tx: Transaction, kind: Kind, projects: Collection[str] | None) -> list[Subject]:
    row = VERSIONED[kind]
    hosts = objects.host_columns(kind)
    query = select(row.uid, row.valid_from, *hosts)
    query = query.where(objects.current(kind), objects.once(kind))
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
    query = objects.versions(kind).where(is_then, objects.once(kind))
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
            row.uid == func.any(list(uids)), objects.current(kind), objects.once(kind)
        )
        for kind, row in VERSIONED.items()
    )
    found = tx.execute(union_all(*parts))
    return {uid: Ref(Kind(kind), project, name) for kind, uid, project, name in found}
