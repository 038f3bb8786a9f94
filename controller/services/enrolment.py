"""How a host becomes known: join tokens, and the certificates issued for them.

Owns ``join_token`` and ``host_certificate``. Secrets are stored as SHA-256 only. Must not sign
anything: the certificate authority belongs to the southbound side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from controller.auth import Principal
from controller.store.engine import Database


@dataclass(frozen=True, slots=True)
class JoinToken:
    secret: str = field(repr=False)
    host: str
    expires_at: datetime


def create_join_token(
    db: Database,
    principal: Principal,
    host: str,
    *,
    ttl: timedelta,
    now: datetime,
    request_id: str,
) -> JoinToken:
    """A secret that lets one key speak for the host (by name or uid); NotFoundError without it."""
    raise NotImplementedError


def redeem(
    db: Database, secret: str, host_name: str, key_fingerprint: str, *, now: datetime
) -> UUID:
    """Binds the token to the first key that presents it, and answers the host it is for.

    The same key may come again until the token expires, because an answer can get lost.
    UnauthenticatedError: unknown, expired, bound to another key or for another host.
    NotFoundError: the host is no longer intended. Every attempt is audited.
    """
    raise NotImplementedError


def record_certificate(
    db: Database, host_uid: UUID, serial: str, not_after: datetime, *, now: datetime
) -> None:
    raise NotImplementedError


def identity_active(db: Database, host_uid: UUID, serial: str) -> bool:
    """Whether the host is intended and this certificate was issued to it and not revoked."""
    raise NotImplementedError
