"""The change log: appended to under the revision lock, so its order is the order of commits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    union,
)

from controller.domain.intent import Kind, Ref
from controller.store.engine import Transaction
from controller.store.tables import ChangeLogRow, HostSegmentRow, PortRow

MEMBERSHIP = "membership"
"""Action of an entry that says which segment's mesh changed, though the segment did not."""


class Entry(NamedTuple):
    ref: Ref
    uid: UUID
    action: str
    host_uid: UUID | None


def append(tx: Transaction, revision: int, entries: Iterable[Entry]) -> None:
    rows = [
        {
            "revision": revision,
            "seq": seq,
            "kind": ref.kind,
            "uid": uid,
            "project": ref.project,
            "name": ref.name,
            "action": action,
            "host_uid": host_uid,
        }
        for seq, (ref, uid, action, host_uid) in enumerate(entries, 1)
    ]
    if rows:
        tx.execute(insert(ChangeLogRow), rows)


def read_after(
    tx: Transaction, revision: int, seq: int | None, limit: int
) -> list[Row[int, int, Kind, UUID, str, str, str]]:
    """Entries about objects after a position; ``seq`` None: after all of ``revision``."""
    row = ChangeLogRow
    after = row.revision > revision
    if seq is not None:
        after = or_(after, and_(row.revision == revision, row.seq > seq))
    query = (
        select(row.revision, row.seq, row.kind, row.uid, row.project, row.name, row.action)
        .where(after, row.action != MEMBERSHIP)
        .order_by(row.revision, row.seq)
        .limit(limit)
    )
    return list(tx.execute(query))


def dirty_hosts(tx: Transaction, after: int, upto: int) -> frozenset[UUID]:
    """Hosts that entries in (after, upto] concern: their own objects, or a mesh they are in.

    A host that left a mesh before has an entry of its own that says so."""
    row, member = ChangeLogRow, HostSegmentRow
    between = and_(row.revision > after, row.revision <= upto)
    members = select(member.host_uid).where(
        member.segment_uid.in_(_segments(between)),
        or_(member.released_revision.is_(None), member.released_revision > after),
    )
    return _hosts(tx, between, members)


def is_addressed_after(tx: Transaction, host_uid: UUID, revision: int) -> bool:
    """Whether the host itself, or a bridge or port of it, changed after ``revision``."""
    row = ChangeLogRow
    own = or_(row.host_uid == host_uid, row.uid == host_uid)
    query = select(exists().where(row.revision > revision, row.kind != Kind.SEGMENT, own))
    return tx.execute(query).scalar_one()


def concerned_hosts(tx: Transaction, revision: int) -> frozenset[UUID]:
    """Hosts that one revision concerned, looked back at from any later moment.

    The versions of ports say who was in a mesh then; who joined it since is not concerned."""
    port = PortRow
    then = ChangeLogRow.revision == revision
    members = select(port.host_uid).where(
        port.segment_uid.in_(_segments(then)),
        port.valid_from <= revision,
        or_(port.valid_to.is_(None), port.valid_to >= revision),
    )
    return _hosts(tx, then, members)


def _segments(entries: ColumnElement[bool]) -> Select[UUID]:
    return select(ChangeLogRow.uid).where(entries, ChangeLogRow.kind == Kind.SEGMENT)


def _hosts(tx: Transaction, entries: ColumnElement[bool], members: Select[UUID]) -> frozenset[UUID]:
    row = ChangeLogRow
    query: CompoundSelect[UUID] = union(
        select(row.uid).where(entries, row.kind == Kind.HOST),
        select(row.host_uid).where(entries, row.host_uid.is_not(None)),
        members,
    )
    return frozenset(tx.execute(query).scalars())


def newest_membership_changes(tx: Transaction, segments: Iterable[UUID]) -> dict[UUID, int]:
    """The revision by segment at which its mesh changed last."""
    row = ChangeLogRow
    query = (
        select(row.uid, func.max(row.revision).label("revision"))
        .where(row.uid == func.any(list(segments)), row.action == MEMBERSHIP)
        .group_by(row.uid)
    )
    return {found.uid: found.revision for found in tx.execute(query)}
