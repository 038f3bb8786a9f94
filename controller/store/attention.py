"""What is not as intended, found by what hosts reported: the cost grows with that alone.

Reads only. One row is of one thing: what is on a host that nobody hears, or that has no switch, is
left out here, because the host says so for all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    case,
    cast,
    collate,
    exists,
    extract,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from controller.domain.attention import FOUGHT, Urgency
from controller.domain.intent import Kind, Lifecycle
from controller.domain.status import HOST_RESOURCE, LEFT_AS_FOUND
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.listing import Subject
from controller.store.strays import Strays, is_at_home
from controller.store.tables import (
    VERSIONED,
    BridgeRow,
    FleetRow,
    HostIfaceRow,
    HostRow,
    HostStatusRow,
    PortRow,
    ResourceFailureRow,
)

FAILING = (Kind.BRIDGE, Kind.SEGMENT, Kind.PORT, Kind.TUNNEL, Kind.MIRROR, Kind.FLOW_EXPORT)
"""Kinds that resources of hosts belong to."""
_SPREAD = frozenset({Kind.SEGMENT, Kind.FLOW_EXPORT})
"""What fails on one host may be well on others."""

_NO_HOST = cast(null(), Uuid)


class Place(NamedTuple):
    """Where something stands among all that waits for a person."""

    urgency: int
    age: int
    """Microseconds from when it began to 1970, so that the newest has the least."""
    kind: str
    project: str
    name: str


class Found(NamedTuple):
    place: Place
    kind: Kind
    subject: Subject
    host: str | None
    """The one that says the worst of it."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which things are asked for, by kind the projects to look in; None: all of them."""

    projects: Mapping[Kind, Collection[str] | None]
    """Kinds that are not there are not asked for."""
    host: UUID | None = None
    before: datetime | None = None
    """What is Pending is found when it is that old."""
    strays: Strays = ()


def count(tx: Transaction, wanted: Wanted) -> int:
    things = _things(wanted)
    if things is None:
        return 0
    return tx.execute(select(func.count()).select_from(things)).scalar_one()


class FoundPage(NamedTuple):
    items: list[Found]
    total: int


def read_page(tx: Transaction, wanted: Wanted, after: Place | None, limit: int) -> FoundPage:
    """In the order of their places, from behind ``after``; with how many there are in all."""
    things = _things(wanted)
    if things is None:
        return FoundPage([], 0)
    found = things.c
    total = select(func.count()).select_from(things).scalar_subquery()
    place = (found.urgency, found.age, *(collate(found[name], "C") for name in _NAMES))
    query = select(things, total.label("total")).order_by(*place).limit(limit)
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    rows = tx.execute(query).all()
    return FoundPage([_found(row) for row in rows], rows[0].total if rows else count(tx, wanted))


_NAMES = ("kind", "project", "name")


def _found(row: Any) -> Found:
    hosts = tuple(host for host in (row.on_one, row.on_other) if host is not None)
    return Found(
        Place(row.urgency, row.age, row.kind, row.project, row.name),
        Kind(row.kind),
        Subject(row.uid, row.revision, hosts),
        row.host,
        row.since,
    )


def _things(wanted: Wanted) -> CTE | None:
    """Each once, with the worst of it."""
    parts = [_failing(kind, wanted) for kind in FAILING if kind in wanted.projects]
    if Kind.PORT in wanted.projects:
        parts += [_refused(wanted)] + ([] if wanted.host else [_unplugged(wanted)])
    if not parts:
        return None
    each = union_all(*parts).subquery()
    age = cast(-extract("epoch", each.c.since) * 1_000_000, BigInteger)
    worst = (each.c.uid, each.c.urgency, each.c.since, each.c.resource)
    query = select(*each.c, age.label("age")).ext(distinct_on(each.c.uid)).order_by(*worst)
    return query.cte("things")


def _thing(
    kind: Kind, urgency: ColumnElement[int], host: Any, since: Any, resource: Any
) -> Select[Any]:
    row = VERSIONED[kind]
    one, other, *_ = (*objects.host_columns(kind), _NO_HOST, _NO_HOST)
    return select(
        literal(kind.value).label("kind"),
        row.uid.label("uid"),
        row.project.label("project"),
        row.name.label("name"),
        row.valid_from.label("revision"),
        one.label("on_one"),
        other.label("on_other"),
        urgency.label("urgency"),
        host.label("host"),
        since.label("since"),
        resource.label("resource"),
    ).where(objects.current(kind), objects.once(kind))


def _failing(kind: Kind, wanted: Wanted) -> Select[Any]:
    failure, row = ResourceFailureRow, VERSIONED[kind]
    query = (
        _thing(kind, _urgency(kind), HostRow.name, failure.since, failure.resource)
        .select_from(failure)
        .join(row, row.uid == failure.object_uid)
        .join(HostRow, and_(HostRow.uid == failure.host_uid, HostRow.valid_to.is_(None)))
        .join(HostStatusRow, HostStatusRow.host_uid == failure.host_uid)
        .where(
            HostStatusRow.connected,
            ~HostStatusRow.silent,
            ~_stopped(failure.host_uid),
            is_at_home(kind, wanted.strays),
        )
    )
    return query.where(*_asked(kind, wanted, failure.host_uid))


def _stopped(host: Any) -> ColumnElement[bool]:
    """Whether the host says that nothing is there as intended."""
    whole = aliased(ResourceFailureRow)
    return exists().where(whole.host_uid == host, whole.resource == HOST_RESOURCE)


def _urgency(kind: Kind) -> ColumnElement[int]:
    reason, left = ResourceFailureRow.reason, LEFT_AS_FOUND[1:]
    failed: ColumnElement[int] = literal(int(Urgency.FAILED))
    degraded = literal(int(Urgency.DEGRADED))
    if kind in _SPREAD:
        failed = degraded
    elif kind is Kind.BRIDGE:
        failed = case((BridgeRow.host_uid.is_(None), degraded), else_=failed)
    fought = (reason == FOUGHT, literal(int(Urgency.DRIFT_FOUGHT)))
    return case(fought, (reason.in_(left), degraded), else_=failed)


def _refused(wanted: Wanted) -> Select[Any]:
    """Ports whose guests are plugged where they may not be."""
    port, iface = PortRow, HostIfaceRow
    nowhere = port.host_uid.is_(None)
    urgency = case((nowhere, int(Urgency.FAILED)), else_=int(Urgency.DEGRADED))
    query = (
        _thing(Kind.PORT, urgency, HostRow.name, port.updated_at, literal(""))
        .select_from(iface)
        .join(port, port.iface_id == iface.iface_id)
        .join(HostRow, and_(HostRow.uid == iface.host_uid, HostRow.valid_to.is_(None)))
        .where(iface.refusal.is_not(None))
    )
    return query.where(*_asked(Kind.PORT, wanted, iface.host_uid))


def _unplugged(wanted: Wanted) -> Select[Any]:
    """Ports that wait for a guest; those that were refused somewhere are found as such."""
    port = PortRow
    pending, nothing = literal(int(Urgency.PENDING)), cast(null(), Text)
    query = _thing(Kind.PORT, pending, nothing, port.updated_at, literal("")).where(
        port.host_uid.is_(None), port.iface_id.is_not(None)
    )
    if wanted.before is not None:
        query = query.where(port.updated_at < wanted.before)
    return query.where(*_asked(Kind.PORT, wanted, None))


def _asked(kind: Kind, wanted: Wanted, host: Any) -> Iterator[ColumnElement[bool]]:
    projects = wanted.projects[kind]
    if projects is not None:
        yield VERSIONED[kind].project == func.any(list(projects))
    if wanted.host is not None:
        yield host == wanted.host


# --- hosts ---------------------------------------------------------------------------------------


class HostFound(NamedTuple):
    """A host that may need somebody."""

    subject: Subject
    project: str
    name: str
    state: Lifecycle
    created_at: datetime
    updated_at: datetime
    applied_revision: int
    ails_itself: bool
    """Whether it reports something that is no object's that is intended there."""


class Waiting(NamedTuple):
    """What a host that does its work has not done for too long."""

    objects: int
    revision: int
    since: datetime


def troubled_hosts(tx: Transaction, wanted: Wanted, also: Collection[UUID]) -> list[HostFound]:
    """Those that are maybe not as intended, and ``also`` these, of what is asked for."""
    row, status = HostRow, HostStatusRow
    own = _ails_itself(wanted.strays)
    is_well = and_(
        status.connected,
        ~status.silent,
        status.outcome.is_not(None),
        status.outcome != "held",
        status.applied_revision >= row.valid_from,
        status.pinned_revision.is_(None),
    )
    query = (
        select(
            row.uid,
            row.valid_from,
            row.project,
            row.name,
            row.state,
            row.created_at,
            row.updated_at,
            func.coalesce(status.applied_revision, 0),
            own,
        )
        .outerjoin(status, status.host_uid == row.uid)
        .where(
            row.valid_to.is_(None),
            or_(
                is_well.is_not(True),
                row.state != Lifecycle.ACTIVE,
                own,
                row.uid == func.any(list(also)),
            ),
        )
        .order_by(row.name)
    )
    query = query.where(*_asked(Kind.HOST, wanted, row.uid))
    return [_host_found(*found) for found in tx.execute(query)]


def _host_found(uid: UUID, revision: int, *more: Any) -> HostFound:
    return HostFound(Subject(uid, revision), *more)


def _ails_itself(strays: Strays) -> ColumnElement[bool]:
    failure = ResourceFailureRow
    intended = (
        exists().where(
            VERSIONED[kind].uid == failure.object_uid,
            objects.current(kind),
            is_at_home(kind, strays),
        )
        for kind in FAILING
    )
    of_none = or_(failure.object_uid.is_(None), ~or_(*intended))
    return HostRow.uid.in_(select(failure.host_uid).where(of_none))


def waited_for(
    tx: Transaction, before: datetime, projects: Mapping[Kind, Collection[str] | None]
) -> dict[UUID, Waiting]:
    """By host, what it has not applied and was written before that time, of kinds and projects."""
    behind = (
        select(HostStatusRow.host_uid, HostStatusRow.applied_revision)
        .where(HostStatusRow.applied_revision < select(FleetRow.revision).scalar_subquery())
        .subquery()
    )
    parts = []
    for kind, within in projects.items():
        for column in objects.host_columns(kind)[: 1 if kind is Kind.PORT else 2]:
            row = VERSIONED[kind]
            part = (
                select(behind.c.host_uid, row.valid_from, row.updated_at)
                .join(row, column == behind.c.host_uid)
                .where(
                    objects.current(kind),
                    row.valid_from > behind.c.applied_revision,
                    row.updated_at < before,
                )
            )
            if within is not None:
                part = part.where(row.project == func.any(list(within)))
            parts.append(part)
    if not parts:
        return {}
    late = union_all(*parts).subquery()
    query = select(
        late.c.host_uid,
        func.count(),
        func.max(late.c.valid_from),
        func.min(late.c.updated_at),
    ).group_by(late.c.host_uid)
    return {host: Waiting(*rest) for host, *rest in tx.execute(query)}
