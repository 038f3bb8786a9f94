"""Which hosts are on which segment, and the local VLAN that stands for it there.

Owns ``host_segment`` together with ``held``. A host is a member of a segment while it has a port
on it; its VLAN is given with the first port, and released with the last. A host without Open
vSwitch has a Linux bridge for each segment, and so no VLANs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Uuid,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from controller.domain.allocation import choose_local_vlan
from controller.domain.intent import BridgeType, Kind
from controller.store import inventory, objects
from controller.store.engine import Transaction
from controller.store.tables import HostRow, HostSegmentRow, PortRow


class Member(NamedTuple):
    host_uid: UUID
    segment_uid: UUID


class _Overlay(NamedTuple):
    """What a host has now to carry segments with."""

    bridge: str
    has_vlans: bool


class _Listed(NamedTuple):
    bridge: str
    local_vlan: int | None
    released: int | None


def settle(tx: Transaction, touched: Collection[Member], revision: int) -> frozenset[UUID]:
    """Bring the memberships that a change may have made or ended up to date with the ports.

    Answers the segments whose set of members changed."""
    if not touched:
        return frozenset()
    with_ports, listed = _with_ports(tx, touched), _listed(tx, touched)
    active = {member for member, row in listed.items() if row.released is None}
    joining, leaving = with_ports - active, active - with_ports
    _set_released(tx, leaving, revision)
    _join(tx, joining, {member: listed[member] for member in joining & listed.keys()})
    return frozenset(member.segment_uid for member in joining | leaving)


def _join(tx: Transaction, joining: Collection[Member], known: Mapping[Member, _Listed]) -> None:
    """Make members, of which some are ``known`` because they did not confirm that they left."""
    if not joining:
        return
    overlays = _overlays(tx, _hosts(joining))
    foreign = inventory.foreign_vlans(tx, _hosts(known)) if known else {}
    # Such a host keeps its VLAN, unless it was on another bridge, there was none to give, or
    # somebody else has taken it there since.
    returning = {
        member
        for member, row in known.items()
        if _fits(row, overlays[member.host_uid])
        and row.local_vlan not in foreign.get((member.host_uid, row.bridge), ())
    }
    _set_released(tx, returning, None)
    _forget(tx, known.keys() - returning)
    _insert(tx, sorted(set(joining) - returning), overlays)


def _fits(row: _Listed, overlay: _Overlay) -> bool:
    has_what_it_needs = row.local_vlan is not None or not overlay.has_vlans
    return row.bridge == overlay.bridge and has_what_it_needs


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
    found = {Member(host, segment) for host, segment in tx.execute(query) if host and segment}
    return found & set(touched)


def _listed(tx: Transaction, touched: Collection[Member]) -> dict[Member, _Listed]:
    """Those of the touched that are members, or were and are still held."""
    row = HostSegmentRow
    query = select(
        row.host_uid, row.segment_uid, row.bridge, row.local_vlan, row.released_revision
    ).where(_is_among(touched))
    return {
        Member(host, segment): _Listed(bridge, vlan, released)
        for host, segment, bridge, vlan, released in tx.execute(query)
    }


def _is_among(members: Collection[Member]) -> ColumnElement[bool]:
    # Two arrays, side by side: ten thousand pairs written out are more than PostgreSQL can parse.
    pairs = select(
        func.unnest(literal([member.host_uid for member in members], ARRAY(Uuid))),
        func.unnest(literal([member.segment_uid for member in members], ARRAY(Uuid))),
    )
    return tuple_(HostSegmentRow.host_uid, HostSegmentRow.segment_uid).in_(pairs)


def _hosts(members: Iterable[Member]) -> list[UUID]:
    return list({member.host_uid for member in members})


def _segments(members: Iterable[Member]) -> list[UUID]:
    return list({member.segment_uid for member in members})


def _set_released(tx: Transaction, members: Collection[Member], revision: int | None) -> None:
    if members:
        tx.execute(
            update(HostSegmentRow).where(_is_among(members)).values(released_revision=revision)
        )


def _forget(tx: Transaction, members: Collection[Member]) -> None:
    if members:
        tx.execute(delete(HostSegmentRow).where(_is_among(members)))


def _insert(
    tx: Transaction, members: Collection[Member], overlays: Mapping[UUID, _Overlay]
) -> None:
    if not members:
        return
    taken = _taken_vlans(tx, _hosts(members))
    rows = []
    for host, segment in members:
        bridge, has_vlans = overlays[host]
        vlan = None
        if has_vlans:
            vlan = choose_local_vlan(taken[host, bridge])
            taken[host, bridge].add(vlan)
        rows.append(
            {"host_uid": host, "segment_uid": segment, "bridge": bridge, "local_vlan": vlan}
        )
    tx.execute(insert(HostSegmentRow), rows)


def _overlays(tx: Transaction, hosts: list[UUID]) -> dict[UUID, _Overlay]:
    row = HostRow
    query = select(row.uid, row.overlay_bridge, row.overlay_bridge_type).where(
        row.uid == func.any(hosts), objects.current(Kind.HOST)
    )
    return {
        uid: _Overlay(bridge, has_vlans=kind is BridgeType.OVS)
        for uid, bridge, kind in tx.execute(query)
    }


def _taken_vlans(tx: Transaction, hosts: list[UUID]) -> dict[tuple[UUID, str], set[int]]:
    row = HostSegmentRow
    query = select(row.host_uid, row.bridge, row.local_vlan).where(row.host_uid == func.any(hosts))
    taken: dict[tuple[UUID, str], set[int]] = defaultdict(set)
    for host, bridge, vlan in tx.execute(query):
        if vlan is not None:
            taken[host, bridge].add(vlan)
    for place, vlans in inventory.foreign_vlans(tx, hosts).items():
        taken[place] |= vlans
    return taken
