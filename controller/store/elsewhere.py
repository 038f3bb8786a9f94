"""Sums up a segment's ports on hosts that a change does not touch, in a few rows however many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    case,
    cast,
    column,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from controller.domain.intent import BridgeType, DatapathType, Kind, Object
from controller.domain.validation import Elsewhere
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import HostRow, HostSegmentRow, PortRow

_SAMPLE = 10
_NOTHING: Mapping[UUID, Any] = MappingProxyType({})
_HAS_IPV6 = func.array_to_string(PortRow.addresses, " ").like("%:%")
_IPV6_AT_SEGMENT_MTU = (PortRow.mtu.is_(None), _HAS_IPV6)


def load_elsewhere(
    tx: Transaction,
    segments: Iterable[UUID],
    touched_hosts: Iterable[UUID],
    macs: Iterable[str],
    ips: Iterable[str],
    *,
    unplugged: Iterable[UUID] = (),
    zones: Mapping[UUID, str] = _NOTHING,
    named: Mapping[UUID, frozenset[str]] = _NOTHING,
    outside: Mapping[UUID, Object] = _NOTHING,
) -> dict[UUID, Elsewhere]:
    """By segment, for those that have a port on another host, or on none; but for the ``unplugged``
    ports that the change names."""
    uids, touched = list(segments), list(touched_hosts)
    if not uids:
        return {}
    far = (
        PortRow.segment_uid == func.any(uids),
        # Not by coalesce: NULL <> ALL of nothing is true.
        case(
            (PortRow.host_uid.is_(None), PortRow.uid != func.all(list(unplugged))),
            else_=PortRow.host_uid != func.all(touched),
        ),
        objects.current(Kind.PORT),
    )
    counts = _counts(tx, far)
    samples = _grouped(tx, _ranked(far, PortRow.name.asc(), _SAMPLE))
    widest = _grouped(tx, _ranked((*far, PortRow.mtu.is_not(None)), PortRow.mtu.desc(), 1))
    ipv6 = _grouped(tx, _ranked((*far, *_IPV6_AT_SEGMENT_MTU), PortRow.name.asc(), 1))
    claims = (list(macs), list(ips))
    claimants = _grouped(tx, _claimants(far, *claims)) if any(claims) else {}
    narrowest = _narrowest_hosts(tx, uids, touched)
    outsiders = _outsiders(tx, zones, touched)
    return {
        uid: Elsewhere(
            **counted,
            sample=tuple(samples[uid]),
            narrowest_host=narrowest.get(uid),
            widest_port=next(iter(widest[uid]), None),
            ipv6_port=next(iter(ipv6[uid]), None),
            claimants=tuple(claimants.get(uid, ())),
            outsiders=outsiders.get(uid, ()),
            named=named.get(uid, frozenset()),
            outside=outside.get(uid),
        )
        for uid, counted in counts.items()
    }


def _counts(tx: Transaction, far: Collection[ColumnElement[bool]]) -> dict[UUID, dict[str, Any]]:
    """The fields of ``Elsewhere`` that are counted."""
    segment, has_ovs = PortRow.segment_uid, HostRow.overlay_bridge_type == BridgeType.OVS
    has_no_ovs = HostRow.overlay_bridge_type == BridgeType.LINUX
    is_userspace = has_ovs & (HostRow.datapath_type == DatapathType.NETDEV)
    counted = {
        "ports": func.count(PortRow.uid.distinct()),
        "hosts": func.count(PortRow.host_uid.distinct()),
        "has_ovs": func.coalesce(func.bool_or(has_ovs), false()),
        "has_linux": func.coalesce(func.bool_or(has_no_ovs), false()),
        "providers": func.count(PortRow.patch_bridge_uid),
        "has_userspace": func.coalesce(func.bool_or(is_userspace), false()),
        "has_ipv6": func.bool_or(_HAS_IPV6),
    }
    query = (
        select(segment, *counted.values())
        .outerjoin(HostRow, (HostRow.uid == PortRow.host_uid) & objects.current(Kind.HOST))
        .where(*far)
        .group_by(segment)
    )
    return {
        uid: dict(zip(counted, of_it, strict=True))
        for uid, *of_it in tx.execute(query)
        if uid is not None
    }


def _ranked(
    far: Collection[ColumnElement[bool]], order: ColumnElement[Any], limit: int
) -> Select[Any]:
    """Select the first ports of each segment in some order."""
    rank = func.row_number().over(partition_by=PortRow.segment_uid, order_by=order)
    ranked = select(PortRow.uid, rank.label("rank")).where(*far).subquery()
    first = select(ranked.c.uid).where(ranked.c.rank <= limit)
    return _current_ports().where(PortRow.uid.in_(first)).order_by(order)


def _claimants(
    far: Collection[ColumnElement[bool]], macs: list[str], ips: list[str]
) -> Select[Any]:
    address = func.unnest(PortRow.addresses).column_valued("address")
    ip = func.split_part(cast(address, Text), "/", 1)
    has_ip = select(1).where(ip == any_(literal(ips, ARRAY(Text)))).correlate(PortRow).exists()
    claiming = select(PortRow.uid).where(*far, or_(PortRow.mac == func.any(macs), has_ip))
    return _current_ports().where(PortRow.uid.in_(claiming))


def _current_ports() -> Select[Any]:
    return objects.versions(Kind.PORT).where(objects.current(Kind.PORT), objects.once(Kind.PORT))


def _grouped(tx: Transaction, query: Select[Any]) -> dict[UUID, list[Object]]:
    found: dict[UUID, list[Object]] = defaultdict(list)
    rows = tx.execute(query).mappings().all()
    for row in rows:
        found[row["segment_uid"]].append(objects.read(Kind.PORT, row))
    return found


def _narrowest_hosts(
    tx: Transaction, segments: list[UUID], touched: list[UUID]
) -> dict[UUID, Object]:
    rank = func.row_number().over(
        partition_by=HostSegmentRow.segment_uid, order_by=(HostRow.underlay_mtu, HostRow.name)
    )
    ranked = (
        select(HostSegmentRow.segment_uid, HostRow.uid, rank.label("rank"))
        .join(HostRow, (HostRow.uid == HostSegmentRow.host_uid) & HostRow.valid_to.is_(None))
        .where(
            HostSegmentRow.segment_uid == func.any(segments),
            HostSegmentRow.released_revision.is_(None),
            HostRow.uid != func.all(touched),
        )
        .subquery()
    )
    query = (
        objects.versions(Kind.HOST)
        .join(ranked, ranked.c.uid == HostRow.uid)
        .where(objects.current(Kind.HOST), ranked.c.rank == 1)
        .add_columns(ranked.c.segment_uid)
    )
    rows = tx.execute(query).mappings()
    return {row["segment_uid"]: objects.read(Kind.HOST, row) for row in rows}


def _outsiders(
    tx: Transaction, zones: Mapping[UUID, str], touched: list[UUID]
) -> dict[UUID, tuple[str, ...]]:
    """By segment, the first hosts that are not in the zone that it is to be in."""
    wanted = {uid: zone for uid, zone in zones.items() if objects.can_be_stored(zone)}
    if not wanted:
        return {}
    asked = (
        func.unnest(literal(list(wanted), ARRAY(Uuid)), literal(list(wanted.values()), ARRAY(Text)))
        .table_valued(column("segment_uid", Uuid), column("zone", Text), name="asked")
        .render_derived()
    )
    names = func.array_agg(aggregate_order_by(HostRow.name, HostRow.name))
    query = (
        select(asked.c.segment_uid, names)
        .join(HostSegmentRow, HostSegmentRow.segment_uid == asked.c.segment_uid)
        .join(HostRow, (HostRow.uid == HostSegmentRow.host_uid) & objects.current(Kind.HOST))
        .where(
            HostSegmentRow.released_revision.is_(None),
            HostRow.uid != func.all(touched),
            asked.c.zone != func.all(HostRow.zones),
        )
        .group_by(asked.c.segment_uid)
    )
    return {uid: tuple(found[:_SAMPLE]) for uid, found in tx.execute(query)}
