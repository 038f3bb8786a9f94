"""What webhooks tell: the events there are, which of them a webhook wants, and the body of each.

Pure. An ``Occurrence`` is one thing that happened to one object; whether it happened is found out
elsewhere.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from controller.domain.intent import Kind, Ref
from controller.domain.label_selectors import Selector
from controller.domain.status import Phase


class Event(enum.StrEnum):
    CREATED = "object.created"
    UPDATED = "object.updated"
    DELETED = "object.deleted"
    REALIZED = "object.realized"
    DEGRADED = "object.degraded"
    FAILED = "object.failed"
    CONNECTED = "host.connected"
    SILENT = "host.silent"
    TEST = "webhook.test"
    """Sent when somebody asks for it, and to nobody else."""


OF_INTENT = {"created": Event.CREATED, "updated": Event.UPDATED, "deleted": Event.DELETED}
"""By action of the change log; what operators allow on hosts is no change of an object."""

OF_PHASE = {
    Phase.READY: Event.REALIZED,
    Phase.DEGRADED: Event.DEGRADED,
    Phase.FAILED: Event.FAILED,
}
"""Pending and Unknown are no news: the one ends by itself, the other is the host's silence."""

OF_STATUS = frozenset({*OF_PHASE.values(), Event.CONNECTED, Event.SILENT})

EVERYTHING = Selector()

SUBSCRIBABLE = tuple(event for event in Event if event is not Event.TEST)


@dataclass(frozen=True, slots=True)
class Occurrence:
    event: Event
    ref: Ref
    uid: UUID
    revision: int
    """Fleet revision of the change; of a status, the revision of the object that has it."""
    occurred_at: datetime
    labels: dict[str, str] = field(default_factory=dict)
    """Of the version that the event is about; of a deleted object, the last it had."""
    phase: Phase | None = None
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Interest:
    """What a webhook wants to be told of."""

    events: frozenset[Event]
    selector: Selector = EVERYTHING
    kinds: frozenset[Kind] | None = None
    """None is all."""
    project: str | None = None
    """None is all."""

    def includes(self, occurrence: Occurrence) -> bool:
        return (
            occurrence.event in self.events
            and (self.kinds is None or occurrence.ref.kind in self.kinds)
            and self.project in {None, occurrence.ref.project}
            and self.selector.matches(occurrence.labels)
        )

    @property
    def concerns_status(self) -> bool:
        return bool(self.events & OF_STATUS)


def body(message_id: UUID, occurrence: Occurrence) -> str:
    """What is posted: stored as it is, so that every attempt sends the same bytes."""
    ref = occurrence.ref
    subject = {
        "kind": ref.kind.value,
        "name": ref.name,
        "project": ref.project,
        "uid": str(occurrence.uid),
    }
    told = {
        "phase": occurrence.phase and occurrence.phase.value,
        "reason": occurrence.reason,
        "message": occurrence.message,
    }
    present = {name: value for name, value in told.items() if value is not None}
    head = _head(message_id, occurrence.event, occurrence.occurred_at, occurrence.revision)
    return _compact({**head, "object": subject, **present})


def body_of_test(message_id: UUID, revision: int, now: datetime) -> str:
    return _compact({**_head(message_id, Event.TEST, now, revision), "object": None})


def _head(message_id: UUID, event: Event, at: datetime, revision: int) -> dict[str, Any]:
    return {
        "id": str(message_id),
        "type": event.value,
        "occurred_at": at.isoformat(),
        "revision": revision,
    }


def _compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
