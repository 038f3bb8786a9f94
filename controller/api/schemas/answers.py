"""Shapes of answers that are no objects: results of changes, events, and how the fleet is doing.

Owns nothing. Every field is always present, so that a client needs no guesses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from controller.api.schemas.base import Answer
from controller.api.schemas.documents import PhaseName
from controller.api.schemas.manifests import KindName


class ObjectResultDocument(Answer):
    kind: KindName
    name: str
    project: str
    uid: UUID | None
    """None when there was nothing to delete."""
    action: Literal["created", "updated", "unchanged", "deleted"]
    revision: int


class ChangeWarning(Answer):
    """Something that was done, and may be regretted."""

    pointer: str
    """JSON pointer (RFC 6901) into the body."""
    code: str
    detail: str
    fix: str
    """The way out."""


class ChangeResultDocument(Answer):
    revision: int
    """Fleet revision after the change; the same as before when nothing changed."""
    results: list[ObjectResultDocument]
    """In the order of the request, and then what was pruned."""
    warnings: list[ChangeWarning]


class Deletion(Answer):
    revision: int
    """Fleet revision that deleted the object."""
    warnings: list[ChangeWarning]


class DesiredState(Answer):
    revision: int
    hash: str
    """Hexadecimal; opaque."""
    state: dict[str, Any]
    """``ovsfleet.v1.HostState`` as JSON with the field names of the proto file."""


class JoinTokenDocument(Answer):
    token: str
    host: str
    expires_at: datetime
    command: str
    """To be run on the host."""


class ReplacementDocument(JoinTokenDocument):
    warnings: list[ChangeWarning]
    """What to see to before the command is run."""


class ObjectReference(Answer):
    kind: KindName
    name: str
    project: str


class FailureDocument(Answer):
    resource: str
    kind: str
    reason: str
    message: str
    since: datetime
    object: ObjectReference | None
    """The intended object that is affected; None when there is none (any more)."""
    remote: ObjectReference | None
    """Of a tunnel of a segment: the host that it goes to."""


class FailureList(Answer):
    items: list[FailureDocument]


class ConcernedHosts(Answer):
    """Hosts that a revision concerns, less those that are not intended any more."""

    total: int
    applied: int
    """Those that have applied it, and let go of everything that it deleted."""


class PendingHost(Answer):
    host: str
    host_uid: UUID
    applied_revision: int
    phase: PhaseName
    reason: str
    message: str


class RevisionDocument(Answer):
    revision: int
    head: int
    """The fleet's newest revision."""
    realized: bool
    """Whether every host that the revision concerns has applied it."""
    hosts: ConcernedHosts
    pending: list[PendingHost]
    """Hosts that are not there yet, and why: the first hundred by name."""


class PhaseCounts(Answer):
    total: int
    ready: int
    degraded: int
    failed: int
    unknown: int
    pending: int


class ChangeEvent(Answer):
    """``event: change``."""

    revision: int
    kind: KindName
    name: str
    project: str
    uid: UUID
    action: Literal["created", "updated", "deleted", "released", "adopted"]
    """The last two of hosts: an operator allowed something that is no intent."""


class StatusEvent(Answer):
    """``event: status``: look again at this host and what is on it."""

    host: str
    host_uid: UUID
    phase: PhaseName
    connected: bool
    applied_revision: int
    observed_revision: int
    outcome: Literal["applied", "held", "reverted"] | None
    failures: int | None
    """Null for who may not see all that is on the host."""


class AdvancedEvent(Answer):
    """``event: advanced``, where ``statuses=news`` was asked for: hosts that a change of intent did
    not concern have moved on with it, and nothing else of them is new."""

    hosts: int
    applied_revision: int
    """Each of them is there, or further."""


class SyncedEvent(Answer):
    """``event: synced``: everything up to this revision has been sent."""

    revision: int


class Health(Answer):
    status: Literal["ok"] = "ok"


class Readiness(Answer):
    status: Literal["ready", "unready"]
    checks: dict[str, str]
    """Name of the check to ``ok`` or what is wrong."""
