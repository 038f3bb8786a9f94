"""Forgets whom nobody will ask about: subjects that are long silent, and hosts that are gone.

A host's cursor is locked while its subjects go, and whoever stores a report holds it too: nobody
is given the id of a subject that is on its way out. What was rolled up of one goes with the
partitions; ids are never used again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select

from controller.store.engine import Transaction
from controller.store.statistics import ingest
from controller.store.tables import (
    HostRow,
    StatCursorRow,
    StatLastRow,
    StatProgressRow,
    StatRawRow,
    StatSubjectRow,
)


class Silent(NamedTuple):
    id: int
    host_uid: UUID
    subject: str
    heard_at: datetime | None
    """When it was heard last; None: nothing of it was ever rolled up."""


def silent(tx: Transaction, *, since: datetime) -> list[Silent]:
    """Subjects of which there is no sample that was not rolled up, and none since then."""
    row, last = StatSubjectRow, StatLastRow
    query = (
        select(row.id, row.host_uid, row.subject, last.sampled_at)
        .join(last, last.subject_id == row.id, isouter=True)
        .where(or_(last.sampled_at.is_(None), last.sampled_at < since), _has_no_sample())
    )
    return [Silent(*found) for found in tx.execute(query)]


def forget_subjects(tx: Transaction, host_uid: UUID, ids: Collection[int]) -> None:
    """Those that were not heard meanwhile."""
    ingest.lock_cursors(tx, [host_uid])
    row = StatSubjectRow
    wanted = delete(row).where(row.id == func.any(list(ids)), _has_no_sample()).returning(row.id)
    forgotten = list(tx.execute(wanted).scalars())
    tx.execute(delete(StatLastRow).where(StatLastRow.subject_id == func.any(forgotten)))


def hosts_gone(tx: Transaction, *, since: datetime) -> list[UUID]:
    """Hosts that are not intended any more, and said nothing since then."""
    row = StatCursorRow
    current = exists().where(HostRow.uid == row.host_uid, HostRow.valid_to.is_(None))
    query = select(row.host_uid).where(row.sampled_at < since, ~current)
    return list(tx.execute(query.order_by(row.host_uid)).scalars())


def forget_host(tx: Transaction, host_uid: UUID) -> None:
    ingest.lock_cursors(tx, [host_uid])
    subjects = select(StatSubjectRow.id).where(StatSubjectRow.host_uid == host_uid)
    tx.execute(delete(StatLastRow).where(StatLastRow.subject_id.in_(subjects)))
    for row in (StatSubjectRow, StatProgressRow, StatCursorRow):
        tx.execute(delete(row).where(row.host_uid == host_uid))


def _has_no_sample() -> ColumnElement[bool]:
    return ~exists().where(StatRawRow.subject_id == StatSubjectRow.id)
