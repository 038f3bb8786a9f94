"""The change log: appended to under the revision lock, so its order is the order of commits.

Besides what changed, it says whom that concerns: what follows for other objects has entries of
actions of their own, which are for the controller and not shown to people.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    and_,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    union,
)

from controller.domain.intent import Backend, BridgeType, Kind, Ref
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import (
    ChangeLogRow,
    HostRow,
    HostSegmentRow,
    PortRow,
    SegmentRow,
)

MEMBERSHIP = "membership"
"""Action of an entry that says which segment's mesh changed, though the segment did not."""
MACS = "macs"
"""Of an entry that says of which segment the kernel members must learn or forget a MAC address."""
END = "end"
"""Of an entry that says which other host has an end of a tunnel that changed, or whose other end
moved; or which host has something else for what changed of a definition."""
_FOLLOWING = (MEMBERSHIP, MACS, END)
RELEASED = "released"
"""Of an entry about a host that somebody let go on, or let take away what intent does not know."""
ADOPTED = "adopted"
"""Of one that may take over what was there before."""


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
        .where(after, is_shown())
        .order_by(row.revision, row.seq)
        .limit(limit)
    )
    return list(tx.execute(query))


def is_shown() -> ColumnElement[bool]:
    """Whether an entry is about an object itself, and for people. In the words of the indexes of
    these, which parameters would not match."""
    return ChangeLogRow.action.not_in([literal_column(f"'{each}'") for each in _FOLLOWING])


def dirty_hosts(tx: Transaction, after: int, upto: int) -> frozenset[UUID]:
    """Hosts that entries in (after, upto] concern: their own objects, a mesh they are in, or MAC
    addresses that their kernel must know.

    A host that left a mesh before has an entry of its own that says so."""
    row, member = ChangeLogRow, HostSegmentRow
    between = and_(row.revision > after, row.revision <= upto)
    in_mesh = member.segment_uid.in_(_segments_of(between, row.action != MACS))
    must_learn = member.segment_uid.in_(_segments_of(between, row.action == MACS))
    members = select(member.host_uid).where(
        or_(in_mesh, and_(must_learn, _is_kernel_member())),
        or_(member.released_revision.is_(None), member.released_revision > after),
    )
    return _hosts(tx, between, members)


def concerned_hosts(tx: Transaction, revision: int) -> frozenset[UUID]:
    """Hosts that one revision concerned, looked back at from any later moment.

    The versions of ports say who was in a mesh then; who joined it since is not concerned. Nor is
    who only learns the MAC address of a port elsewhere: its kernel floods until it knows it."""
    row, port = ChangeLogRow, PortRow
    then = row.revision == revision
    members: Select[Any] = select(port.host_uid).where(
        port.segment_uid.in_(_segments_of(then, row.action != MACS)),
        port.host_uid.is_not(None),
        port.valid_from <= revision,
        or_(port.valid_to.is_(None), port.valid_to >= revision),
    )
    return _hosts(tx, then, members)


def _segments_of(*entries: ColumnElement[bool]) -> Select[UUID]:
    return select(ChangeLogRow.uid).where(*entries, ChangeLogRow.kind == Kind.SEGMENT)


def _is_kernel_member() -> ColumnElement[bool]:
    """As ``controller.domain.intent.segment_backend`` says; both are fixed while in use."""
    member, segment, host = HostSegmentRow, SegmentRow, HostRow
    return or_(
        exists().where(
            segment.uid == member.segment_uid,
            segment.backend == Backend.KERNEL,
            objects.current(Kind.SEGMENT),
        ),
        exists().where(
            host.uid == member.host_uid,
            host.overlay_bridge_type == BridgeType.LINUX,
            objects.current(Kind.HOST),
        ),
    )


def _hosts(tx: Transaction, entries: ColumnElement[bool], members: Select[UUID]) -> frozenset[UUID]:
    row = ChangeLogRow
    query: CompoundSelect[UUID] = union(
        select(row.uid).where(entries, row.kind == Kind.HOST),
        select(row.host_uid).where(entries, row.host_uid.is_not(None)),
        members,
    )
    return frozenset(tx.execute(query).scalars())


def with_kernel_members(tx: Transaction, segments: Iterable[UUID]) -> frozenset[UUID]:
    """Those of the segments that some host carries by its kernel."""
    member, uids = HostSegmentRow, list(segments)
    if not uids:
        return frozenset()
    query = (
        select(member.segment_uid)
        .where(
            member.segment_uid == func.any(uids),
            member.released_revision.is_(None),
            _is_kernel_member(),
        )
        .distinct()
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


def newest_membership_change(segment: SQLColumnExpression[UUID]) -> ScalarSelect[int]:
    """The same of one segment, within a query."""
    row = ChangeLogRow
    query = select(func.max(row.revision)).where(row.uid == segment, row.action == MEMBERSHIP)
    return query.scalar_subquery()
