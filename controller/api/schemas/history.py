"""Shapes of what objects were, and of what was changed. Owns nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from controller.api.schemas.base import Answer
from controller.api.schemas.manifests import KindName


class FieldChange(Answer):
    pointer: str
    """JSON pointer (RFC 6901) into the object: `/spec/mtu`, `/metadata/labels/tier`."""
    before: Any
    """Null where there was nothing."""
    after: Any
    """Null where there is nothing any more."""


class VersionDocument(Answer):
    revision: int
    """Fleet revision that did it."""
    at: datetime
    principal: str
    """Who did it: the name of an API token, or `system:…` for the controller itself. Empty where
    that is not known."""
    request_id: str
    action: Literal["created", "updated", "deleted"]
    labels: dict[str, str]
    spec: dict[str, Any]
    """The whole object as it was from then on, as its kind's `spec`; of a deletion, as it was
    last."""
    changes: list[FieldChange]
    """Of an update, the fields that it changed. Empty, too, where the controller only noted
    something for itself."""


class HistoryPage(Answer):
    items: list[VersionDocument]
    """Newest first."""
    next_page_token: str
    """Give it as `page_token` for the next page; empty on the last."""


class ChangeDocument(Answer):
    revision: int
    at: datetime | None
    """Null where that is not known."""
    principal: str
    request_id: str
    kind: KindName
    project: str
    name: str
    uid: UUID
    action: Literal["created", "updated", "deleted", "released", "adopted"]
    """The last two of hosts: an operator allowed something that is no intent."""


class ChangePage(Answer):
    items: list[ChangeDocument]
    """Newest first."""
    next_page_token: str
    """Give it as `page_token` for the next page; empty on the last."""
