"""The fleet's one row: its identity and its revision. Owns the order of all changes of intent."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update

from controller.store.engine import Transaction
from controller.store.tables import FleetRow


class FleetState(NamedTuple):
    uid: UUID
    epoch: int
    revision: int


_READ = select(FleetRow.uid, FleetRow.epoch, FleetRow.revision)


def read_fleet(tx: Transaction) -> FleetState:
    return FleetState(*tx.execute(_READ).one())


def lock_revision(tx: Transaction) -> int:
    """Wait for all earlier changes of intent to end, keep later ones out, answer the head.

    Deadlocks cannot happen between changes of intent, because each takes this lock first."""
    return tx.execute(select(FleetRow.revision).with_for_update()).scalar_one()


def advance_revision(tx: Transaction, revision: int) -> None:
    tx.execute(update(FleetRow).values(revision=revision))
