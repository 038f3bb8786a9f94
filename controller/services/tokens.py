"""API tokens: who may call the REST API.

Owns ``api_token``; secrets are stored as SHA-256 only. A token is ``ovsf_<43 characters>_<CRC-32>``
so that a mistyped one is refused before the database is asked.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from controller.auth import Principal, Role
from controller.domain.errors import ForbiddenError, UnauthenticatedError
from controller.store.audit import write_audit
from controller.store.credentials import (
    ApiToken,
    add_api_token,
    find_api_token,
    has_api_token,
    list_api_tokens,
    lock_api_tokens,
)
from controller.store.engine import Database, Transaction


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
    with db.transaction() as tx:
        lock_api_tokens(tx)
        if has_api_token(tx):
            return None
        secret = _new_secret()
        _add(tx, secret, "admin", {Role.NETWORK_ADMIN}, now=now)
        write_audit(tx, principal="first start", request_id="", action="api_token.create")
    return secret


def authenticate(db: Database, secret: str, *, now: datetime) -> Principal:
    """UnauthenticatedError when the token is malformed, unknown, expired or revoked."""
    if not _well_formed(secret):
        raise UnauthenticatedError("this is not a token of ours: it reads ovsf_…, copy all of it")
    with db.snapshot() as tx:
        found = find_api_token(tx, _hash(secret), now)
    if found is None:
        raise UnauthenticatedError("the token is unknown, expired or revoked: ask for a new one")
    return Principal(found.name, _roles(found), _projects(found), found.expires_at)


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
    """Makes a token and answers its secret, which cannot be read again.

    ConflictError: the name is taken. ForbiddenError: the caller is not a network-admin."""
    if Role.NETWORK_ADMIN not in principal.roles:
        raise ForbiddenError(f"{principal.name!r} may not make tokens; ask a network-admin")
    secret = _new_secret()
    with db.transaction() as tx:
        _add(tx, secret, name, roles, now=now, projects=projects, expires_at=expires_at)
        write_audit(
            tx,
            principal=principal.name,
            request_id=request_id,
            action="api_token.create",
            detail={"name": name, "roles": sorted(roles)},
        )
    return secret


def list_tokens(db: Database) -> tuple[TokenInfo, ...]:
    """All tokens that are not revoked, by name."""
    with db.snapshot() as tx:
        found = list_api_tokens(tx)
    return tuple(
        TokenInfo(t.uid, t.name, _roles(t), _projects(t), t.created_at, t.expires_at) for t in found
    )


def _add(
    tx: Transaction,
    secret: str,
    name: str,
    roles: Collection[Role],
    *,
    now: datetime,
    projects: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> None:
    add_api_token(
        tx,
        uid=uuid4(),
        name=name,
        secret_sha256=_hash(secret),
        roles=sorted(roles),
        projects=None if projects is None else sorted(projects),
        created_at=now,
        expires_at=expires_at,
    )


def _roles(token: ApiToken) -> frozenset[Role]:
    return frozenset(Role(role) for role in token.roles)


def _projects(token: ApiToken) -> frozenset[str] | None:
    return None if token.projects is None else frozenset(token.projects)


_FORM = re.compile(r"(ovsf_[A-Za-z0-9_-]{43})_([0-9a-f]{8})")


def _new_secret() -> str:
    body = f"ovsf_{secrets.token_urlsafe(32)}"
    return f"{body}_{_checksum(body)}"


def _well_formed(secret: str) -> bool:
    match = _FORM.fullmatch(secret)
    return match is not None and _checksum(match[1]) == match[2]


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
