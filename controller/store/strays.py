"""Failures of objects on hosts that they are not intended on: what could not be taken away there.

Reads only. The object's own status does not know of them, so that it is for the host to tell.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select, true, tuple_, union

from controller.domain.intent import Kind
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.export_reach import exports_on_hosts
from controller.store.host_groups import bridges_on_hosts
from controller.store.tables import BridgeRow, FlowExportRow, HostSegmentRow, ResourceFailureRow

Strays: TypeAlias = Collection[tuple[UUID, UUID]]
"""Hosts, each with what labels do not bring there."""

_FAILURE = ResourceFailureRow


def read_strays(tx: Transaction) -> Strays:
    """Of bridges of groups and of exports alone: where those are is not in the database's words."""
    bridge, export = BridgeRow, FlowExportRow
    pair = select(_FAILURE.host_uid, _FAILURE.object_uid)
    of_bridges = pair.join(bridge, bridge.uid == _FAILURE.object_uid).where(
        objects.current(Kind.BRIDGE), bridge.host_group.is_not(None)
    )
    of_exports = pair.join(export, export.uid == _FAILURE.object_uid).where(
        objects.current(Kind.FLOW_EXPORT)
    )
    named = [(host, uid) for host, uid in tx.execute(union(of_bridges, of_exports)) if uid]
    if not named:
        return ()
    uids = {uid for _, uid in named}
    there = bridges_on_hosts(tx, uids) | exports_on_hosts(tx, uids)
    return [(host, uid) for host, uid in named if host not in there.get(uid, ())]


def is_at_home(kind: Kind, strays: Strays) -> ColumnElement[bool]:
    """Whether an object of the kind is intended on the host of the failure beside it."""
    columns = objects.host_columns(kind)
    if kind is Kind.SEGMENT:
        return _has_members()
    is_there = or_(*(column == _FAILURE.host_uid for column in columns)) if columns else true()
    if kind is Kind.BRIDGE:
        is_there = or_(is_there, BridgeRow.host_uid.is_(None))
    if not strays:
        return is_there
    return and_(is_there, tuple_(_FAILURE.host_uid, _FAILURE.object_uid).not_in(strays))


def _has_members() -> ColumnElement[bool]:
    """A segment tells what is wrong with it anywhere, as long as any host is on it."""
    member = HostSegmentRow
    return exists().where(
        member.segment_uid == _FAILURE.object_uid, member.released_revision.is_(None)
    )
