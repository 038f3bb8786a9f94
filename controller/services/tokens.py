"""API tokens: who may call the REST API.

Owns ``api_token``; secrets are stored as SHA-256 only. A token is ``ovsf_<43 characters>_<CRC-32>``,
so that a mistyped one is refused before the database is asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controller.auth import Principal, Role
from controller.store.engine import Database


@dataclass(frozen=True, slots=True)
class TokenInfo:
    uid: UUID
    name: str
    roles: frozenset[Role]
    projects: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None


def ensure_admin(db: Database, *, now: datetime) -> str | None:
    """Makes the first token, of a network-admin, when there is none yet; answers its secret."""
    raise NotImplementedError


def authenticate(db: Database, secret: str, *, now: datetime) -> Principal:
    """UnauthenticatedError when the token is malformed, unknown, expired or revoked."""
    raise NotImplementedError


def create(
    db: Database,
    principal: Principal,
    name: str,
    roles: Collection[Role],
    *,
    now: datetime,
    request_id: str,
    projects: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Makes a token and answers its secret, which cannot be read again. ConflictError: name taken."""
    raise NotImplementedError


def list_tokens(db: Database) -> tuple[TokenInfo, ...]:
    """All tokens that are not revoked, by name."""
    raise NotImplementedError
