"""How an object is doing: phases and conditions, derived and never stored.

An object is realized when every host it needs has applied a revision at least as new as the
object's own and no failure names it. Words: phase Pending, Ready, Degraded, Failed, Unknown;
``Condition`` as in the Kubernetes API conventions. The facts come from what the hosts reported;
nothing here reads a clock or a database.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from controller.domain import departures
from controller.domain.departures import Departure
from controller.domain.grants import Pin

HOST_RESOURCE = "host"
"""The resource id of failures that concern a host as a whole (``ovsfleet/v1/agent.proto``)."""

OVERLAY_RESOURCE = "overlay"
"""The resource id of the bridge that a host has for its segments (``ovsfleet/v1/state.proto``)."""
CHANGE_RESOURCE = "change"
"""The resource id of failures that concern the newest state as a whole: it was undone, or is on
trial."""
REMOVALS_RESOURCE = "removals"
"""The resource id of the failure that says what waits for a person before it is taken away."""
LEFT_AS_FOUND = ("DriftFought", "Drifted")
"""Reasons of what is there and differs, because somebody else changed it, with the alarm first."""
ON_TRIAL = "OnTrial"
"""The reason of a change that an agent has made, and undoes unless it is confirmed."""


class Phase(enum.StrEnum):
    PENDING = "Pending"
    READY = "Ready"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


Finding: TypeAlias = tuple[Phase, str, str]
"""Phase, reason and message."""


class Outcome(enum.StrEnum):
    """What an agent made of the state it accepted last."""

    APPLIED = "applied"
    HELD = "held"
    REVERTED = "reverted"


class Liveness(enum.StrEnum):
    """Whether a host's agent can be heard."""

    NOT_ENROLLED = "not_enrolled"
    NEVER_CONNECTED = "never_connected"
    CONNECTED = "connected"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: str
    """``True``, ``False`` or ``Unknown``."""
    reason: str
    """A stable CamelCase word."""
    message: str
    last_transition: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    phase: Phase
    observed_revision: int
    """The object's newest revision that all of its hosts have applied; 0 for none."""
    conditions: tuple[Condition, ...] = ()
    applied_revision: int | None = None
    """Of a host: the newest fleet revision that it has applied, 0 for none; None for others."""
    pinned_revision: int | None = None
    """Of a host that undid a change: what it is held at until it is released."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure as a host reported it."""

    resource: str
    reason: str
    message: str
    since: datetime | None = None
    host: str = ""
    """Name of the host that reported it, where the object is on several."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is known of one host."""

    name: str
    liveness: Liveness = Liveness.NOT_ENROLLED
    applied_revision: int = 0
    outcome: Outcome | None = None
    """None before the first report."""
    troubles: tuple[Trouble, ...] = ()
    """Those that matter for the object at hand: all of the host's for a host, those that name the
    object or ``host`` for a bridge, port or tunnel."""
    since: datetime | None = None
    """When ``liveness`` became what it is."""
    maintenance_since: datetime | None = None
    """None when the host is not in maintenance: then it is sent no change."""
    departure: Departure | None = None
    """How far it has come to leave the fleet; None for a host that is not decommissioned."""
    needed_revision: int = 0
    """Of what is on hosts through others: the newest revision of what brought it to this one."""
    pin: Pin | None = None
    """Why a host that undid a change is held, until somebody releases it."""
    trial: str = ""
    """What the agent says of a change that is on trial; empty where none is."""
    missing: str = ""
    """What a mirror waits for before there is anything to copy; the host is not told of it."""
    former_vteps: tuple[str, ...] = ()
    vtep_steps: tuple[int, ...] = ()
    """As in ``HostSpec``, both."""
    awaited: tuple[str, ...] = ()
    """Names of those that a host keeps its ``former_vteps`` for, or the first of them."""


_UNHEARD = {
    Liveness.NOT_ENROLLED: (
        "NotEnrolled",
        "the host has not enrolled: create a join token and run 'ovsfleet-agent enroll' there",
    ),
    Liveness.NEVER_CONNECTED: (
        "NeverConnected",
        "the host has enrolled and never connected: start 'ovsfleet-agent run' there",
    ),
}


def host_status(revision: int, facts: HostFacts) -> Status:
    """Derive the status of a host whose object is at ``revision``."""
    phase, reason, message = host_finding(revision, facts)
    return Status(
        phase,
        observed(revision, facts.applied_revision),
        (
            _connected(facts),
            *_peers(facts),
            realized(phase, reason, message, facts.troubles),
            *_pinned_condition(facts),
        ),
        facts.applied_revision,
        facts.pin.revision if facts.pin else None,
    )


def host_finding(revision: int, facts: HostFacts) -> Finding:
    """Judge a host whose object is at ``revision``."""
    return (
        _maintained(revision, facts)
        or _departing(facts)
        or _unheard(facts)
        or _stopped(facts)
        or _partly(facts)
        or _leaving(facts)
        or _behind(revision, facts)
        or (Phase.READY, "Applied", f"revision {facts.applied_revision} is applied")
    )


def _maintained(revision: int, facts: HostFacts) -> Finding | None:
    """A host in maintenance waits for people, whether it is heard or not."""
    if facts.maintenance_since is None or facts.applied_revision >= revision:
        return None
    since = f"{facts.maintenance_since:%Y-%m-%dT%H:%M:%SZ}"
    return Phase.PENDING, "Maintenance", MAINTENANCE.format(f"{facts.name!r}", f" since {since}")


MAINTENANCE = "host {} is in maintenance{}, and is sent no change; set its state to active"


def _departing(facts: HostFacts) -> Finding | None:
    """A host that leaves, unless it is heard and may say why it does not let go of what it has."""
    is_at_work = facts.liveness is Liveness.CONNECTED
    if is_at_work and facts.departure and facts.departure.is_the_hosts_turn:
        return None
    return _leaving(facts)


def _leaving(facts: HostFacts) -> Finding | None:
    """What a host that is being decommissioned still waits for."""
    if facts.departure is None:
        return None
    phase = Phase.READY if facts.departure.is_over else Phase.PENDING
    is_heard = facts.liveness is Liveness.CONNECTED
    return phase, *departures.told(facts.name, facts.departure, is_heard=is_heard)


def _peers(facts: HostFacts) -> Iterator[Condition]:
    if facts.departure and facts.departure.peers:
        message = departures.awaited(facts.departure.peers)
        yield Condition("PeersConfirmed", "False", "PeersAwaited", message)


def _stopped(facts: HostFacts) -> Finding | None:
    """A host that applies nothing at all."""
    whole = [t for t in facts.troubles if t.resource == HOST_RESOURCE]
    if whole:
        return Phase.FAILED, whole[0].reason, whole[0].message
    if facts.outcome == Outcome.HELD:
        first = _first(facts.troubles) or "the agent holds its last state and applies nothing new"
        return Phase.FAILED, "Held", first
    return None


def _partly(facts: HostFacts) -> Finding | None:
    if reverted := _reverted(facts):
        return reverted
    held = [t for t in facts.troubles if t.resource == REMOVALS_RESOURCE]
    if held:
        return Phase.DEGRADED, held[0].reason, held[0].message
    if worst := worst_of([t for t in facts.troubles if not is_of_trial(t)]):
        reason = worst.reason if worst.reason in LEFT_AS_FOUND else "SomeFailed"
        return Phase.DEGRADED, reason, worst.message
    return _tried(facts)


def _reverted(facts: HostFacts) -> Finding | None:
    if facts.pin is None:
        return None
    return Phase.DEGRADED, "Reverted", facts.pin.describe(facts.name)


def _tried(facts: HostFacts) -> Finding | None:
    """A change that the agent undoes unless it reaches the controller with it."""
    return (Phase.PENDING, ON_TRIAL, facts.trial) if facts.trial else None


def is_of_trial(trouble: Trouble) -> bool:
    """Whether it is no trouble, but a change that is not confirmed yet."""
    return trouble.resource == CHANGE_RESOURCE and trouble.reason == ON_TRIAL


def _held_back(needed: int, facts: HostFacts) -> Finding | None:
    """What a host that has not applied something waits for, beyond its agent's work."""
    if facts.pin is not None and facts.pin.revision < needed:
        return Phase.PENDING, "HostPinned", facts.pin.describe(facts.name, is_told_why=False)
    if facts.trial:
        message = f"a change is on trial on host {facts.name!r}, and undone or confirmed soon"
        return Phase.PENDING, ON_TRIAL, message
    return None


def _behind(revision: int, facts: HostFacts) -> Finding | None:
    if facts.outcome is None or facts.applied_revision < revision:
        return waiting(revision, facts.applied_revision)
    return None


def lag(
    revision: int, facts: HostFacts, leftovers: Sequence[Trouble]
) -> tuple[Phase, str, str] | None:
    """Phase, reason and message of a host that is not done with ``revision``; None when it is.

    ``leftovers`` are failures to take away what the revision deleted: an agent that met them has
    applied the revision, and the host carries the thing all the same.
    """
    if facts.applied_revision < revision:
        return (
            _maintained(revision, facts)
            or _unheard(facts)
            or _stopped(facts)
            or _reverted(facts)
            or _tried(facts)
            or waiting(revision, facts.applied_revision)
        )
    if leftovers:
        message = f"what was deleted is still there: {leftovers[0].message}"
        return Phase.FAILED, leftovers[0].reason, message
    return None


def resource_status(revision: int, facts: HostFacts) -> Status:
    """Derive the status of a bridge or port at ``revision`` from its host's facts."""
    phase, reason, message = resource_finding(revision, facts)
    return Status(
        phase,
        observed(revision, facts.applied_revision),
        (realized(phase, reason, message, facts.troubles),),
    )


def needed_revision(revision: int, facts: HostFacts) -> int:
    """What one host must have applied to have an object at ``revision``."""
    return max(revision, facts.needed_revision)


def resource_finding(revision: int, facts: HostFacts) -> Finding:
    """Judge how one host has an object that it needs at ``revision``."""
    needed = needed_revision(revision, facts)
    if halted := _maintained(needed, facts) or _unheard(facts):
        return halted
    worst = worst_of(facts.troubles)
    if worst and worst.reason not in LEFT_AS_FOUND:
        return Phase.FAILED, worst.reason, worst.message
    if facts.missing:
        return Phase.PENDING, "NothingToMirror", facts.missing
    if facts.applied_revision < needed:
        return _held_back(needed, facts) or waiting(needed, facts.applied_revision)
    if worst:
        return Phase.DEGRADED, worst.reason, worst.message
    return Phase.READY, "Applied", f"host {facts.name!r} has it as intended"


def definition_status(revision: int) -> Status:
    """Of what is on no host by itself: whoever refers to it tells what became of it."""
    message = "nothing of it is on a host by itself"
    condition = realized(Phase.READY, "Stored", message, ())
    return Status(Phase.READY, revision, (condition,))


def listing(hosts: Sequence[str]) -> str:
    more = len(hosts) - 5
    return ", ".join(hosts[:5]) + (f" and {more} more" if more > 0 else "")


def _unheard(facts: HostFacts) -> Finding | None:
    if facts.liveness is Liveness.SILENT:
        return (
            Phase.UNKNOWN,
            "HostSilent",
            f"host {facts.name!r} is not heard; it keeps what it has",
        )
    if facts.liveness in _UNHEARD:
        return Phase.PENDING, *_UNHEARD[facts.liveness]
    return None


def waiting(needed: int, applied: int) -> Finding:
    return Phase.PENDING, "Applying", f"revision {needed} is needed, {applied} is applied"


def observed(revision: int, applied: int) -> int:
    """An object at revision 7 on a host that applied 9 is observed at 7; at 5, not yet."""
    return revision if applied >= revision else 0


def worst_of(troubles: Sequence[Trouble]) -> Trouble | None:
    """The first that failed, or else an alarm, or else what was only left as it was found."""
    return min(troubles, key=lambda each: _severity(each.reason), default=None)


def _severity(reason: str) -> int:
    return LEFT_AS_FOUND.index(reason) + 1 if reason in LEFT_AS_FOUND else 0


def _first(troubles: Sequence[Trouble]) -> str:
    return troubles[0].message if troubles else ""


def _pinned_condition(facts: HostFacts) -> tuple[Condition, ...]:
    if facts.pin is None:
        return ()
    since = next((t.since for t in facts.troubles if t.resource == CHANGE_RESOURCE), None)
    return (Condition("Pinned", "True", "Reverted", facts.pin.describe(facts.name), since),)


def _connected(facts: HostFacts) -> Condition:
    if facts.liveness is Liveness.CONNECTED:
        return Condition("Connected", "True", "SessionOpen", "the agent is heard", facts.since)
    if facts.liveness is Liveness.SILENT:
        message = "the agent is not heard; it goes on with the state it has"
        return Condition("Connected", "Unknown", "HostSilent", message, facts.since)
    reason, message = _UNHEARD[facts.liveness]
    return Condition("Connected", "False", reason, message, facts.since)


def realized(phase: Phase, reason: str, message: str, troubles: Sequence[Trouble]) -> Condition:
    status = {Phase.READY: "True", Phase.UNKNOWN: "Unknown"}.get(phase, "False")
    since = min((t.since for t in troubles if t.since is not None), default=None)
    return Condition("Realized", status, reason, message, since)
