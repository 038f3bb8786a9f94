"""Shapes of what others changed on hosts. Owns nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from controller.api.schemas.answers import ObjectReference
from controller.api.schemas.base import Answer

DriftActionName: TypeAlias = Literal["enforced", "reported", "gave_up"]


class DriftDifference(Answer):
    field: str
    """A column or an attribute; `present` stands for a whole row or device."""
    intended: str
    found: str


class DriftEventDocument(Answer):
    at: datetime
    """When the agent found it, by the host's clock."""
    received_at: datetime
    host: str
    resource: str
    """What of the host it was, e.g. `port:<uid>`."""
    object: ObjectReference | None
    """The intended object that it is of; null when it is of none."""
    action: DriftActionName
    """What the agent did: it mended it, it left it because the object's `drift_policy` says so, or
    it gave up because somebody changed it back each time."""
    differences: list[DriftDifference]
    who: str
    """Which command or program did it, as far as the host's database tells; else empty. Without its
    arguments for callers with limited projects."""


class DriftEventPage(Answer):
    items: list[DriftEventDocument]
    """Newest first."""
    next_page_token: str
    """Give it as `page_token` for the next page; empty on the last."""
