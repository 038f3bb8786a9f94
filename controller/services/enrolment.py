"""How a host becomes known: join tokens, and the certificates issued for them.

Owns ``join_token`` and ``host_certificate``. Secrets are stored as SHA-256 only. Must not sign
anything: the certificate authority belongs to the southbound side.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from controller.auth import Principal, Verb, may
from controller.domain.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services.queries import find
from controller.store.audit import write_audit
from controller.store.credentials import (
    add_certificate,
    add_join_token,
    bind_join_token,
    certificate_is_good,
    hosts_with_good_certificates,
    join_token_exists,
)
from controller.store.engine import Database
from controller.store.objects import can_be_stored
from controller.store.status import host_is_intended

_REFUSED = "the join token is unknown, expired, already used or for another host: create a new one"


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
    if not may(principal, Verb.ENROL, Kind.HOST, DEFAULT_PROJECT):
        raise ForbiddenError(
            f"{principal.name!r} may not enrol hosts; ask a network-admin for the token"
        )
    secret = secrets.token_urlsafe(32)
    with db.transaction() as tx:
        found = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host).object
        token = JoinToken(secret, found.name, now + ttl)
        add_join_token(
            tx,
            secret_sha256=_hash(secret),
            host_uid=found.uid,
            host=found.name,
            created_by=principal.name,
            created_at=now,
            expires_at=token.expires_at,
        )
        write_audit(
            tx,
            principal=principal.name,
            request_id=request_id,
            action="join_token.create",
            detail={"host": found.name, "expires_at": token.expires_at.isoformat()},
        )
    return token


def redeem(
    db: Database, secret: str, host_name: str, key_fingerprint: str, *, now: datetime
) -> UUID:
    """Binds the token to the first key that presents it, and answers the host it is for.

    The same key may come again until the token expires, because an answer can get lost.
    UnauthenticatedError: unknown, expired, bound to another key or for another host.
    NotFoundError: the host is no longer intended. Every attempt at a token that exists is audited;
    a stranger who guesses writes nothing.
    """
    token = _hash(secret)
    with db.snapshot() as tx:
        if not join_token_exists(tx, token):
            raise UnauthenticatedError(_REFUSED)
    host_name = host_name if can_be_stored(host_name) else "?"
    with db.transaction() as tx:
        host_uid = bind_join_token(tx, token, host_name, key_fingerprint, now)
        intended = host_uid is not None and host_is_intended(tx, host_uid)
        write_audit(
            tx,
            # The name is only claimed: the audit must not carry more of what a stranger sends.
            principal=f"host {host_name[:63]}",
            request_id="",
            action="join_token.redeem",
            outcome="done" if intended else "refused",
            detail={"key": key_fingerprint},
        )
    if host_uid is None:
        raise UnauthenticatedError(_REFUSED)
    if not intended:
        raise NotFoundError(f"host {host_name!r} is no longer intended")
    return host_uid


def record_certificate(
    db: Database, host_uid: UUID, serial: str, not_after: datetime, *, now: datetime
) -> None:
    with db.transaction() as tx:
        add_certificate(tx, serial, host_uid, not_after, now)


def identity_active(db: Database, host_uid: UUID, serial: str) -> bool:
    """Whether the host is intended and this certificate was issued to it and not revoked."""
    with db.snapshot() as tx:
        return certificate_is_good(tx, serial, host_uid)


def inactive(db: Database, serials: Mapping[UUID, str]) -> frozenset[UUID]:
    """Those of the hosts, given with their certificates' serials, that may not speak any more."""
    with db.snapshot() as tx:
        return frozenset(serials) - hosts_with_good_certificates(tx, serials)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
