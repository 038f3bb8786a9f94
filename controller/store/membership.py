"""Which hosts are on which segment, and the local VLAN that stands for it there.

Owns ``host_segment`` together with ``held``. A host is a member of a segment while it has a port
on it; its VLAN is given with the first port, and released with the last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, insert, select, tuple_, update

from controller.domain.allocation import choose_local_vlan
from controller.domain.intent import Kind
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import HostRow, HostSegmentRow, PortRow


class Member(NamedTuple):
    host_uid: UUID
    segment_uid: UUID


def settle(tx: Transaction, touched: Collection[Member], revision: int) -> frozenset[UUID]:
    """Bring the memberships that a change may have made or ended up to date with the ports.

    Answers the segments whose set of members changed."""
    if not touched:
        return frozenset()
    with_ports, listed = _with_ports(tx, touched), _listed(tx, touched)
    joining = with_ports - {member for member, released in listed.items() if released is None}
    leaving = {m for m in touched if m not in with_ports and m in listed and listed[m] is None}
    _set_released(tx, leaving, revision)
    # A host that returns before it confirmed that it left keeps its VLAN.
    returning = joining & listed.keys()
    _set_released(tx, returning, None)
    _allocate(tx, sorted(joining - returning))
    return frozenset(member.segment_uid for member in joining | leaving)


def segments_of(tx: Transaction, hosts: Iterable[UUID]) -> frozenset[UUID]:
    """The segments that these hosts are members of."""
    row, uids = HostSegmentRow, list(hosts)
    if not uids:
        return frozenset()
    query = select(row.segment_uid).where(
        row.host_uid == func.any(uids), row.released_revision.is_(None)
    )
    return frozenset(tx.execute(query).scalars())


def _with_ports(tx: Transaction, touched: Collection[Member]) -> set[Member]:
    query = (
        select(PortRow.host_uid, PortRow.segment_uid)
        .where(
            PortRow.host_uid == func.any(_hosts(touched)),
            PortRow.segment_uid == func.any(_segments(touched)),
            objects.current(Kind.PORT),
        )
        .distinct()
    )
    found = {Member(host, segment) for host, segment in tx.execute(query) if segment is not None}
    return found & set(touched)


def _listed(tx: Transaction, touched: Collection[Member]) -> dict[Member, int | None]:
    row = HostSegmentRow
    query = select(row.host_uid, row.segment_uid, row.released_revision).where(
        row.host_uid == func.any(_hosts(touched)), row.segment_uid == func.any(_segments(touched))
    )
    return {Member(host, segment): released for host, segment, released in tx.execute(query)}


def _hosts(members: Iterable[Member]) -> list[UUID]:
    return list({member.host_uid for member in members})


def _segments(members: Iterable[Member]) -> list[UUID]:
    return list({member.segment_uid for member in members})


def _set_released(tx: Transaction, members: Collection[Member], revision: int | None) -> None:
    if members:
        row = HostSegmentRow
        tx.execute(
            update(row)
            .where(tuple_(row.host_uid, row.segment_uid).in_(list(members)))
            .values(released_revision=revision)
        )


def _allocate(tx: Transaction, joining: Collection[Member]) -> None:
    if not joining:
        return
    bridges = _overlay_bridges(tx, _hosts(joining))
    taken = _taken_vlans(tx, _hosts(joining))
    rows = []
    for host, segment in joining:
        bridge = bridges[host]
        vlan = choose_local_vlan(taken[host, bridge])
        taken[host, bridge].add(vlan)
        rows.append(
            {"host_uid": host, "segment_uid": segment, "bridge": bridge, "local_vlan": vlan}
        )
    tx.execute(insert(HostSegmentRow), rows)


def _overlay_bridges(tx: Transaction, hosts: list[UUID]) -> dict[UUID, str]:
    query = select(HostRow.uid, HostRow.overlay_bridge).where(
        HostRow.uid == func.any(hosts), objects.current(Kind.HOST)
    )
    return {found.uid: found.overlay_bridge for found in tx.execute(query)}


def _taken_vlans(tx: Transaction, hosts: list[UUID]) -> dict[tuple[UUID, str], set[int]]:
    row = HostSegmentRow
    query = select(row.host_uid, row.bridge, row.local_vlan).where(row.host_uid == func.any(hosts))
    taken: dict[tuple[UUID, str], set[int]] = defaultdict(set)
    for host, bridge, vlan in tx.execute(query):
        taken[host, bridge].add(vlan)
    return taken
