"""Shapes of webhooks and of what was sent to them. Owns nothing; a secret is in one answer only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, StringConstraints

from controller.api.schemas.base import Answer, Shape, Text
from controller.api.schemas.manifests import KindName

EventName: TypeAlias = Literal[
    "object.created",
    "object.updated",
    "object.deleted",
    "object.realized",
    "object.degraded",
    "object.failed",
    "host.connected",
    "host.silent",
]
DeliveryState: TypeAlias = Literal["waiting", "sending", "delivered", "failed"]

_Url = Annotated[str, StringConstraints(max_length=2048)]
_Selector = Annotated[str, StringConstraints(max_length=2048)]


class WebhookRequest(Shape):
    name: Text
    url: _Url
    """http or https. Of a receiver that is not the controller's own machine."""
    events: Annotated[list[EventName], Field(min_length=1, max_length=100)]
    label_selector: _Selector = ""
    """Only of objects with such labels: `k=v`, `k!=v`, `k in (a,b)`, `k`, `!k`, with commas."""
    kinds: Annotated[list[KindName], Field(min_length=1, max_length=100)] | None = None
    """Only of objects of these kinds; null is all."""
    project: Text | None = None
    """Only of objects of this project; null is all."""
    secret: Text | None = None
    """`whsec_` and 24 to 64 bytes in base64. Null: a new webhook gets one, another keeps its own.
    Never shown again."""


class WebhookDocument(Answer):
    uid: UUID
    name: str
    url: str
    events: list[EventName]
    label_selector: str
    kinds: list[KindName] | None
    project: str | None
    revision: int
    """Of the webhook; its ETag. Not one of the fleet."""
    created_at: datetime
    updated_at: datetime
    unfinished: int
    """Messages that are still to be delivered."""
    failed: int
    """Messages that were given up in the last 7 days."""


class NewWebhookDocument(WebhookDocument):
    secret: str
    """What messages are signed with. Shown here and never again."""


class WebhookPage(Answer):
    items: list[WebhookDocument]
    next_page_token: str
    """Empty on the last page."""


class DeliveryObject(Answer):
    kind: KindName
    name: str
    project: str
    uid: UUID


class DeliveryDocument(Answer):
    """One message to a webhook and what became of it."""

    id: UUID
    """The header `Webhook-Id`, the same in every attempt."""
    event: EventName | Literal["webhook.test"]
    object: DeliveryObject | None
    """Null for a test."""
    state: DeliveryState
    attempts: int
    status_code: int | None
    """Of the last attempt; null when it was not answered."""
    error: str | None
    """Of the last attempt; null when it succeeded, or there was none yet."""
    created_at: datetime
    next_attempt_at: datetime | None
    """Null when there will be none, or one is being made."""
    finished_at: datetime | None


class DeliveryList(Answer):
    items: list[DeliveryDocument]
