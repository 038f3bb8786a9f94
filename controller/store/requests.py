"""Rows of requests that were answered under a key, and the lock of the one that runs under it.

The lock is the transaction's own: whoever dies in the middle of a request holds it no longer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, insert, select, text

from controller.store.engine import Transaction
from controller.store.tables import RequestRow


class Kept(NamedTuple):
    fingerprint: bytes
    status: int
    headers: dict[str, str]
    body: bytes


def try_lock(tx: Transaction, principal: str, key: str) -> bool:
    """False while another transaction holds the key; until the end of this one."""
    digest = hashlib.sha256(f"request\0{principal}\0{key}".encode()).digest()
    number = int.from_bytes(digest[:8], signed=True)
    query = text("SELECT pg_try_advisory_xact_lock(:number)")
    return bool(tx.execute(query, {"number": number}).scalar_one())


def read(tx: Transaction, principal: str, key: str) -> Kept | None:
    row = RequestRow
    query = select(row.fingerprint, row.status, row.headers, row.body)
    found = tx.execute(query.where(row.principal == principal, row.key == key)).one_or_none()
    return None if found is None else Kept(*found)


def keep(
    tx: Transaction,
    *,
    principal: str,
    key: str,
    fingerprint: bytes,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    tx.execute(
        insert(RequestRow).values(
            principal=principal,
            key=key,
            fingerprint=fingerprint,
            status=status,
            headers=dict(headers),
            body=body,
            answered_at=now,
        )
    )


def forget(tx: Transaction, before: datetime) -> int:
    return tx.execute(delete(RequestRow).where(RequestRow.answered_at < before)).rowcount
