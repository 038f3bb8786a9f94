"""Rows of what others changed on hosts: history that is forgotten after a while, never a truth.

Owns ``drift_event``. A host's row of ``host_status`` is locked before events are written, so that a
session that a newer one replaced leaves nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from controller.auth import FLEET_KINDS, PROJECT_KINDS
from controller.domain.intent import Kind
from controller.domain.safety import DriftAction
from controller.store.engine import Transaction
from controller.store.tables import DriftEventRow, HostRow, HostStatusRow


class Speaker(NamedTuple):
    """Who holds the newest session of a host."""

    host: str
    nonce: str


class Stored(NamedTuple):
    id: int
    host: str
    at: datetime
    received_at: datetime
    resource: str
    object_kind: Kind | None
    object_project: str | None
    object_name: str | None
    action: DriftAction
    differences: list[dict[str, str]]
    who: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; None and empty ask for all."""

    host: str | None = None
    host_uid: UUID | None = None
    kind: Kind | None = None
    project: str | None = None
    name: str | None = None
    since: datetime | None = None
    action: DriftAction | None = None


def read_speaker(tx: Transaction, host_uid: UUID, session_epoch: int) -> Speaker | None:
    """None when the session is not the newest; otherwise it stays that to the end of ``tx``."""
    status = HostStatusRow
    query = (
        select(HostRow.name, status.instance_nonce)
        .join(HostRow, (HostRow.uid == status.host_uid) & HostRow.valid_to.is_(None))
        .where(status.host_uid == host_uid, status.session_epoch == session_epoch)
        .with_for_update(read=True, of=status)
    )
    found = tx.execute(query).first()
    return None if found is None else Speaker(*found)


def add(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> frozenset[int]:
    """Answer the numbers of what is new: what is there already was sent again."""
    row = DriftEventRow
    statement = insert(row).on_conflict_do_nothing().returning(row.sequence)
    return frozenset(tx.execute(statement, list(rows)).scalars())


def read_page(
    tx: Transaction,
    wanted: Wanted,
    within: frozenset[str] | None,
    *,
    before: int | None,
    limit: int,
) -> list[Stored]:
    """Newest first. ``within`` are the projects whose objects may be seen; None: everything."""
    row = DriftEventRow
    query = select(*(getattr(row, name) for name in Stored._fields)).where(*_conditions(wanted))
    if within is not None:
        query = query.where(_visible(within))
    if before is not None:
        query = query.where(row.id < before)
    return [Stored(*found) for found in tx.execute(query.order_by(row.id.desc()).limit(limit))]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    row = DriftEventRow
    asked = {
        row.host: wanted.host,
        row.host_uid: wanted.host_uid,
        row.object_kind: wanted.kind,
        row.object_project: wanted.project,
        row.object_name: wanted.name,
        row.action: wanted.action,
    }
    found = [column == value for column, value in asked.items() if value is not None]
    return found if wanted.since is None else [*found, row.at >= wanted.since]


def _visible(projects: frozenset[str]) -> ColumnElement[bool]:
    """Of an object that the projects' people may see; what is of no object is not theirs."""
    row = DriftEventRow
    of_projects, of_fleet = [*map(Kind, PROJECT_KINDS)], [*map(Kind, FLEET_KINDS)]
    shared = row.object_kind.not_in([*of_projects, *of_fleet])
    return or_(shared, row.object_project.in_(projects) & row.object_kind.in_(of_projects))


def forget(tx: Transaction, *, before: datetime, keep: int) -> int:
    """Drop what is older, and of each host what is more than ``keep``; answers how many."""
    row = DriftEventRow
    rank = func.row_number().over(partition_by=row.host, order_by=row.id.desc())
    ranked = select(row.id, rank.label("rank")).subquery()
    too_many = select(ranked.c.id).where(ranked.c.rank > keep)
    gone = delete(row).where(or_(row.received_at < before, row.id.in_(too_many)))
    return tx.execute(gone).rowcount
