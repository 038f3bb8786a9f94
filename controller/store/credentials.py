"""Rows of secrets: join tokens, host certificates, API tokens. Only hashes of secrets come here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.store.engine import Transaction
from controller.store.tables import ApiTokenRow, HostCertificateRow, HostRow, JoinTokenRow


def add_join_token(tx: Transaction, **columns: Any) -> None:
    tx.execute(insert(JoinTokenRow).values(**columns))


def join_token_exists(tx: Transaction, secret_sha256: bytes) -> bool:
    query = select(exists().where(JoinTokenRow.secret_sha256 == secret_sha256))
    return tx.execute(query).scalar_one()


def bind_join_token(
    tx: Transaction, secret_sha256: bytes, host: str, key_fingerprint: str, now: datetime
) -> UUID | None:
    """Bind the token to its first key, and answer its host; None when it is not good for this.

    One statement, so of any number of keys that come at once exactly one wins."""
    row = JoinTokenRow
    statement = (
        update(row)
        .where(
            row.secret_sha256 == secret_sha256,
            row.host == host,
            row.expires_at > now,
            or_(row.key_fingerprint.is_(None), row.key_fingerprint == key_fingerprint),
        )
        .values(key_fingerprint=key_fingerprint, redeemed_at=func.coalesce(row.redeemed_at, now))
    )
    return tx.execute(statement.returning(row.host_uid)).scalar_one_or_none()


def add_certificate(
    tx: Transaction, serial: str, host_uid: UUID, not_after: datetime, now: datetime
) -> None:
    tx.execute(
        upsert(HostCertificateRow)
        .values(serial=serial, host_uid=host_uid, issued_at=now, not_after=not_after)
        .on_conflict_do_nothing()
    )


def certificate_is_good(tx: Transaction, serial: str, host_uid: UUID) -> bool:
    row = HostCertificateRow
    query = select(
        exists()
        .where(row.serial == serial, row.host_uid == host_uid, row.revoked_at.is_(None))
        .where(HostRow.uid == row.host_uid, HostRow.valid_to.is_(None))
    )
    return tx.execute(query).scalar_one()


def hosts_with_good_certificates(tx: Transaction, serials: Mapping[UUID, str]) -> frozenset[UUID]:
    """Which of the hosts are intended and have these certificates (by host), not revoked."""
    row = HostCertificateRow
    query = (
        select(row.host_uid, row.serial)
        .join(HostRow, and_(HostRow.uid == row.host_uid, HostRow.valid_to.is_(None)))
        .where(row.serial == func.any(list(serials.values())), row.revoked_at.is_(None))
    )
    return frozenset(host for host, serial in tx.execute(query) if serials.get(host) == serial)


class ApiToken(NamedTuple):
    uid: UUID
    name: str
    roles: list[str]
    projects: list[str] | None
    created_at: datetime
    expires_at: datetime | None


def lock_api_tokens(tx: Transaction) -> None:
    """Keep others from adding tokens until the commit."""
    tx.execute(text("LOCK TABLE api_token IN SHARE ROW EXCLUSIVE MODE"))


def has_api_token(tx: Transaction) -> bool:
    return tx.execute(select(exists(select(ApiTokenRow.uid)))).scalar_one()


def add_api_token(tx: Transaction, **columns: Any) -> None:
    tx.execute(insert(ApiTokenRow).values(**columns))


def find_api_token(tx: Transaction, secret_sha256: bytes, now: datetime) -> ApiToken | None:
    row = ApiTokenRow
    query = (
        select(row.uid, row.name, row.roles, row.projects, row.created_at, row.expires_at)
        .where(row.secret_sha256 == secret_sha256, row.revoked_at.is_(None))
        .where(or_(row.expires_at.is_(None), row.expires_at > now))
    )
    found = tx.execute(query).one_or_none()
    return None if found is None else ApiToken(*found)


def list_api_tokens(tx: Transaction) -> list[ApiToken]:
    row = ApiTokenRow
    query = (
        select(row.uid, row.name, row.roles, row.projects, row.created_at, row.expires_at)
        .where(row.revoked_at.is_(None))
        .order_by(row.name)
    )
    return [ApiToken(*found) for found in tx.execute(query)]
