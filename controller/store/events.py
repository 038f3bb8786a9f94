"""Rows of what happened: history that is forgotten after a while, never a truth.

Owns ``event``. Rows are added in the transaction that they tell of. However fast a host goes back
and forth, it has a few rows of each type in a minute: one more counts all the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from controller.auth import FLEET_KINDS, PROJECT_KINDS
from controller.domain.events import (
    REPEATED,
    EventType,
    Happening,
    Severity,
    most_a_minute,
)
from controller.domain.intent import DEFAULT_PROJECT, Kind, Ref
from controller.store.engine import Transaction
from controller.store.listing import read_refs
from controller.store.tables import EventRow

_MINUTE = timedelta(minutes=1)
_Key: TypeAlias = tuple[UUID, EventType]


class Stored(NamedTuple):
    id: int
    at: datetime
    type: EventType
    severity: Severity
    reason: str
    message: str
    detail: str
    kind: Kind | None
    project: str | None
    names: list[str]
    hosts: list[str]
    principal: str | None
    revision: int | None
    times: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; None asks for all."""

    host: str | None = None
    kind: Kind | None = None
    project: str | None = None
    name: str | None = None
    type: EventType | None = None
    severity: Severity | None = None
    """At least as severe as this."""
    since: datetime | None = None
    """At this time or later; ``until`` is before it."""
    until: datetime | None = None


def add(tx: Transaction, happenings: Iterable[Happening], now: datetime) -> None:
    """Store what happened; of nothing, no statement is made. What an event is of is looked up where
    only its uid is known; of an object that is gone by then there is nothing to tell."""
    found = list(happenings)
    if not found:
        return
    refs = _refs(tx, found)
    rows = [row for each in found if (row := _row(each, refs, now)) is not None]
    kept = list(_few(tx, rows, now))
    if kept:
        tx.execute(insert(EventRow), kept)


def _refs(tx: Transaction, found: Sequence[Happening]) -> Mapping[UUID, Ref]:
    hosts = {each.host_uid for each in found if not each.hosts}
    uids = {each.object_uid for each in found if not each.names} | hosts
    return read_refs(tx, [uid for uid in uids if uid is not None]) if uids - {None} else {}


def _row(each: Happening, refs: Mapping[UUID, Ref], now: datetime) -> dict[str, Any] | None:
    named, hosts = Ref(each.kind, each.project or "", "") if each.kind else None, each.hosts
    names = each.names
    if each.object_uid is not None and not names:
        named = refs.get(each.object_uid)
        names = (named.name,) if named else ()
        if named is None and each.type is EventType.RECOVERED:
            return None
    if each.host_uid is not None and not hosts:
        host = refs.get(each.host_uid)
        hosts = (host.name,) if host else ()
    return {
        "at": now,
        "type": each.type,
        "severity": each.severity,
        "reason": each.reason,
        "message": each.message,
        "detail": each.detail,
        "kind": named.kind if named else None,
        "project": named.project if named else None,
        "names": list(names),
        "hosts": list(hosts),
        "host_uid": each.host_uid,
        "principal": each.principal,
        "revision": each.revision,
        "times": each.count,
    }


def _few(
    tx: Transaction, rows: Sequence[dict[str, Any]], now: datetime
) -> Iterator[dict[str, Any]]:
    """Those that are told one by one, and one that counts what is too much."""
    of_hosts: defaultdict[_Key, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["host_uid"] is None:
            yield row
        else:
            of_hosts[row["host_uid"], row["type"]].append(row)
    if not of_hosts:
        return
    told = _told(tx, of_hosts, now)
    for key, found in of_hosts.items():
        count, repeated = told.get(key, (0, None))
        room = max(0, most_a_minute(key[1]) - count)
        yield from found[:room]
        more = sum(row["times"] for row in found[room:])
        if more and repeated is not None:
            _count(tx, repeated, more)
        elif more:
            yield _repeated(found[-1], more)


def _count(tx: Transaction, repeated: int, more: int) -> None:
    row = EventRow
    tx.execute(update(row).where(row.id == repeated).values(times=row.times + more))


def _told(
    tx: Transaction, keys: Iterable[_Key], now: datetime
) -> dict[_Key, tuple[int, int | None]]:
    """By host and type, how many were told in this minute, and the one that counts further ones."""
    row = EventRow
    minute = now.replace(second=0, microsecond=0)
    query = (
        select(
            row.host_uid,
            row.type,
            func.count(),
            func.max(row.id).filter(row.reason == REPEATED),
        )
        .where(
            row.host_uid == func.any(list({host for host, _ in keys})),
            row.type.in_({kind for _, kind in keys}),
            row.at >= minute,
            row.at < minute + _MINUTE,
        )
        .group_by(row.host_uid, row.type)
    )
    return {(host, kind): (n, last) for host, kind, n, last in tx.execute(query) if host}


def _repeated(row: dict[str, Any], more: int) -> dict[str, Any]:
    said = "more of this within the same minute"
    about = {"kind": Kind.HOST, "project": DEFAULT_PROJECT, "names": row["hosts"]}
    return {**row, **about, "reason": REPEATED, "message": said, "detail": "", "times": more}


def read_page(
    tx: Transaction,
    wanted: Wanted,
    within: frozenset[str] | None,
    *,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[Stored]:
    """Newest first. ``within`` are the projects whose objects may be seen; None: everything."""
    row = EventRow
    query = select(*(getattr(row, name) for name in Stored._fields)).where(*_conditions(wanted))
    if within is not None:
        query = query.where(_visible(within))
    if before is not None:
        query = query.where(tuple_(row.at, row.id) < tuple_(*before))
    found = tx.execute(query.order_by(row.at.desc(), row.id.desc()).limit(limit))
    return [Stored(*each) for each in found]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    row = EventRow
    asked = {row.kind: wanted.kind, row.project: wanted.project, row.type: wanted.type}
    found = [column == value for column, value in asked.items() if value is not None]
    if wanted.name is not None:
        found.append(row.names.contains([wanted.name]))
    if wanted.host is not None:
        found.append(row.hosts.contains([wanted.host]))
    if wanted.since is not None:
        found.append(row.at >= wanted.since)
    if wanted.until is not None:
        found.append(row.at < wanted.until)
    # In the words of the indexes, which a parameter would not match.
    if wanted.severity in {Severity.WARNING, Severity.ERROR}:
        found.append(row.severity != literal_column("'info'"))
    if wanted.severity is Severity.ERROR:
        found.append(row.severity == Severity.ERROR)
    if wanted.host is None and wanted.name is None and wanted.type is None:
        # A change of a large mesh is applied by every host: that is told of each, and not of all.
        found.append(row.type != literal_column("'host.applied'"))
    return found


def _visible(projects: frozenset[str]) -> ColumnElement[bool]:
    """What is of no object is not theirs."""
    row = EventRow
    of_projects, of_fleet = [*map(Kind, PROJECT_KINDS)], [*map(Kind, FLEET_KINDS)]
    shared = row.kind.not_in([*of_projects, *of_fleet])
    return or_(shared, and_(row.project.in_(projects), row.kind.in_(of_projects)))


def forget(tx: Transaction, *, before: datetime, keep: int) -> int:
    """Drop what is older, and of each host what is more than ``keep``; answers how many."""
    row = EventRow
    many = (
        select(row.host_uid)
        .where(row.host_uid.is_not(None))
        .group_by(row.host_uid)
        .having(func.count() > keep)
    )
    rank = func.row_number().over(partition_by=row.host_uid, order_by=row.id.desc())
    ranked = select(row.id, rank.label("rank")).where(row.host_uid.in_(many)).subquery()
    too_many = select(ranked.c.id).where(ranked.c.rank > keep)
    gone = delete(row).where(or_(row.at < before, row.id.in_(too_many)))
    return tx.execute(gone).rowcount
