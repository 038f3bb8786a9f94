"""Rows of what hosts have that is not the fleet's: never a truth about intent.

Owns ``host_inventory`` and ``host_iface``. A host's row of ``host_status`` is locked before both of
them are written, so that a session that a newer one replaced, or a host that is deleted, leaves
nothing here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.domain.validation.binding import Report
from controller.store.engine import Transaction
from controller.store.objects import can_be_stored
from controller.store.tables import HostIfaceRow, HostInventoryRow, HostRow, HostStatusRow

LIVING = """(
    (connected AND NOT silent) OR last_transition > now() - interval '60 seconds'
)"""
"""Of a row of ``host_status``. Who was not heard for less than a minute may just have lost its
session, and takes up another."""


class Told(NamedTuple):
    """What a host told of itself; ``received_at`` is None before its first inventory."""

    agent_version: str
    capabilities: Mapping[str, Any]
    document: Mapping[str, Any] | None
    received_at: datetime | None


class FoundInterface(NamedTuple):
    host: str
    bridge: str
    port: str
    interface: str
    attached_mac: str
    vm_id: str
    received_at: datetime


def holds_session(tx: Transaction, host_uid: UUID, session_epoch: int) -> bool:
    """Whether the session is the newest, which it then stays to the end of the transaction."""
    row = HostStatusRow
    query = select(row.host_uid).where(row.host_uid == host_uid, row.session_epoch == session_epoch)
    return tx.execute(query.with_for_update(read=True)).first() is not None


def record(
    tx: Transaction,
    host_uid: UUID,
    *,
    document: Mapping[str, Any],
    vlans: Mapping[str, Any],
    ifaces: Sequence[Mapping[str, Any]],
    is_whole: bool,
    now: datetime,
) -> frozenset[str]:
    """Make this the host's inventory; one that it told before costs one small write.

    Without ``is_whole`` an interface that is not named may still be plugged, and stays.

    Answers the iface-ids that were plugged or unplugged with it, and those of refused interfaces
    that are others now."""
    row = HostInventoryRow
    same = update(row).where(row.host_uid == host_uid, row.document == document)
    if tx.execute(same.values(received_at=now)).rowcount:
        return frozenset()
    columns = {"document": document, "vlans": vlans, "received_at": now}
    statement = upsert(row).values(host_uid=host_uid, **columns)
    tx.execute(statement.on_conflict_do_update(index_elements=["host_uid"], set_=columns))
    return _record_ifaces(
        tx, host_uid, {each["interface"]: each for each in ifaces}, is_whole=is_whole
    )


def _record_ifaces(
    tx: Transaction,
    host_uid: UUID,
    ifaces: Mapping[str, Mapping[str, Any]],
    *,
    is_whole: bool,
) -> frozenset[str]:
    """Write those that are not as they were: what was refused to the others still is."""
    row = HostIfaceRow
    names = ("interface", "iface_id", "bridge", "port", "attached_mac", "vm_id")
    # In the order of the primary key, as whoever else locks some of them.
    query = select(*(getattr(row, name) for name in names), row.refusal).where(
        row.host_uid == host_uid
    )
    found = tx.execute(query.order_by(row.interface).with_for_update()).mappings()
    known = {each["interface"]: each for each in found}
    before = {name: each for name, each in known.items() if is_whole or name in ifaces}
    other = {
        interface: each
        for interface, each in before.items()
        if any(each[name] != ifaces.get(interface, {}).get(name) for name in names)
    }
    gone = delete(row).where(row.host_uid == host_uid, row.interface == func.any(list(other)))
    if other:
        tx.execute(gone)
    new = [each for name, each in ifaces.items() if name not in before or name in other]
    if new:
        tx.execute(insert(row), [{**each, "host_uid": host_uid} for each in new])
    tried_anew = {each["iface_id"] for each in other.values() if each["refusal"] is not None}
    was, is_now = ({each["iface_id"] for each in rows.values()} for rows in (before, ifaces))
    return frozenset(tried_anew | (was ^ is_now))


def forget(tx: Transaction, hosts: Collection[UUID]) -> None:
    for row in (HostInventoryRow, HostIfaceRow):
        tx.execute(delete(row).where(row.host_uid == func.any(list(hosts))))


def read_told(tx: Transaction, host_uid: UUID) -> Told | None:
    """None for a host that no agent has spoken for yet."""
    status, row = HostStatusRow, HostInventoryRow
    query = (
        select(status.agent_version, status.capabilities, row.document, row.received_at)
        .outerjoin(row, row.host_uid == status.host_uid)
        .where(status.host_uid == host_uid)
    )
    found = tx.execute(query).first()
    return None if found is None else Told(*found)


def read_interfaces(tx: Transaction, iface_id: str, limit: int) -> list[FoundInterface]:
    row, inventory = HostIfaceRow, HostInventoryRow
    query = (
        select(
            HostRow.name,
            row.bridge,
            row.port,
            row.interface,
            row.attached_mac,
            row.vm_id,
            inventory.received_at,
        )
        .join(inventory, inventory.host_uid == row.host_uid)
        .join(HostRow, (HostRow.uid == row.host_uid) & HostRow.valid_to.is_(None))
        .where(row.iface_id == iface_id)
        .order_by(HostRow.name, row.interface)
        .limit(limit)
    )
    return [FoundInterface(*found) for found in tx.execute(query)]


def plugged_on(tx: Transaction, iface_ids: Collection[str]) -> dict[str, list[Report]]:
    """By iface-id, also of the hosts that a port was refused to be on before."""
    asked = [*filter(can_be_stored, iface_ids)]
    if not asked:
        return {}
    row = HostIfaceRow
    query = (
        select(row.iface_id, HostRow.name, text(LIVING))
        .join(HostRow, (HostRow.uid == row.host_uid) & HostRow.valid_to.is_(None))
        .join(HostStatusRow, HostStatusRow.host_uid == row.host_uid)
        .where(row.iface_id == func.any(asked))
        .order_by(row.iface_id, HostRow.name)
    )
    found: dict[str, list[Report]] = defaultdict(list)
    for iface_id, host, is_living in tx.execute(query):
        found[iface_id].append(Report(host, is_living))
    return found


def foreign_vlans(tx: Transaction, hosts: Iterable[UUID]) -> dict[tuple[UUID, str], frozenset[int]]:
    """Tags that ports of others have, by host and bridge."""
    row = HostInventoryRow
    query = select(row.host_uid, row.vlans).where(
        row.host_uid == func.any(list(hosts)), row.vlans != {}
    )
    return {
        (host, bridge): frozenset(tags)
        for host, vlans in tx.execute(query)
        for bridge, tags in vlans.items()
    }
