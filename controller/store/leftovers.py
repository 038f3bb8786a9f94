"""Failures about what intent has deleted and a host still carries.

A host that could not take something away has applied the revision that says so: what is left of it
shows only in the failures that the agent keeps reporting. Reads; owns nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
)

from controller.domain.intent import Kind
from controller.domain.status import OVERLAY_RESOURCE, Trouble
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.host_groups import uids_on
from controller.store.tables import (
    VERSIONED,
    BridgeRow,
    ChangeLogRow,
    HostSegmentRow,
    PortRow,
    ResourceFailureRow,
)

_FAILURE = ResourceFailureRow
_PLACED = (Kind.PORT, Kind.BRIDGE, Kind.TUNNEL)


def leftovers(
    tx: Transaction, revision: int, hosts: Iterable[UUID]
) -> Mapping[UUID, Sequence[Trouble]]:
    """By host, the failures that name something that ``revision`` deleted or moved away and that is
    not intended on that host now, oldest first."""
    row, uids = _FAILURE, list(hosts)
    were, are = _bridges_of_groups(tx, uids, revision)
    query = (
        select(row.host_uid, row.resource, row.reason, row.message, row.since)
        .where(
            row.host_uid == func.any(uids),
            or_(_left_at(revision), _is_among(were)),
            not_(or_(_is_placed(), _is_among(are), _is_in_mesh())),
        )
        .order_by(row.since, row.resource)
    )
    found: defaultdict[UUID, list[Trouble]] = defaultdict(list)
    for host, resource, reason, message, since in tx.execute(query):
        found[host].append(Trouble(resource, reason, message, since))
    return found


_There: TypeAlias = Collection[tuple[UUID, UUID]]
"""Hosts, each with a bridge that is on it."""


def _bridges_of_groups(
    tx: Transaction, hosts: Sequence[UUID], revision: int
) -> tuple[_There, _There]:
    """Of those that failures name: which left a host at the revision, and which are on one now.

    No entry says of a bridge that it left with a label or a selector."""
    row, bridge = _FAILURE, BridgeRow
    query = (
        select(row.host_uid, row.object_uid)
        .join(bridge, and_(bridge.uid == row.object_uid, bridge.host_group.is_not(None)))
        .where(row.host_uid == func.any(list(hosts)))
        .distinct()
    )
    named = {(host, uid) for host, uid in tx.execute(query) if uid is not None}
    if not named:
        return (), ()
    then = list({host for host, _ in named})
    before, after, now = (
        {(host, uid) for host, uids in uids_on(tx, then, at).items() for uid in uids} & named
        for at in (revision - 1, revision, None)
    )
    return before - after, now


def _is_among(there: _There) -> ColumnElement[bool]:
    return tuple_(_FAILURE.host_uid, _FAILURE.object_uid).in_(there)


def _left_at(revision: int) -> ColumnElement[bool]:
    """What was deleted or went off a host; and a host has left a mesh, and with the last one its
    overlay bridge, where a port went off."""
    log, port = ChangeLogRow, PortRow
    was_deleted = exists().where(
        log.revision == revision, log.uid == _FAILURE.object_uid, log.action == "deleted"
    )
    own_overlay = and_(
        _FAILURE.resource == OVERLAY_RESOURCE,
        port.host_uid == _FAILURE.host_uid,
        port.segment_uid.is_not(None),
    )
    lost_a_port = exists().where(
        port.valid_to == revision, or_(port.segment_uid == _FAILURE.object_uid, own_overlay)
    )
    went_off = (
        and_(
            _is_there(kind, VERSIONED[kind].valid_to == revision),
            not_(_is_there(kind, objects.valid_at(kind, revision))),
        )
        for kind in _PLACED
    )
    return or_(was_deleted, lost_a_port, *went_off)


def _is_placed() -> ColumnElement[bool]:
    """Whether it is a port, bridge or explicit tunnel that is intended on the host that reports
    it by itself."""
    return or_(*(_is_there(kind, objects.current(kind)) for kind in _PLACED))


def _is_there(kind: Kind, version: ColumnElement[bool]) -> ColumnElement[bool]:
    row = VERSIONED[kind]
    on_it = or_(*(on == _FAILURE.host_uid for on in objects.host_columns(kind)))
    return exists().where(row.uid == _FAILURE.object_uid, on_it, version)


def _is_in_mesh() -> ColumnElement[bool]:
    """Whether it is a segment that the host is on, a tunnel to another member, or the overlay
    bridge of a host that is on any segment."""
    member = HostSegmentRow
    here = member.host_uid == _FAILURE.host_uid
    this_segment = member.segment_uid == _FAILURE.object_uid
    other_end = func.split_part(_FAILURE.resource, literal("/"), 2)
    at_other_end = cast(member.host_uid, Text) == other_end
    return or_(
        and_(_FAILURE.resource == OVERLAY_RESOURCE, _is_member(here)),
        and_(
            _is_member(here, this_segment),
            or_(other_end == "", _is_member(at_other_end, this_segment)),
        ),
    )


def _is_member(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(HostSegmentRow.released_revision.is_(None), *which)
