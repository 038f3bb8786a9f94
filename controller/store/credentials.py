"""Rows of secrets: join tokens, host certificates, API tokens. Only hashes of secrets come here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.domain.departures import Revocation
from controller.domain.intent import Lifecycle
from controller.store.engine import Transaction
from controller.store.tables import ApiTokenRow, HostCertificateRow, HostRow, JoinTokenRow

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a token expired that was ended: for every controller, also one whose clock is behind."""


def add_join_token(tx: Transaction, **columns: Any) -> None:
    tx.execute(insert(JoinTokenRow).values(**columns))


def join_token_exists(tx: Transaction, secret_sha256: bytes) -> bool:
    query = select(exists().where(JoinTokenRow.secret_sha256 == secret_sha256))
    return tx.execute(query).scalar_one()


class Bound(NamedTuple):
    host_uid: UUID
    replaces: bool
    is_first: bool
    """Whether the key had not come before."""


def bind_join_token(
    tx: Transaction, secret_sha256: bytes, host: str, key_fingerprint: str, now: datetime
) -> Bound | None:
    """Bind the token to its first key, and answer its host; None when it is not good for this.

    Locked first, so of any number of keys that come at once exactly one wins."""
    row = JoinTokenRow
    good = and_(
        row.secret_sha256 == secret_sha256,
        row.host == host,
        row.expires_at > now,
        or_(row.key_fingerprint.is_(None), row.key_fingerprint == key_fingerprint),
    )
    query = select(row.host_uid, row.replaces, row.redeemed_at.is_(None)).where(good)
    found = tx.execute(query.with_for_update()).one_or_none()
    if found is None:
        return None
    first = {"key_fingerprint": key_fingerprint, "redeemed_at": now}
    bound = Bound(*found)
    if bound.is_first:
        tx.execute(update(row).where(row.secret_sha256 == secret_sha256).values(**first))
    return bound


def lock_join_token(tx: Transaction, secret_sha256: bytes, now: datetime) -> bool:
    """Whether the token is good, which it then stays to the end of the transaction."""
    row = JoinTokenRow
    query = select(row.host_uid).where(row.secret_sha256 == secret_sha256, row.expires_at > now)
    return tx.execute(query.with_for_update(read=True)).first() is not None


def lock_certificate(tx: Transaction, serial: str, host_uid: UUID) -> bool:
    """Whether the certificate is good, which it then stays to the end of the transaction."""
    row = HostCertificateRow
    query = select(row.serial).where(
        row.serial == serial, row.host_uid == host_uid, row.revoked_at.is_(None)
    )
    return tx.execute(query.with_for_update(read=True)).first() is not None


def revoke(
    tx: Transaction,
    hosts: Collection[UUID],
    why: Revocation,
    now: datetime,
    *,
    but_token: bytes | None = None,
) -> None:
    """End all certificates of the hosts, and all join tokens but one.

    Whoever gets a certificate locks what it is given for: it is there before this, or never."""
    uids, token, row = list(hosts), JoinTokenRow, HostCertificateRow
    others = and_(token.host_uid == func.any(uids), token.expires_at > _LONG_AGO)
    if but_token is not None:
        others = and_(others, token.secret_sha256 != but_token)
    tx.execute(update(token).where(others).values(expires_at=_LONG_AGO))
    good = and_(row.host_uid == func.any(uids), row.revoked_at.is_(None))
    tx.execute(select(row.serial).where(good).order_by(row.serial).with_for_update()).all()
    tx.execute(update(row).where(good).values(revoked_at=now, revoked_for=why.value))


def add_certificate(
    tx: Transaction, serial: str, host_uid: UUID, not_after: datetime, now: datetime
) -> None:
    tx.execute(
        upsert(HostCertificateRow)
        .values(serial=serial, host_uid=host_uid, issued_at=now, not_after=not_after)
        .on_conflict_do_nothing()
    )


class Standing(NamedTuple):
    """What is known of a certificate that was issued to a host."""

    state: Lifecycle | None
    """Of the host; None: it is not intended any more."""
    is_revoked: bool
    why: str | None


def standings(tx: Transaction, serials: Mapping[UUID, str]) -> dict[UUID, Standing]:
    """By host, of its certificate; what was issued to no host, or to another, is left out."""
    row = HostCertificateRow
    is_revoked = row.revoked_at.is_not(None)
    query = (
        select(row.host_uid, row.serial, HostRow.state, is_revoked, row.revoked_for)
        .outerjoin(HostRow, and_(HostRow.uid == row.host_uid, HostRow.valid_to.is_(None)))
        .where(row.serial == func.any(list(serials.values())))
    )
    return {
        host: Standing(state, revoked, why)
        for host, serial, state, revoked, why in tx.execute(query)
        if serials.get(host) == serial
    }


def lifecycle_of(tx: Transaction, host_uid: UUID) -> Lifecycle | None:
    """None: the host is not intended."""
    query = select(HostRow.state).where(HostRow.uid == host_uid, HostRow.valid_to.is_(None))
    return tx.execute(query).scalar_one_or_none()


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
