"""Reads what the fleet's tunnels are between: hosts, members of segments, explicit tunnels.

A fixed number of queries; answers are as long as there are hosts, memberships and failures, never
as there are pairs of hosts. Reads only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text

from controller.domain.host_grouping import GroupableHost
from controller.domain.intent import Kind, Lifecycle, Object
from controller.domain.label_selectors import Selector
from controller.domain.status import HOST_RESOURCE, Trouble
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.host_groups import selector_of
from controller.store.tables import HostRow, ResourceFailureRow, SegmentRow, TunnelRow


def groupable_hosts(tx: Transaction) -> list[GroupableHost]:
    """All but the removed, by name."""
    row = HostRow
    query = (
        select(row.uid, row.name, row.valid_from, row.labels, row.zones)
        .where(objects.current(Kind.HOST), row.state != Lifecycle.REMOVED)
        .order_by(row.name)
    )
    return [
        GroupableHost(uid, name, revision, labels, tuple(zones))
        for uid, name, revision, labels, zones in tx.execute(query)
    ]


def group_selectors(tx: Transaction) -> dict[str, Selector]:
    """Of all HostGroups, by name."""
    query = objects.versions(Kind.HOST_GROUP).where(objects.current(Kind.HOST_GROUP))
    return {group.name: selector_of(group) for group in objects.fetch(tx, Kind.HOST_GROUP, query)}


def segments_within(
    tx: Transaction, projects: Collection[str] | None, uid: UUID | None
) -> list[Object]:
    """Those of the projects (None: all), or that one of them, by project and name."""
    row = SegmentRow
    query = objects.versions(Kind.SEGMENT).where(objects.current(Kind.SEGMENT))
    if projects is not None:
        query = query.where(row.project == func.any(list(projects)))
    if uid is not None:
        query = query.where(row.uid == uid)
    return objects.fetch(tx, Kind.SEGMENT, query.order_by(row.project, row.name))


# Small numbers instead of uids: there are as many as ports on a small fleet.
_MEMBERS = text("""
SELECT segment_uid, array_agg(number) FROM host_segment
JOIN unnest(CAST(:hosts AS uuid[])) WITH ORDINALITY AS asked(host_uid, number) USING (host_uid)
WHERE segment_uid = ANY(CAST(:segments AS uuid[])) AND released_revision IS NULL
GROUP BY segment_uid
""")


def members_of(
    tx: Transaction, segments: Collection[UUID], hosts: Sequence[UUID]
) -> dict[UUID, list[UUID]]:
    """The hosts that each segment is on, of those given."""
    rows = tx.execute(_MEMBERS, {"segments": list(segments), "hosts": list(hosts)})
    return {uid: [hosts[number - 1] for number in numbers] for uid, numbers in rows}


class TunnelEnds(NamedTuple):
    uid: UUID
    revision: int
    a: UUID
    b: UUID


def tunnels_within(tx: Transaction, project: str | None) -> list[TunnelEnds]:
    """Explicit tunnels between hosts; those to outside VTEPs have one end in the fleet."""
    row = TunnelRow
    query = select(row.uid, row.valid_from, row.a_host_uid, row.b_host_uid).where(
        objects.current(Kind.TUNNEL), row.b_host_uid.is_not(None)
    )
    if project is not None:
        query = query.where(row.project == project)
    ends = tx.execute(query)
    return [TunnelEnds(uid, revision, a, b) for uid, revision, a, b in ends if b is not None]


class TunnelTrouble(NamedTuple):
    host_uid: UUID
    object_uid: UUID
    trouble: Trouble


def troubles_of_tunnels(
    tx: Transaction, objects_: Collection[UUID], hosts: Mapping[UUID, str]
) -> list[TunnelTrouble]:
    """What failed of these segments and tunnels on these hosts, names by uid; the oldest first."""
    row = ResourceFailureRow
    query = (
        select(row.host_uid, row.object_uid, row.resource, row.reason, row.message, row.since)
        .where(row.object_uid == func.any(list(objects_)), row.resource != HOST_RESOURCE)
        .order_by(row.since, row.resource, row.host_uid)
    )
    return [
        TunnelTrouble(host, of, Trouble(resource, reason, message, since, hosts[host]))
        for host, of, resource, reason, message, since in tx.execute(query)
        if host in hosts and of is not None
    ]
