"""What people read: intended objects with their derived statuses.

Owns nothing. Every function runs in one read-only snapshot with a number of queries that does not
grow with the answer. Must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controller.auth import Principal
from controller.domain.intent import Kind, Object, Ref
from controller.domain.status import Phase, Status
from controller.store.engine import Database


@dataclass(frozen=True, slots=True)
class View:
    object: Object
    status: Status


@dataclass(frozen=True, slots=True)
class Page:
    items: tuple[View, ...]
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""
    revision: int
    """Fleet revision of the snapshot that the page was read from."""


@dataclass(frozen=True, slots=True)
class Fleet:
    uid: UUID
    epoch: int
    revision: int


@dataclass(frozen=True, slots=True)
class ResourceFailure:
    """A resource of a host that is not as intended."""

    resource: str
    """Resource id as in ``ovsfleet/v1/state.proto``, or ``host``."""
    kind: str
    reason: str
    message: str
    since: datetime
    object: Ref | None
    """The intended object it belongs to; None when there is none (any more)."""


def get(db: Database, principal: Principal, kind: Kind, project: str, ref: str) -> View:
    """One object by name or uid; NotFoundError when there is none within reach."""
    raise NotImplementedError


def list_views(
    db: Database,
    principal: Principal,
    kind: Kind,
    project: str | None,
    *,
    page_size: int,
    after: str = "",
    labels: Mapping[str, str] | None = None,
) -> Page:
    """A page ordered by (project, name). ``labels`` must all be there with these values."""
    raise NotImplementedError


def fleet(db: Database) -> Fleet:
    raise NotImplementedError


def summary(db: Database, principal: Principal) -> dict[Kind, dict[Phase, int]]:
    """How many objects of each kind are in each phase."""
    raise NotImplementedError


def failures(db: Database, principal: Principal, host_ref: str) -> tuple[ResourceFailure, ...]:
    """Everything on the host (by name or uid) that is not as intended, oldest first."""
    raise NotImplementedError
