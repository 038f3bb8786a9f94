"""Shapes of the story of what happened. Owns nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from controller.api.schemas.base import Answer
from controller.api.schemas.manifests import KindName

SeverityName: TypeAlias = Literal["info", "warning", "error"]
EventTypeName: TypeAlias = Literal[
    "object.created",
    "object.updated",
    "object.deleted",
    "host.state_changed",
    "host.enrolled",
    "host.replaced",
    "host.given_up",
    "host.connected",
    "host.disconnected",
    "host.silent",
    "host.applied",
    "host.held",
    "host.reverted",
    "host.released",
    "host.withdrawn",
    "host.adopted",
    "resource.failed",
    "resource.recovered",
    "drift.enforced",
    "drift.reported",
    "drift.gave_up",
]


class EventDocument(Answer):
    id: int
    at: datetime
    """By the controller's clock."""
    type: EventTypeName
    severity: SeverityName
    kind: KindName | None
    """Of what it happened to: a host for what happened to the host itself. Null, and no project,
    where it was no intended object."""
    project: str | None
    name: str | None
    """Null where it is several objects of one kind; `message` names the first of them."""
    host: str | None
    """Where it happened; null where that is no or more than one host."""
    reason: str
    """A stable CamelCase word. `Continued`: says the same as another event of its
    revision, of further objects. `Repeated`: stands for all further events of this type, kind and
    project on this host in one minute, with their number in `count`."""
    message: str
    principal: str | None
    """Who did it; null where nobody did."""
    revision: int | None
    """The fleet revision that it was, or that a host applied or undid."""
    count: int
    """How many objects it is, or how often it happened."""


class EventPage(Answer):
    items: list[EventDocument]
    """Newest first."""
    next_page_token: str
    """Give it as `page_token` for the next page; empty on the last."""
