"""The fleet in a few numbers: hosts, and what runs out. Each is one query. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import and_, func, literal, select, union_all

from controller.domain.allocation import Range
from controller.domain.intent import Kind, Lifecycle, Object
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.pool_usage import Counts, counted
from controller.store.tables import HostRow, HostSegmentRow, HostStatusRow, PoolRow


class HostCounts(NamedTuple):
    connected: int
    pinned: int
    by_state: Mapping[Lifecycle, int]


def count_hosts(tx: Transaction) -> HostCounts:
    host, status = HostRow, HostStatusRow
    query = (
        select(
            host.state,
            func.count(),
            func.count().filter(status.connected, ~status.silent),
            func.count().filter(status.pinned_revision.is_not(None)),
        )
        .outerjoin(status, status.host_uid == host.uid)
        .where(objects.current(Kind.HOST))
        .group_by(host.state)
    )
    found = tx.execute(query).all()
    return HostCounts(
        connected=sum(connected for _, _, connected, _ in found),
        pinned=sum(pinned for *_, pinned in found),
        by_state={state: total for state, total, _, _ in found},
    )


def read_pools(tx: Transaction) -> list[Object]:
    """By name."""
    row = PoolRow
    query = objects.versions(Kind.POOL).where(objects.current(Kind.POOL))
    return objects.fetch(tx, Kind.POOL, query.order_by(row.project, row.name))


def count_pools(tx: Transaction, pools: Sequence[Sequence[Range]]) -> list[Counts]:
    """Of pools by their ranges, in their order."""
    if not pools:
        return []
    parts = (counted(ranges).add_columns(literal(number)) for number, ranges in enumerate(pools))
    found = {number: Counts(*counts) for *counts, number in tx.execute(union_all(*parts))}
    return [found[number] for number in range(len(pools))]


class VlansOfHost(NamedTuple):
    host: str
    bridge: str
    used: int
    released: int


def fullest_bridge(tx: Transaction) -> VlansOfHost | None:
    """Where the most local VLANs are taken; None: nowhere any."""
    row = HostSegmentRow
    taken = (
        select(
            row.host_uid,
            row.bridge,
            func.count().label("all"),
            func.count().filter(row.released_revision.is_not(None)).label("released"),
        )
        .where(row.local_vlan.is_not(None))
        .group_by(row.host_uid, row.bridge)
        .subquery()
    )
    query = (
        select(HostRow.name, taken.c.bridge, taken.c["all"], taken.c.released)
        .join(HostRow, and_(HostRow.uid == taken.c.host_uid, objects.current(Kind.HOST)))
        .order_by(taken.c["all"].desc(), HostRow.name)
        .limit(1)
    )
    found = tx.execute(query).first()
    if found is None:
        return None
    host, bridge, total, released = found
    return VlansOfHost(host, bridge, total - released, released)
