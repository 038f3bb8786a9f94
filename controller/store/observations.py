"""Rows of questions what a host is like now. Owns ``observation``.

All times are the database's own: who asks, who passes on and who answers may be on three machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, text, update

from controller.store.engine import Transaction
from controller.store.tables import HostStatusRow, ObservationRow


class Speaker(NamedTuple):
    """The agent of a host, as its newest session told."""

    is_heard: bool
    agent_version: str
    capabilities: Mapping[str, Any]


class Waiting(NamedTuple):
    id: UUID
    host_uid: UUID
    resources: Sequence[str]
    sent_epoch: int | None


class Asked(NamedTuple):
    is_heard: bool
    asked_at: datetime
    received_at: datetime | None
    revision: int | None
    answer: Mapping[str, Any] | None


def read_speaker(tx: Transaction, host_uid: UUID) -> Speaker | None:
    """None: no agent ever opened a session."""
    row = HostStatusRow
    heard = row.connected & ~row.silent
    query = select(heard, row.agent_version, row.capabilities).where(row.host_uid == host_uid)
    found = tx.execute(query).first()
    return None if found is None else Speaker(*found)


def lock(tx: Transaction, host_uid: UUID) -> None:
    """Let those who ask about one host see each other's questions; to the end of ``tx``."""
    digest = hashlib.sha256(b"observation\0" + host_uid.bytes).digest()
    number = int.from_bytes(digest[:8], signed=True)
    tx.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def find_alike(
    tx: Transaction, host_uid: UUID, resources: Sequence[str], within: timedelta
) -> UUID | None:
    """The newest question of the same, if it was asked so lately."""
    row = ObservationRow
    query = select(row.id).where(
        row.host_uid == host_uid, row.resources == list(resources), _asked_within(within)
    )
    return tx.execute(query.order_by(row.asked_at.desc()).limit(1)).scalar()


def count_open(tx: Transaction, host_uid: UUID, within: timedelta) -> int:
    row = ObservationRow
    query = select(func.count()).where(
        row.host_uid == host_uid, row.received_at.is_(None), _asked_within(within)
    )
    return tx.execute(query).scalar_one()


def add(tx: Transaction, question: UUID, host_uid: UUID, resources: Sequence[str]) -> None:
    values = {"id": question, "host_uid": host_uid, "resources": list(resources)}
    tx.execute(insert(ObservationRow).values(**values))


def read_open(tx: Transaction, within: timedelta) -> list[Waiting]:
    """Questions without an answer of all hosts; older ones nobody waits for."""
    row = ObservationRow
    query = select(row.id, row.host_uid, row.resources, row.sent_epoch).where(
        row.received_at.is_(None), _asked_within(within)
    )
    return [Waiting(*found) for found in tx.execute(query.order_by(row.asked_at))]


def mark_sent(tx: Transaction, epochs: Mapping[UUID, int]) -> frozenset[UUID]:
    """Claim questions for sessions; answers those that no newer session has."""
    query = text("""
        UPDATE observation SET sent_epoch = epoch
        FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS bigint[])) AS t(question, epoch)
        WHERE id = question AND coalesce(sent_epoch, 0) < epoch AND received_at IS NULL
        RETURNING id
    """)
    found = tx.execute(query, {"ids": list(epochs), "epochs": list(epochs.values())})
    return frozenset(found.scalars())


def record(
    tx: Transaction, question: UUID, epoch: int, *, revision: int, answer: Mapping[str, Any]
) -> bool:
    """False: nobody waits, or it was sent again in a newer session."""
    row = ObservationRow
    statement = update(row).where(
        row.id == question, row.sent_epoch == epoch, row.received_at.is_(None)
    )
    values = {"received_at": func.now(), "revision": revision, "answer": dict(answer)}
    return tx.execute(statement.values(**values)).rowcount == 1


def read(tx: Transaction, question: UUID) -> Asked | None:
    row, status = ObservationRow, HostStatusRow
    heard = func.coalesce(status.connected & ~status.silent, False)
    query = (
        select(heard, row.asked_at, row.received_at, row.revision, row.answer)
        .outerjoin(status, status.host_uid == row.host_uid)
        .where(row.id == question)
    )
    found = tx.execute(query).first()
    return None if found is None else Asked(*found)


def forget(tx: Transaction, age: timedelta) -> int:
    """Drop what was asked so long ago; answers how many."""
    return tx.execute(delete(ObservationRow).where(~_asked_within(age))).rowcount


def _asked_within(age: timedelta) -> ColumnElement[bool]:
    return ObservationRow.asked_at > func.now() - age
