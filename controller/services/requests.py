"""Requests that happen once, however often they are sent: the answer is kept under a key.

Owns ``request``. The answer is stored in the transaction of the change that it tells of, so neither
is ever there without the other. What fails is not kept: it may be tried again under its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controller.domain.errors import ConflictError, InvalidError
from controller.store import requests as rows
from controller.store.engine import Database, Transaction


class KeyReusedError(InvalidError):
    """The key stands for another request already."""

    code = "idempotency_key_reused"


class RequestInProgressError(ConflictError):
    """The same request is being carried out at this moment."""

    code = "request_in_progress"


@dataclass(frozen=True, slots=True)
class Key:
    """Which request it is. ``fingerprint`` is equal for what counts as the same request."""

    principal: str
    word: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False
    """Whether it was given before, and nothing was done now."""


def once(db: Database, key: Key | None, work: Callable[[Transaction], Answer]) -> Answer:
    """Does the work in a transaction, or answers what it answered under this key before."""
    with db.transaction() as tx:
        if key is None:
            return work(tx)
        given = _given_before(tx, key)
        if given is not None:
            return given
        answer = work(tx)
        _keep(tx, key, answer)
        return answer


def forget(db: Database, *, before: datetime) -> int:
    """Forgets the answers that were given before; answers how many."""
    with db.transaction() as tx:
        return rows.forget(tx, before)


def _given_before(tx: Transaction, key: Key) -> Answer | None:
    """Also keeps others out who come with this key, until the transaction ends."""
    if not rows.try_lock(tx, key.principal, key.word):
        raise RequestInProgressError(
            f"a request with the Idempotency-Key {key.word!r} is being carried out;"
            " send it again in a moment to get its answer"
        )
    kept = rows.read(tx, key.principal, key.word)
    if kept is None:
        return None
    if kept.fingerprint != key.fingerprint:
        raise KeyReusedError(
            f"the Idempotency-Key {key.word!r} was used for a request with another method, path or"
            " body; take a new key for every new request"
        )
    return Answer(kept.status, kept.body, kept.headers, replayed=True)


def _keep(tx: Transaction, key: Key, answer: Answer) -> None:
    rows.keep(
        tx,
        principal=key.principal,
        key=key.word,
        fingerprint=key.fingerprint,
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
        now=datetime.now(UTC),
    )
