"""What people read: intended objects with their derived statuses.

Owns nothing. Every function runs in one read-only snapshot with a number of queries that does not
grow with the answer. Must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from controller.auth import FLEET_KINDS, PROJECT_KINDS, Principal, Verb, may, sees
from controller.compiler.naming import remote_of
from controller.domain.errors import NotFoundError
from controller.domain.filtering import Filter
from controller.domain.intent import DEFAULT_PROJECT, Kind, Object, Ref
from controller.domain.paging import decode_place, encode_place, moment, number
from controller.domain.status import HOST_RESOURCE, Phase, Status
from controller.services.statuses import count_ports, derive
from controller.store.engine import Database, Transaction
from controller.store.fleet import read_fleet
from controller.store.listing import (
    BY_NAME,
    FailureRow,
    Listed,
    Order,
    OrderBy,
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
    """Resource id as in ``ovsfleet/v1/state.proto``, or ``host``. Empty, like ``message``, when it
    has no object and the principal may not see all that is on the host."""
    kind: str
    reason: str
    message: str
    since: datetime
    object: Ref | None
    """The intended object it belongs to; None when there is none (any more)."""
    remote: Ref | None
    """The host that a segment's tunnel goes to; None of all else."""


def get(db: Database, principal: Principal, kind: Kind, project: str, ref: str) -> View:
    """One object by name or uid; NotFoundError when there is none within reach."""
    with db.snapshot() as tx:
        return _view(tx, principal, find(tx, principal, kind, project, ref))


def read(tx: Transaction, principal: Principal, ref: Ref) -> View:
    """The object as it is in this transaction; NotFoundError when there is none within reach."""
    return _view(tx, principal, find(tx, principal, ref.kind, ref.project, ref.name))


def find(tx: Transaction, principal: Principal, kind: Kind, project: str, ref: str) -> Listed:
    """The object as it is in this transaction. A name can never be read as a uid."""
    uid = _as_uid(ref)
    if uid is not None:
        found = read_uid(tx, kind, uid, scope(principal, kind, None))
    elif sees(principal, kind, project):
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
    host: str | None = None,
    asked: Filter | None = None,
    order: Order = BY_NAME,
) -> Page:
    """A page. ``labels`` must all be there with these values; ``host``, by name or uid, limits
    bridges, ports and tunnels to those on it. Of ``asked`` only what the database knows is looked
    at: what is found must still be matched."""
    with db.snapshot() as tx:
        listed = read_page(
            tx,
            kind,
            scope(principal, kind, project),
            limit=page_size + 1,
            after=_decode_place(after, order),
            labels=labels or {},
            hosts=None if host is None else _hosts(tx, principal, host),
            asked=asked,
            order=order,
        )
        shown = listed[:page_size]
        return Page(
            items=tuple(_views(tx, principal, kind, shown)),
            next_after=_encode_place(shown[-1].object, order) if len(listed) > page_size else "",
            revision=read_fleet(tx).revision,
        )


def _hosts(tx: Transaction, principal: Principal, host: str) -> tuple[UUID, ...]:
    """One or none: nothing is on a host that is not there."""
    try:
        return (find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host).object.uid,)
    except NotFoundError:
        return ()


def fleet(db: Database) -> Fleet:
    with db.snapshot() as tx:
        return Fleet(*read_fleet(tx))


def summary(
    db: Database, principal: Principal, kinds: Iterable[Kind]
) -> dict[Kind, dict[Phase, int]]:
    """How many objects of each of the kinds are in each phase: a status for every object."""
    with db.snapshot() as tx:
        return {kind: count_phases(tx, principal, kind) for kind in kinds}


def phases(db: Database, principal: Principal, kind: Kind) -> dict[Phase, int]:
    """How many objects of one kind are in each phase."""
    with db.snapshot() as tx:
        return count_phases(tx, principal, kind)


def failures(db: Database, principal: Principal, host_ref: str) -> tuple[ResourceFailure, ...]:
    """Everything on the host (by name or uid) that is not as intended, oldest first."""
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref)
        rows = read_failures(tx, host.object.uid)
        uids = ({row.object_uid, remote_of(row.resource)} for row in rows)
        refs = read_refs(tx, {uid for each in uids for uid in each if uid is not None})
    found = (_failure(row, refs) for row in rows)
    if inspects(principal):
        return tuple(found)
    return tuple(_veiled(each) for each in found if _is_within_reach(principal, each.object))


def _failure(row: FailureRow, refs: Mapping[UUID, Ref]) -> ResourceFailure:
    remote = remote_of(row.resource)
    return ResourceFailure(
        resource=row.resource,
        kind=row.kind,
        reason=row.reason,
        message=row.message,
        since=row.since,
        object=refs.get(row.object_uid) if row.object_uid else None,
        remote=refs.get(remote) if remote else None,
    )


def _is_within_reach(principal: Principal, ref: Ref | None) -> bool:
    return ref is None or sees(principal, ref.kind, ref.project)


def _veiled(failure: ResourceFailure) -> ResourceFailure:
    """Nobody knows whose it was that has no object, so what it says is not for everybody."""
    if failure.object is not None or failure.resource == HOST_RESOURCE:
        return failure
    return replace(failure, resource="", message="")


def inspects(principal: Principal) -> bool:
    """Whether the principal may see all that is on a host, whosever it is."""
    return may(principal, Verb.INSPECT, Kind.HOST, DEFAULT_PROJECT)


def _view(tx: Transaction, principal: Principal, listed: Listed) -> View:
    return _views(tx, principal, listed.object.kind, [listed])[0]


def _views(
    tx: Transaction, principal: Principal, kind: Kind, listed: Sequence[Listed]
) -> list[View]:
    subjects = [each.subject for each in listed]
    statuses = derive(tx, kind, subjects, inspects=inspects(principal))
    return [View(each.object, statuses[each.object.uid]) for each in listed]


def count_phases(tx: Transaction, principal: Principal, kind: Kind) -> dict[Phase, int]:
    """As ``phases``, in this transaction."""
    projects = scope(principal, kind, None)
    if kind is Kind.PORT:
        counts = count_ports(tx, projects)
    else:
        subjects = read_subjects(tx, kind, projects)
        statuses = derive(tx, kind, subjects) if subjects else {}
        counts = Counter(status.phase for status in statuses.values())
    return {phase: counts[phase] for phase in Phase}


def scope(principal: Principal, kind: Kind, project: str | None) -> frozenset[str] | None:
    """The projects to look in; None is all. Hosts and bridges are everybody's to see."""
    if kind in FLEET_KINDS and principal.projects is not None:
        return frozenset()
    within = None if kind not in PROJECT_KINDS else principal.projects
    if project is None:
        return within
    return frozenset({project}) if within is None or project in within else frozenset()


def is_uid(ref: str) -> bool:
    return _as_uid(ref) is not None


def _as_uid(ref: str) -> UUID | None:
    try:
        return UUID(ref)
    except ValueError:
        return None


def _encode_place(last: Object, order: Order) -> str:
    """Where a page ended: what the order goes by, the project and the name."""
    name = (last.project, last.name)
    match order.by:
        case OrderBy.NAME:
            return encode_place(*name)
        case OrderBy.CREATED_AT:
            return encode_place(last.created_at, *name)
        case OrderBy.UPDATED_AT:
            return encode_place(last.updated_at, *name)
        case OrderBy.REVISION:
            return encode_place(last.revision, *name)


def _decode_place(place: str, order: Order) -> tuple[object, ...] | None:
    match order.by:
        case OrderBy.NAME:
            return decode_place(place, str, str)
        case OrderBy.REVISION:
            return decode_place(place, number, str, str)
        case _:
            return decode_place(place, moment, str, str)
