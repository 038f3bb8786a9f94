"""Numbers and names on hosts: given out once, and free again only when the hosts have let go.

Owns ``host_segment`` and ``vni_allocation``. A host has let go of what revision R removed when it
has applied R or a newer one and reports no failure about it, or when it is itself no longer
intended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from controller.domain.intent import Kind
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.host_groups import held_names
from controller.store.lifecycles import confirmed
from controller.store.tables import (
    VERSIONED,
    HostRow,
    HostSegmentRow,
    PortRow,
    ResourceFailureRow,
    TunnelRow,
    VniAllocationRow,
)


def collect(tx: Transaction) -> None:
    """Free what every host that held it has let go of. Costs as much as is still held."""
    row = HostSegmentRow
    tx.execute(
        delete(row).where(
            row.released_revision.is_not(None),
            ~_unconfirmed(
                confirmed.c.host_uid == row.host_uid, row.segment_uid, row.released_revision
            ),
        )
    )
    vni = VniAllocationRow
    holders = select(row.host_uid).where(row.segment_uid == vni.segment_uid).correlate(vni)
    tx.execute(
        delete(vni).where(
            vni.released_revision.is_not(None),
            or_(vni.quarantined_until.is_(None), vni.quarantined_until <= func.now()),
            ~_unconfirmed(
                confirmed.c.host_uid.in_(holders), vni.segment_uid, vni.released_revision
            ),
        )
    )


def _unconfirmed(
    hosts: ColumnElement[bool],
    segment: InstrumentedAttribute[UUID],
    removed_at: InstrumentedAttribute[int | None],
) -> ColumnElement[bool]:
    """Whether one of these hosts may still carry what a revision removed of a segment."""
    return exists(
        select(1)
        .select_from(confirmed)
        .join(HostRow, and_(HostRow.uid == confirmed.c.host_uid, HostRow.valid_to.is_(None)))
        .where(
            hosts, or_(confirmed.c.applied_revision < removed_at, _reports_trouble_with(segment))
        )
    )


def _reports_trouble_with(segment: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """Whether the host's failures name the segment, one of its tunnels, or a port it once had."""
    failure = ResourceFailureRow
    once_its_port = exists().where(
        PortRow.uid == failure.object_uid, PortRow.segment_uid == segment
    )
    return exists().where(
        failure.host_uid == confirmed.c.host_uid,
        or_(failure.object_uid == segment, once_its_port),
    )


def taken_vnis() -> CompoundSelect[int]:
    """Select the VNIs that a segment or a tunnel has, or that are not free again yet."""
    return union(
        select(VniAllocationRow.vni),
        select(TunnelRow.key).where(or_(objects.current(Kind.TUNNEL), is_unconfirmed_tunnel())),
    )


def held_keys(tx: Transaction, keys: Iterable[int]) -> frozenset[int]:
    """Those that a host may still carry for a tunnel that is deleted.

    Read from the versions and not allocated, because tunnels may share a key."""
    asked, current = list(keys), aliased(TunnelRow)
    if not asked:
        return frozenset()
    is_deleted = ~exists().where(current.uid == TunnelRow.uid, current.valid_to.is_(None))
    query = select(TunnelRow.key).where(
        TunnelRow.key == func.any(asked), is_deleted, is_unconfirmed_tunnel()
    )
    return frozenset(tx.execute(query).scalars())


def is_unconfirmed_tunnel() -> ColumnElement[bool]:
    """Whether a version is closed that one of its hosts may still carry."""
    row, failure = TunnelRow, ResourceFailureRow
    is_in_trouble = exists().where(
        failure.host_uid == confirmed.c.host_uid, failure.object_uid == row.uid
    )
    return and_(
        row.valid_to.is_not(None),
        exists(
            select(1)
            .select_from(confirmed)
            .join(HostRow, and_(HostRow.uid == confirmed.c.host_uid, HostRow.valid_to.is_(None)))
            .where(
                confirmed.c.host_uid.in_([row.a_host_uid, row.b_host_uid]),
                or_(confirmed.c.applied_revision < row.valid_to, is_in_trouble),
            )
        ),
    )


def take_vnis(tx: Transaction, vnis: Mapping[int, UUID], now: datetime) -> None:
    if vnis:
        rows = [{"vni": vni, "segment_uid": uid, "since": now} for vni, uid in vnis.items()]
        tx.execute(insert(VniAllocationRow), rows)


def release_vnis(
    tx: Transaction, until: Mapping[int, datetime | None], revision: int, now: datetime
) -> None:
    """``until`` says until when each is in quarantine, whatever its hosts confirm."""
    row = VniAllocationRow
    numbers = defaultdict[datetime | None, list[int]](list)
    for vni, moment in until.items():
        numbers[moment].append(vni)
    for moment, vnis in numbers.items():
        tx.execute(
            update(row)
            .where(row.vni == func.any(vnis))
            .values(released_revision=revision, since=now, quarantined_until=moment)
        )


def held_interfaces(
    tx: Transaction, hosts: Iterable[UUID]
) -> dict[UUID, dict[str, frozenset[UUID]]]:
    """Device names by host that it may still carry for something that has them no longer, with the
    uids of that."""
    found: dict[UUID, dict[str, frozenset[UUID]]] = defaultdict(dict)
    uids = list(hosts)
    for host, name, uid in (*tx.execute(_CLOSED_NAMES, {"hosts": uids}), *held_names(tx, uids)):
        found[host][name] = found[host].get(name, frozenset()) | {uid}
    return found


def _closed_names(
    kind: Kind, host_column: str, name_column: str
) -> tuple[Select[Any], Select[Any]]:
    """Names given up since the host last confirmed, and those it reports trouble with.

    Two queries and not one condition, because each is then answered from an index."""
    old, new = aliased(VERSIONED[kind]), aliased(VERSIONED[kind])
    old_host, old_name = getattr(old, host_column), getattr(old, name_column)
    keeps_it = exists().where(
        new.uid == old.uid,
        new.valid_to.is_(None),
        getattr(new, host_column) == old_host,
        getattr(new, name_column) == old_name,
    )
    given_up = select(old_host, old_name, old.uid).where(
        old_host == func.any(bindparam("hosts")), old_name.is_not(None), ~keeps_it
    )
    failure = ResourceFailureRow
    return (
        given_up.join(confirmed, confirmed.c.host_uid == old_host).where(
            old.valid_to > confirmed.c.applied_revision
        ),
        given_up.join(
            failure, and_(failure.object_uid == old.uid, failure.host_uid == old_host)
        ).where(old.valid_to.is_not(None)),
    )


_CLOSED_NAMES = union_all(
    *_closed_names(Kind.HOST, "uid", "overlay_bridge"),
    *_closed_names(Kind.BRIDGE, "host_uid", "interface"),
    *_closed_names(Kind.PORT, "host_uid", "interface"),
    *_closed_names(Kind.PORT, "host_uid", "patch_interface"),
)
"""Made once: putting it together costs more than running it, and every change of intent does."""
