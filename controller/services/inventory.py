"""What hosts have that is not the fleet's, and what they can do.

Owns ``host_inventory`` and ``host_iface``. The session epoch fences, as it does for reports. Must
not touch intent but through ``bindings``; who may read it is for the caller to ask, because it
mixes projects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from controller.auth import Principal
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.domain.inventory import Inventory, foreign_vlans, plugged
from controller.services.bindings import follow
from controller.services.queries import find
from controller.store import inventory as rows
from controller.store import status as status_rows
from controller.store.engine import Database
from controller.store.inventory import FoundInterface

__all__ = [
    "FoundInterface",
    "HostInventory",
    "Recorded",
    "find_interfaces",
    "read",
    "record",
    "record_and_follow",
    "record_capabilities",
]

MOST_FOUND = 1000
"""Interfaces under one iface-id; more than a few are a mistake of whoever gave it out."""


@dataclass(frozen=True, slots=True)
class HostInventory:
    """``received_at`` is None, and the rest empty, as long as the host told nothing."""

    agent_version: str = ""
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=lambda: asdict(Inventory()))
    """Fields as those of ``Inventory``."""
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An inventory that was taken in."""

    changed: frozenset[str]
    """iface-ids whose ports may have to follow: plugged or unplugged, mostly none."""


def record(
    db: Database, host_uid: UUID, session_epoch: int, inventory: Inventory, *, now: datetime
) -> Recorded | None:
    """Takes an inventory in, in place of the one before it; None: fenced.

    Never waits for changes of intent."""
    ifaces = {each.interface: asdict(each) for each in plugged(inventory)}
    with db.transaction() as tx:
        if not rows.holds_session(tx, host_uid, session_epoch):
            return None
        changed = rows.record(
            tx,
            host_uid,
            document=asdict(inventory),
            vlans=foreign_vlans(inventory),
            ifaces=list(ifaces.values()),
            is_whole=inventory.names_all_guests,
            now=now,
        )
    return Recorded(changed)


def record_and_follow(
    db: Database, host_uid: UUID, session_epoch: int, inventory: Inventory, *, now: datetime
) -> bool:
    """Records, and brings the ports to where they are plugged; False: fenced."""
    recorded = record(db, host_uid, session_epoch, inventory, now=now)
    if recorded is not None:
        follow(db, recorded.changed)
    return recorded is not None


def record_capabilities(
    db: Database,
    host_uid: UUID,
    session_epoch: int,
    capabilities: Mapping[str, Any],
    *,
    now: datetime,  # noqa: ARG001 (as all that sessions say; this changes no time)
) -> bool:
    """Takes in what became known, or changed, after the session's Hello; False: fenced."""
    with db.transaction() as tx:
        return status_rows.record_capabilities(tx, host_uid, session_epoch, capabilities)


def read(db: Database, principal: Principal, host_ref: str) -> HostInventory:
    """Of a host by name or uid."""
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
        told = rows.read_told(tx, host.uid)
    if told is None:
        return HostInventory()
    spoken = HostInventory(told.agent_version, told.capabilities)
    if told.document is None:
        return spoken
    return replace(spoken, document=told.document, received_at=told.received_at)


def find_interfaces(db: Database, iface_id: str) -> tuple[FoundInterface, ...]:
    """Where it is plugged: on two hosts while a guest is migrated."""
    with db.snapshot() as tx:
        return tuple(rows.read_interfaces(tx, iface_id, MOST_FOUND))
