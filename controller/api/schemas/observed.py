"""Shapes of what a host is like now, beside what is intended of it. Owns nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from controller.api.schemas.answers import ObjectReference
from controller.api.schemas.base import Answer
from controller.api.schemas.drift import DriftDifference

ObservedStateName: TypeAlias = Literal[
    "as_intended", "differs", "missing", "foreign", "unsupported", "failed"
]


class ObservedItem(Answer):
    resource: str
    """What of the host it is, e.g. `port:<uid>`."""
    object: ObjectReference | None
    """The intended object that it is of; null when it is of none."""
    remote: ObjectReference | None
    """Of a tunnel of a segment: the host that it goes to."""
    state: ObservedStateName
    """`missing`: it, or a row or device of it, is not there. `foreign`: something that is not the
    fleet's is in its place. `failed`: it was refused, or something that it needs is missing."""
    differences: list[DriftDifference]
    """Empty where nothing but what goes by itself is to be put back."""
    reason: str
    """As in a failure; empty when nothing keeps the agent from bringing it there."""
    message: str


class ObservedCounts(Answer):
    as_intended: int = 0
    differs: int = 0
    missing: int = 0
    foreign: int = 0
    unsupported: int = 0
    failed: int = 0


class ObservedDocument(Answer):
    host: str
    revision: int
    """Of the state that the host was compared with: the one that its agent accepted last; 0: none
    yet."""
    asked_at: datetime
    received_at: datetime
    items: list[ObservedItem]
    """What is not as intended first, up to 1,000 differences."""
    counts: ObservedCounts
    """How many resources are in each state, also of those that `items` leaves out."""
    truncated: bool
    """Whether `items` leaves any out."""
