"""How a host becomes known: join tokens, and the certificates issued for them.

A token lets one more machine speak for a host, such as the same one set up anew; one that replaces
ends what the machine before may do, at the moment it is used. Owns ``join_token`` and
``host_certificate``. Secrets are stored as SHA-256 only. Must not sign anything: the certificate
authority belongs to the southbound side.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from controller.auth import Principal, Verb, may
from controller.domain.departures import REFUSALS, Revocation
from controller.domain.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
    Violation,
)
from controller.domain.events import enrolled
from controller.domain.intent import DEFAULT_PROJECT, Kind, Lifecycle
from controller.services.queries import find
from controller.store import events
from controller.store.audit import write_audit
from controller.store.credentials import (
    Standing,
    add_certificate,
    add_join_token,
    bind_join_token,
    join_token_exists,
    lifecycle_of,
    lock_certificate,
    lock_join_token,
    revoke,
    standings,
)
from controller.store.engine import Database, Transaction
from controller.store.objects import can_be_stored
from controller.store.status import is_heard, write_off

_REMOVED = (
    "host {!r} is removed and takes no machine: set its state to active first"
    " ('ovsfleet edit host NAME')"
)
_UNKNOWN = "the certificate is not known, or was revoked: enrol this host with a new join token"
_REFUSED = "the join token is unknown, expired, already used or for another host: create a new one"


@dataclass(frozen=True, slots=True)
class JoinToken:
    secret: str = field(repr=False)
    host: str
    expires_at: datetime
    warnings: tuple[Violation, ...] = ()
    """What a person should see to before the token is used."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    host_uid: UUID
    replaced: bool
    """Whether the machine that spoke for the host until now may not do so any more."""


def create_join_token(
    db: Database,
    principal: Principal,
    host: str,
    *,
    ttl: timedelta,
    now: datetime,
    request_id: str,
    replaces: bool = False,
) -> JoinToken:
    """A secret that lets one key speak for the host (by name or uid), and with ``replaces`` nobody
    else from then on. NotFoundError without the host, ConflictError when it is removed."""
    if not may(principal, Verb.ENROL, Kind.HOST, DEFAULT_PROJECT):
        raise ForbiddenError(
            f"{principal.name!r} may not enrol hosts; ask a network-admin for the token"
        )
    secret = secrets.token_urlsafe(32)
    with db.transaction() as tx:
        found = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host).object
        if lifecycle_of(tx, found.uid) is Lifecycle.REMOVED:
            raise ConflictError(_REMOVED.format(found.name))
        warnings = (_old_machine(found.name, heard=is_heard(tx, found.uid)),) if replaces else ()
        token = JoinToken(secret, found.name, now + ttl, warnings)
        add_join_token(
            tx,
            secret_sha256=_hash(secret),
            host_uid=found.uid,
            host=found.name,
            created_by=principal.name,
            created_at=now,
            expires_at=token.expires_at,
            replaces=replaces,
        )
        write_audit(
            tx,
            principal=principal.name,
            request_id=request_id,
            action="host.replace" if replaces else "join_token.create",
            detail={"host": found.name, "expires_at": token.expires_at.isoformat()},
        )
    return token


def _old_machine(host: str, *, heard: bool) -> Violation:
    now = "is heard now, and goes" if heard else "is not heard now; if it is still on, it goes"
    detail = (
        f"the machine that is {host!r} so far {now} on forwarding with the host's VTEP, and two"
        " machines with one address disturb each other"
    )
    fix = "turn it off, or run 'ovsfleet-agent purge' there, before you enrol the new machine"
    return Violation("", "old_machine", detail, fix)


def redeem(
    db: Database, secret: str, host_name: str, key_fingerprint: str, *, now: datetime
) -> Redeemed:
    """Binds the token to the first key that presents it, and answers the host it is for.

    The same key may come again until the token expires, because an answer can get lost.
    UnauthenticatedError: unknown, expired, bound to another key or for another host.
    NotFoundError: the host is no longer intended. ConflictError: it is removed. Every attempt at a
    token that exists is audited; a stranger who guesses writes nothing.
    """
    token = _hash(secret)
    with db.snapshot() as tx:
        if not join_token_exists(tx, token):
            raise UnauthenticatedError(_REFUSED)
    host_name = host_name if can_be_stored(host_name) else "?"
    with db.transaction() as tx:
        bound = bind_join_token(tx, token, host_name, key_fingerprint, now)
        state = None if bound is None else lifecycle_of(tx, bound.host_uid)
        is_taken = state is not None and state is not Lifecycle.REMOVED
        # Only once: when the key comes again, its own certificate may be among the good ones.
        replaces = bound is not None and is_taken and bound.replaces and bound.is_first
        if bound is not None and replaces:
            revoke(tx, [bound.host_uid], Revocation.REPLACED, now, but_token=token)
            # Its bound ports stay, as those of a host that is silent, until another machine says
            # what is plugged: nobody else is to notice.
            write_off(tx, bound.host_uid, now, keeps_inventory=True)
        if bound is not None and is_taken and bound.is_first:
            events.add(tx, [enrolled(bound.host_uid, replaces=replaces)], now)
        write_audit(
            tx,
            # The name is only claimed: the audit must not carry more of what a stranger sends.
            principal=f"host {host_name[:63]}",
            request_id="",
            action="join_token.redeem",
            outcome="done" if is_taken else "refused",
            detail={"key": key_fingerprint, "replaced": replaces},
        )
    if bound is None:
        raise UnauthenticatedError(_REFUSED)
    if state is Lifecycle.REMOVED:
        raise ConflictError(_REMOVED.format(host_name))
    if state is None:
        raise NotFoundError(f"host {host_name!r} is no longer intended")
    return Redeemed(bound.host_uid, replaces)


def record_certificate(
    db: Database,
    host_uid: UUID,
    serial: str,
    not_after: datetime,
    *,
    now: datetime,
    token: str | None = None,
    earlier: str | None = None,
) -> None:
    """Makes a certificate good that was issued for a join ``token`` or an ``earlier`` one, if that
    is good still; else UnauthenticatedError or ForbiddenError."""
    with db.transaction() as tx:
        if token is not None and not lock_join_token(tx, _hash(token), now):
            raise UnauthenticatedError(_REFUSED)
        if earlier is not None and not lock_certificate(tx, earlier, host_uid):
            raise ForbiddenError(_UNKNOWN)
        add_certificate(tx, serial, host_uid, not_after, now)


def refusals(db: Database, serials: Mapping[UUID, str]) -> dict[UUID, str]:
    """Those of the hosts, given with their certificates' serials, that may not speak (any more),
    each with the reason and the way out."""
    with db.snapshot() as tx:
        known = standings(tx, serials)
    judged = {host: _refusal(known.get(host)) for host in serials}
    return {host: why for host, why in judged.items() if why is not None}


def admit(tx: Transaction, host_uid: UUID, serial: str) -> None:
    """Keeps the certificate good to the end of the transaction; ForbiddenError when it is not."""
    lock_certificate(tx, serial, host_uid)
    if (why := _refusal(standings(tx, {host_uid: serial}).get(host_uid))) is not None:
        raise ForbiddenError(why)


def refusal(db: Database, host_uid: UUID, serial: str) -> str | None:
    """The same of one; None: it may speak."""
    return refusals(db, {host_uid: serial}).get(host_uid)


def _refusal(standing: Standing | None) -> str | None:
    if standing is None:
        return _UNKNOWN
    if standing.why == Revocation.REPLACED:
        return REFUSALS[Revocation.REPLACED]
    if standing.state is None:
        return REFUSALS[Revocation.DELETED]
    if standing.state is Lifecycle.REMOVED or standing.why == Revocation.REMOVED:
        return REFUSALS[Revocation.REMOVED]
    return _UNKNOWN if standing.is_revoked else None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
