"""What happens in a fleet, as one story: which events there are, and what a report tells anew.

Pure. An event is told when something becomes another thing, never because it still is. Words of
``HostStatus`` and of failures are the agents'.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from controller.domain.intent import Kind, Object, Ref
from controller.domain.safety import DriftAction
from controller.domain.status import (
    CHANGE_RESOURCE,
    HOST_RESOURCE,
    LEFT_AS_FOUND,
    ON_TRIAL,
    OVERLAY_RESOURCE,
    REMOVALS_RESOURCE,
    Outcome,
)


class EventType(enum.StrEnum):
    CREATED = "object.created"
    UPDATED = "object.updated"
    DELETED = "object.deleted"
    STATE_CHANGED = "host.state_changed"
    """Somebody put it in maintenance or back to use, or lets it leave the fleet."""
    ENROLLED = "host.enrolled"
    REPLACED = "host.replaced"
    """Another machine is it from now on."""
    GIVEN_UP = "host.given_up"
    """Nobody waits for its machine any more."""
    CONNECTED = "host.connected"
    DISCONNECTED = "host.disconnected"
    SILENT = "host.silent"
    APPLIED = "host.applied"
    HELD = "host.held"
    """It applies nothing new."""
    REVERTED = "host.reverted"
    """It undid a change, and is pinned to what it went back to."""
    RELEASED = "host.released"
    WITHDRAWN = "host.withdrawn"
    ADOPTED = "host.adopted"
    FAILED = "resource.failed"
    RECOVERED = "resource.recovered"
    DRIFT_ENFORCED = "drift.enforced"
    DRIFT_REPORTED = "drift.reported"
    DRIFT_GAVE_UP = "drift.gave_up"


OF_INTENT = (EventType.CREATED, EventType.UPDATED, EventType.DELETED, EventType.STATE_CHANGED)


class Severity(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    """Something a person may have to look at."""
    ERROR = "error"
    """Something is not as intended, and does not mend itself."""


REPEATED = "Repeated"
"""Reason of an event that stands for all further ones of its type, host, kind, project and minute.
It has the names of what they are of."""
_OF_OBJECTS = (
    EventType.FAILED,
    EventType.RECOVERED,
    EventType.DRIFT_ENFORCED,
    EventType.DRIFT_REPORTED,
    EventType.DRIFT_GAVE_UP,
)


def most_a_minute(kind: EventType) -> int:
    """How many events of a type are told of one host in a minute, one by one. Of each kind and
    project it is so many: a project's story has room, whatever happens to others."""
    return 20 if kind in _OF_OBJECTS else 5


NAMED = 100
"""Names that one event has to be found by; of more objects there are several."""
CONTINUED = "Continued"
"""Reason of an event that says the same as another of its revision, of further objects: told only
of one of these, or of a host."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, before it is stored. What it is of is named, or known by its uid alone."""

    type: EventType
    severity: Severity
    reason: str
    """A stable CamelCase word."""
    message: str
    """For everybody who may see the object."""
    detail: str = ""
    """For whoever may see all that is on the host."""
    host_uid: UUID | None = None
    """None of what happened to intent."""
    object_uid: UUID | None = None
    """None, and no kind: only for whoever may see all that is on the host."""
    kind: Kind | None = None
    project: str | None = None
    names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    principal: str | None = None
    revision: int | None = None
    count: int = 1


class Before(NamedTuple):
    """What was known of a host before a report of it."""

    silent: bool
    outcome: str | None
    applied_revision: int
    observed_revision: int
    failures: int


class Reported(NamedTuple):
    outcome: Outcome
    applied_revision: int
    observed_revision: int
    is_pinned: bool
    words: str
    """The agent's, of a change that it undid."""


class Failing(NamedTuple):
    """A failure, as it was or is reported."""

    resource: str
    object_uid: UUID | None
    reason: str
    message: str


def of_host(
    kind: EventType,
    host_uid: UUID,
    reason: str,
    message: str,
    /,
    *,
    severity: Severity = Severity.INFO,
    **more: Any,
) -> Happening:
    """Something that happened to the host itself."""
    about = {"host_uid": host_uid, "object_uid": host_uid, **more}
    return Happening(kind, severity, reason, message, **about)


def connected(host_uid: UUID, reason: str = "SessionOpen") -> Happening:
    said = "its agent is heard again" if reason == "HeardAgain" else "its agent has connected"
    return of_host(EventType.CONNECTED, host_uid, reason, said)


def disconnected(host_uid: UUID) -> Happening:
    said = "its agent's connection has ended; the host goes on with the state it has"
    return of_host(EventType.DISCONNECTED, host_uid, "StreamEnded", said, severity=Severity.WARNING)


def silent(host_uid: UUID) -> Happening:
    said = "its agent is not heard any more; the host goes on with the state it has"
    return of_host(EventType.SILENT, host_uid, "HostSilent", said, severity=Severity.WARNING)


_ALLOWED = {
    EventType.RELEASED: "it was let go on with what waited for a person",
    EventType.WITHDRAWN: "what it was allowed was taken back",
    EventType.ADOPTED: "it may take over what was there before",
}


def allowed(kind: EventType, host: Object, detail: str, **who: Any) -> Happening:
    """What an operator lets a host do; which resources these are is for whoever may see all."""
    reason = kind.value.partition(".")[2].capitalize()
    about: dict[str, Any] = {"kind": host.kind, "project": host.project, "names": (host.name,)}
    return of_host(
        kind, host.uid, reason, _ALLOWED[kind], detail=detail, hosts=(host.name,), **about, **who
    )


def enrolled(host_uid: UUID, *, replaces: bool) -> Happening:
    if replaces:
        said = "another machine is it from now on; the one before may not speak for it any more"
        return of_host(EventType.REPLACED, host_uid, "Replaced", said, severity=Severity.WARNING)
    return of_host(EventType.ENROLLED, host_uid, "Enrolled", "a machine has enrolled as this host")


def given_up(host_uid: UUID, principal: str) -> Happening:
    said = "its machine is given up: nobody waits for its word any more"
    warning = Severity.WARNING
    return of_host(
        EventType.GIVEN_UP, host_uid, "GivenUp", said, severity=warning, principal=principal
    )


def drifted(
    host: Ref, host_uid: UUID, action: DriftAction, about: Ref | str, *, what: str, who: str
) -> Happening:
    """What somebody else changed on a host, and what its agent did about it. ``about`` is the
    object, or the resource where there is none; ``who`` did it, as far as that is known."""
    kind, reason, done = _DRIFT[action]
    ref = about if isinstance(about, Ref) else None
    return Happening(
        kind,
        Severity.ERROR if action is DriftAction.GAVE_UP else Severity.WARNING,
        reason,
        f"{done}: {what}" if ref else f"{about}: {done}: {what}",
        detail=who,
        host_uid=host_uid,
        kind=ref.kind if ref else None,
        project=ref.project if ref else None,
        names=(ref.name,) if ref else (),
        hosts=(host.name,),
    )


_DRIFT = {
    DriftAction.ENFORCED: (EventType.DRIFT_ENFORCED, "Enforced", "changed by others and mended"),
    DriftAction.REPORTED: (EventType.DRIFT_REPORTED, "Drifted", "changed by others and left"),
    DriftAction.GAVE_UP: (
        EventType.DRIFT_GAVE_UP,
        "DriftFought",
        "changed by others again and again, and left",
    ),
}


def outcome_of(host_uid: UUID, before: Before, now: Reported) -> Iterator[Happening]:
    """What a report says of the host as a whole that it did not say before."""
    if before.silent:
        yield connected(host_uid, "HeardAgain")
    is_new = before.outcome != now.outcome
    match now.outcome:
        case Outcome.APPLIED if is_new or now.applied_revision > before.applied_revision:
            said = f"revision {now.applied_revision} is applied"
            if now.applied_revision:
                yield of_host(
                    EventType.APPLIED, host_uid, "Applied", said, revision=now.applied_revision
                )
        case Outcome.HELD if is_new:
            said = "it holds its last state and applies nothing new"
            yield of_host(EventType.HELD, host_uid, "Held", said, severity=Severity.ERROR)
        case Outcome.REVERTED if is_new or now.observed_revision != before.observed_revision:
            yield _reverted(host_uid, now)
        case _:
            pass


def _reverted(host_uid: UUID, now: Reported) -> Happening:
    said = f"it undid revision {now.observed_revision} and went back to {now.applied_revision}"
    if now.is_pinned:
        said += ", where it is held until it is released"
    return of_host(
        EventType.REVERTED,
        host_uid,
        "Reverted",
        said,
        severity=Severity.ERROR,
        detail=now.words,
        revision=now.observed_revision,
    )


def failures_of(
    host_uid: UUID, before: Mapping[str, Failing], now: Mapping[str, Failing]
) -> Iterator[Happening]:
    """What failed and what recovered between two reports: one event for each object, however many
    of its resources it was. What others changed, and what is on trial, is told elsewhere."""
    was, known = _by_object(host_uid, before), _by_object(host_uid, now)
    for key, failing in known.items():
        others = {each.reason for each in was.get(key, [])}
        if news := [each for each in failing if each.reason not in others]:
            yield _failed(host_uid, key, news)
    for key, failed in was.items():
        if key not in known:
            yield _recovered(host_uid, key, failed[0])


def _by_object(host_uid: UUID, failures: Mapping[str, Failing]) -> dict[UUID | str, list[Failing]]:
    found: dict[UUID | str, list[Failing]] = {}
    for each in failures.values():
        if each.reason in (*LEFT_AS_FOUND, ON_TRIAL) or each.resource == CHANGE_RESOURCE:
            continue
        is_hosts = each.resource in {HOST_RESOURCE, REMOVALS_RESOURCE, OVERLAY_RESOURCE}
        key = host_uid if is_hosts else each.object_uid or each.resource
        found.setdefault(key, []).append(each)
    return found


def _failed(host_uid: UUID, key: UUID | str, news: list[Failing]) -> Happening:
    first = min(news, key=lambda each: each.resource != HOST_RESOURCE)
    more = f" (and {len(news) - 1} more of it)" if len(news) > 1 else ""
    waits = first.resource == REMOVALS_RESOURCE
    severity = Severity.WARNING if waits else Severity.ERROR
    message, detail = first.message + more, ""
    if key == host_uid and first.resource != HOST_RESOURCE:
        # Nobody knows whose it is that the agent speaks of.
        message, detail = "something on it is not as intended", message
    if isinstance(key, str):
        message = f"{key}: {message}"
    uid = key if isinstance(key, UUID) else None
    return Happening(
        EventType.FAILED, severity, first.reason, message, detail, host_uid, object_uid=uid
    )


def _recovered(host_uid: UUID, key: UUID | str, failed: Failing) -> Happening:
    said = "it is as intended again" if isinstance(key, UUID) else f"{key} is as intended again"
    uid = key if isinstance(key, UUID) else None
    return Happening(
        EventType.RECOVERED,
        Severity.INFO,
        failed.reason,
        said,
        host_uid=host_uid,
        object_uid=uid,
    )
