"""Rows of what happened: history that is forgotten after a while, never a truth.

Owns ``event``. Rows are added in the transaction that they tell of. However fast a host goes back
and forth, it has a few rows of each type, kind and project in a minute: more of them are counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
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
    CONTINUED,
    NAMED,
    REPEATED,
    EventType,
    Happening,
    Severity,
    most_a_minute,
)
from controller.domain.intent import Kind, Ref
from controller.store.engine import Transaction
from controller.store.listing import read_refs
from controller.store.tables import EventRow

_MINUTE = timedelta(minutes=1)


class _Key(NamedTuple):
    """What is counted together. It is of one project, so that no other is told how much there was,
    and none takes the room of another."""

    host_uid: UUID
    type: EventType
    kind: Kind | None
    project: str | None


class _Told(NamedTuple):
    id: int
    repeats: bool
    names: list[str]


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
    """Those that are told one by one, and those that count what is too much."""
    alike: defaultdict[_Key, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["host_uid"] is None:
            yield row
        else:
            alike[_Key(row["host_uid"], row["type"], row["kind"], row["project"])].append(row)
    told = _told(tx, alike, now) if alike else {}
    for key, found in alike.items():
        before = told.get(key, [])
        room = max(0, most_a_minute(key.type) - sum(not each.repeats for each in before))
        yield from found[:room]
        if more := found[room:]:
            yield from _repeated(tx, more, [each for each in before if each.repeats])


def _told(tx: Transaction, keys: Iterable[_Key], now: datetime) -> dict[_Key, list[_Told]]:
    """What was told in this minute, oldest first."""
    row = EventRow
    minute = now.replace(second=0, microsecond=0)
    query = (
        select(
            row.host_uid, row.type, row.kind, row.project, row.id, row.reason == REPEATED, row.names
        )
        .where(
            row.host_uid == func.any(list({key.host_uid for key in keys})),
            row.type.in_({key.type for key in keys}),
            row.at >= minute,
            row.at < minute + _MINUTE,
        )
        .order_by(row.id)
    )
    found: defaultdict[_Key, list[_Told]] = defaultdict(list)
    each: Any
    for each in tx.execute(query):
        found[_Key(*each[:4])].append(_Told(*each[4:]))
    return found


def _repeated(
    tx: Transaction, more: Sequence[dict[str, Any]], before: Sequence[_Told]
) -> Iterator[dict[str, Any]]:
    """As few as can name each object: what happened to it is found by its name."""
    times = Counter[str]()
    for row in more:
        times[next(iter(row["names"]), "")] += row["times"]
    new = list(times)
    if before:
        last, there = before[-1], {"", *(name for each in before for name in each.names)}
        unknown = [name for name in times if name not in there]
        room = max(0, NAMED - len(last.names))
        added, new = unknown[:room], unknown[room:]
        _count(tx, last.id, times.total() - sum(times[name] for name in new), added)
    for start in range(0, len(new), NAMED):
        names = new[start : start + NAMED]
        yield {
            **more[-1],
            "reason": REPEATED,
            "message": "more of this within the same minute",
            "detail": "",
            "names": [name for name in names if name],
            "times": sum(times[name] for name in names),
        }


def _count(tx: Transaction, repeated: int, more: int, names: Sequence[str]) -> None:
    row = EventRow
    values = {"times": row.times + more, "names": row.names.concat(names)}
    tx.execute(update(row).where(row.id == repeated).values(values))


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
    if wanted.host is None and wanted.name is None:
        found.append(row.reason != CONTINUED)
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
