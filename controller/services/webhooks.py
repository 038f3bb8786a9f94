"""Webhooks: who is told of what. Owns ``webhook``, which is no intent and has no fleet revision.

For network-admins whose token reaches every project, because a webhook tells of all of them, and
because whoever makes one chooses where the controller sends requests.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from controller.auth import Principal, Role
from controller.domain import webhook_signing
from controller.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    Violation,
)
from controller.domain.intent import Kind
from controller.domain.label_selectors import parse_selector
from controller.domain.validation import fields
from controller.domain.webhook_targets import TargetError, parse_url
from controller.domain.webhooks import Event, body_of_test
from controller.store import webhook_deliveries as deliveries
from controller.store import webhooks as rows
from controller.store.audit import write_audit
from controller.store.engine import Database, Transaction
from controller.store.fleet import read_fleet
from controller.store.objects import existing_projects
from controller.store.webhook_deliveries import Counts, Delivery

__all__ = ["Delivery", "View", "Wanted", "create", "delete", "get", "list_page", "newest"]

SHOWN = 100
"""Messages that a webhook's history shows."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A webhook as somebody wants it."""

    name: str
    url: str
    events: frozenset[Event]
    label_selector: str = ""
    kinds: frozenset[Kind] | None = None
    project: str | None = None
    secret: str | None = None
    """None: a new webhook gets one, another keeps its own."""


@dataclass(frozen=True, slots=True)
class View:
    """A webhook as people see it: without its secret."""

    uid: UUID
    name: str
    url: str
    events: tuple[Event, ...]
    label_selector: str
    kinds: tuple[Kind, ...] | None
    project: str | None
    revision: int
    created_at: datetime
    updated_at: datetime
    unfinished: int
    """Messages that wait for an attempt."""
    failed: int
    """Messages that were given up, of those still remembered."""


def create(
    db: Database,
    principal: Principal,
    wanted: Wanted,
    *,
    allow_loopback: bool,
    now: datetime,
    request_id: str,
) -> tuple[View, str]:
    """Answers the secret too, which cannot be read again. ConflictError: the name is taken."""
    _authorise(principal)
    key = secrets.token_bytes(webhook_signing.SECRET_BYTES)
    secret = wanted.secret or webhook_signing.encode_secret(key)
    uid = uuid4()
    with db.transaction() as tx:
        _check(tx, wanted, allow_loopback=allow_loopback)
        rows.add(tx, uid, {**_columns(wanted), "secret": secret}, now)
        _audit(tx, principal, request_id, "webhook.create", wanted.name)
        return _found(tx, wanted.name), secret


def replace(
    db: Database,
    principal: Principal,
    wanted: Wanted,
    *,
    expected_revision: int | None,
    allow_loopback: bool,
    now: datetime,
    request_id: str,
) -> View:
    """The secret stays when none is given. What waits is sent to the new address."""
    _authorise(principal)
    with db.transaction() as tx:
        current = _locked(tx, wanted.name, expected_revision)
        _check(tx, wanted, allow_loopback=allow_loopback)
        secret = wanted.secret or current.secret
        rows.replace(tx, current.uid, {**_columns(wanted), "secret": secret}, now)
        _audit(tx, principal, request_id, "webhook.replace", wanted.name)
        return _found(tx, wanted.name)


def delete(
    db: Database,
    principal: Principal,
    name: str,
    *,
    expected_revision: int | None,
    request_id: str,
) -> None:
    """With all that waits to be sent to it."""
    _authorise(principal)
    with db.transaction() as tx:
        rows.remove(tx, _locked(tx, name, expected_revision).uid)
        _audit(tx, principal, request_id, "webhook.delete", name)


def get(db: Database, principal: Principal, name: str) -> View:
    _authorise(principal)
    with db.snapshot() as tx:
        return _found(tx, name)


def list_page(
    db: Database, principal: Principal, *, page_size: int, after: str
) -> tuple[list[View], str]:
    """A page by name, and what to give as ``after`` for the next one; empty on the last."""
    _authorise(principal)
    with db.snapshot() as tx:
        found = rows.read_page(tx, after=after, limit=page_size + 1)
        shown = found[:page_size]
        views = _views(tx, shown)
    return views, shown[-1].name if len(found) > page_size else ""


def send_test(
    db: Database, principal: Principal, name: str, *, now: datetime, request_id: str
) -> Delivery:
    """Stores a message that says nothing but that it is a test."""
    _authorise(principal)
    message_id = uuid4()
    with db.transaction() as tx:
        webhook = _locked(tx, name, None)
        row = {
            "id": message_id,
            "webhook_uid": webhook.uid,
            "event": Event.TEST.value,
            "object_uid": message_id,
            "body": body_of_test(message_id, read_fleet(tx).revision, now),
        }
        deliveries.add(tx, [row], now)
        _audit(tx, principal, request_id, "webhook.test", name)
        (stored,) = deliveries.read_newest(tx, webhook.uid, 1)
    return stored


def newest(db: Database, principal: Principal, name: str) -> list[Delivery]:
    """The last messages, newest first."""
    _authorise(principal)
    with db.snapshot() as tx:
        return deliveries.read_newest(tx, _row(tx, name).uid, SHOWN)


def _authorise(principal: Principal) -> None:
    if Role.NETWORK_ADMIN not in principal.roles or principal.projects is not None:
        raise ForbiddenError(
            f"{principal.name} may not use webhooks, which tell of every project: ask a"
            " network-admin whose token is not limited to projects"
        )


def _row(tx: Transaction, name: str, *, lock: bool = False) -> rows.Webhook:
    found = rows.find(tx, name, lock=lock) if fields.name(name) is None else None
    if found is None:
        raise NotFoundError(f"there is no webhook {name!r}")
    return found


def _locked(tx: Transaction, name: str, expected_revision: int | None) -> rows.Webhook:
    found = _row(tx, name, lock=True)
    if expected_revision not in {None, found.revision}:
        raise StaleError(
            f"webhook {name!r} was changed since you read it: If-Match names revision"
            f" {expected_revision}, and it is at {found.revision}; read it again"
        )
    return found


def _found(tx: Transaction, name: str) -> View:
    return _views(tx, [_row(tx, name)])[0]


def _views(tx: Transaction, found: list[rows.Webhook]) -> list[View]:
    counts = deliveries.count(tx, [each.uid for each in found])
    return [_view(each, counts.get(each.uid, Counts(0, 0))) for each in found]


def _view(row: rows.Webhook, counts: Counts) -> View:
    return View(
        uid=row.uid,
        name=row.name,
        url=row.url,
        events=tuple(Event(word) for word in row.events),
        label_selector=row.label_selector,
        kinds=None if row.kinds is None else tuple(Kind(word) for word in row.kinds),
        project=row.project,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
        unfinished=counts.unfinished,
        failed=counts.failed,
    )


def _columns(wanted: Wanted) -> Mapping[str, Any]:
    return {
        "name": wanted.name,
        "url": wanted.url,
        "events": [event.value for event in Event if event in wanted.events],
        "label_selector": wanted.label_selector,
        "kinds": None if wanted.kinds is None else [k.value for k in Kind if k in wanted.kinds],
        "project": wanted.project,
    }


def _audit(tx: Transaction, principal: Principal, request_id: str, action: str, name: str) -> None:
    write_audit(
        tx,
        principal=principal.name,
        request_id=request_id,
        action=action,
        detail={"name": name},
    )


def _check(tx: Transaction, wanted: Wanted, *, allow_loopback: bool) -> None:
    violations = [
        *_shape_violations(wanted),
        *_target_violations(wanted, allow_loopback=allow_loopback),
        *_project_violations(tx, wanted),
    ]
    if violations:
        raise InvalidError(violations[0].detail, violations)


def _shape_violations(wanted: Wanted) -> Iterator[Violation]:
    if fault := fields.name(wanted.name):
        yield Violation("/name", fault.code, fault.detail, fault.fix)
    try:
        parse_selector(wanted.label_selector)
    except InvalidError as error:
        yield from (
            Violation("/label_selector", each.code, each.detail, each.fix)
            for each in error.violations
        )
    if wanted.secret is not None:
        try:
            webhook_signing.decode_secret(wanted.secret)
        except ValueError as error:
            fix = "leave it out to get one, or give whsec_ and 24 to 64 random bytes in base64"
            yield Violation("/secret", "invalid_secret", f"the secret cannot be used: {error}", fix)


def _target_violations(wanted: Wanted, *, allow_loopback: bool) -> Iterator[Violation]:
    try:
        parse_url(wanted.url, allow_loopback=allow_loopback)
    except TargetError as error:
        detail = f"nothing is sent to this URL: {error}"
        fix = "give the http or https URL of a receiver on another machine"
        yield Violation("/url", "invalid_url", detail, fix)


def _project_violations(tx: Transaction, wanted: Wanted) -> Iterator[Violation]:
    project = wanted.project
    if project is not None and project not in existing_projects(tx, [project]):
        detail = f"there is no project {project!r}"
        yield Violation(
            "/project", "unknown_project", detail, "name one that is there, or leave it out for all"
        )
