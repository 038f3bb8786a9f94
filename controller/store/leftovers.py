"""Failures about what intent has deleted and a host still carries.

A host that could not take something away has applied the revision that says so: what is left of it
shows only in the failures that the agent keeps reporting. Reads; owns nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, literal, not_, or_, select

from controller.domain.intent import Kind
from controller.domain.status import OVERLAY_RESOURCE, Trouble
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import (
    VERSIONED,
    BridgeRow,
    ChangeLogRow,
    HostSegmentRow,
    PortRow,
    ResourceFailureRow,
)

_FAILURE = ResourceFailureRow


def leftovers(
    tx: Transaction, revision: int, hosts: Iterable[UUID]
) -> Mapping[UUID, Sequence[Trouble]]:
    """By host, the failures that name something that ``revision`` deleted or moved away and that is
    not intended on that host now, oldest first."""
    row = _FAILURE
    query = (
        select(row.host_uid, row.resource, row.reason, row.message, row.since)
        .where(
            row.host_uid == func.any(list(hosts)),
            _left_at(revision),
            not_(or_(_is_placed(), _is_in_mesh())),
        )
        .order_by(row.since, row.resource)
    )
    found: defaultdict[UUID, list[Trouble]] = defaultdict(list)
    for host, resource, reason, message, since in tx.execute(query):
        found[host].append(Trouble(resource, reason, message, since))
    return found


def _left_at(revision: int) -> ColumnElement[bool]:
    """A host has left a mesh, and with the last one its overlay bridge, where a port went off."""
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
    return or_(was_deleted, lost_a_port)


def _is_placed() -> ColumnElement[bool]:
    """Whether it is a port, bridge or explicit tunnel that is intended on the host that reports
    it. A bridge of a group, while there is one, was not deleted."""
    bridge = BridgeRow
    return or_(
        exists().where(
            bridge.uid == _FAILURE.object_uid,
            bridge.host_group.is_not(None),
            objects.current(Kind.BRIDGE),
        ),
        *(
            exists().where(
                VERSIONED[kind].uid == _FAILURE.object_uid,
                or_(*(on == _FAILURE.host_uid for on in objects.host_columns(kind))),
                objects.current(kind),
            )
            for kind in (Kind.PORT, Kind.BRIDGE, Kind.TUNNEL)
        ),
    )


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
