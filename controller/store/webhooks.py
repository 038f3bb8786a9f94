"""Rows of webhooks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Select, Text, cast, delete, func, insert, select, update

from controller.store.engine import Transaction
from controller.store.fleet import read_fleet
from controller.store.tables import WebhookDeliveryRow, WebhookRow

_THIS_XID = cast(cast(func.pg_current_xact_id(), Text), BigInteger)


class Webhook(NamedTuple):
    uid: UUID
    name: str
    url: str
    events: list[str]
    label_selector: str
    kinds: list[str] | None
    project: str | None
    secret: str
    created_at: datetime
    updated_at: datetime
    revision: int
    told_revision: int
    told_seq: int | None


def _webhooks() -> Select[Any]:
    return select(*(getattr(WebhookRow, name) for name in Webhook._fields))


def add(tx: Transaction, uid: UUID, columns: Mapping[str, Any], now: datetime) -> None:
    """It is told of what is committed from now on."""
    tx.execute(
        insert(WebhookRow).values(
            uid=uid,
            **columns,
            created_at=now,
            updated_at=now,
            revision=_THIS_XID,
            told_revision=read_fleet(tx).revision,
        )
    )


def replace(tx: Transaction, uid: UUID, columns: Mapping[str, Any], now: datetime) -> None:
    statement = update(WebhookRow).where(WebhookRow.uid == uid)
    tx.execute(statement.values(**columns, updated_at=now, revision=_THIS_XID))


def remove(tx: Transaction, uid: UUID) -> None:
    tx.execute(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.webhook_uid == uid))
    tx.execute(delete(WebhookRow).where(WebhookRow.uid == uid))


def find(tx: Transaction, name: str, *, lock: bool = False) -> Webhook | None:
    query = _webhooks().where(WebhookRow.name == name)
    found = tx.execute(query.with_for_update() if lock else query).one_or_none()
    return None if found is None else Webhook(*found)


def read(tx: Transaction, uid: UUID) -> Webhook | None:
    found = tx.execute(_webhooks().where(WebhookRow.uid == uid)).one_or_none()
    return None if found is None else Webhook(*found)


def read_page(tx: Transaction, *, after: str, limit: int) -> list[Webhook]:
    query = _webhooks().where(WebhookRow.name > after).order_by(WebhookRow.name).limit(limit)
    return [Webhook(*found) for found in tx.execute(query)]


def read_all(tx: Transaction) -> list[Webhook]:
    return [Webhook(*found) for found in tx.execute(_webhooks().order_by(WebhookRow.uid))]


def lock_existing(tx: Transaction, uids: Collection[UUID]) -> frozenset[UUID]:
    """Those that are not deleted, and will not be before the commit."""
    row = WebhookRow
    query = select(row.uid).where(row.uid == func.any(list(uids))).order_by(row.uid)
    return frozenset(tx.execute(query.with_for_update(key_share=True)).scalars())
