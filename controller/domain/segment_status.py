"""How a segment is doing, which is on as many hosts as have a port on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.status import (
    MAINTENANCE,
    ON_TRIAL,
    Finding,
    Phase,
    Status,
    Trouble,
    listing,
    observed,
    realized,
    waiting,
    worst_of,
)


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What is known of a segment's member hosts, summed up so that a list stays cheap."""

    membership_revision: int = 0
    """The newest revision at which a host joined or left the segment."""
    members: int = 0
    oldest_applied_revision: int = 0
    """The smallest ``applied_revision`` of all members."""
    absent: tuple[str, ...] = ()
    """Names of members that are not enrolled or never connected."""
    silent: tuple[str, ...] = ()
    """Names of members that were heard once and are not now."""
    maintained: tuple[str, ...] = ()
    """Names of members that are in maintenance."""
    pinned: tuple[str, ...] = ()
    """Names of members that undid a change and are held."""
    oldest_pin: int | None = None
    """The smallest revision that one of them is held at."""
    on_trial: tuple[str, ...] = ()
    """Names of members whose newest change is not confirmed yet."""
    troubles: tuple[Trouble, ...] = ()
    """Failures ``host``, ``segment:<uid>`` and ``tunnel:<uid>/...`` of all members."""


def segment_status(revision: int, facts: SegmentFacts) -> Status:
    """Derive the status of a segment at ``revision`` from its members."""
    needed = max(revision, facts.membership_revision)
    phase, reason, message = _segment_phase(needed, facts)
    applied = facts.oldest_applied_revision if facts.members else revision
    return Status(
        phase,
        observed(revision, applied),
        (realized(phase, reason, message, facts.troubles),),
    )


def _segment_phase(needed: int, facts: SegmentFacts) -> Finding:
    if not facts.members:
        return Phase.READY, "NoMembers", "no host has a port on it"
    if away := _away(needed, facts):
        return away
    if worst := worst_of(facts.troubles):
        return Phase.DEGRADED, worst.reason, f"on host {worst.host!r}: {worst.message}"
    if facts.oldest_applied_revision < needed:
        return _held_back(needed, facts) or waiting(needed, facts.oldest_applied_revision)
    return Phase.READY, "Applied", f"all {facts.members} member hosts have it as intended"


def _away(needed: int, facts: SegmentFacts) -> Finding | None:
    """Members that nothing can be expected of now."""
    if facts.maintained and facts.oldest_applied_revision < needed:
        return Phase.PENDING, "Maintenance", MAINTENANCE.format(listing(facts.maintained), "")
    if facts.silent:
        return Phase.UNKNOWN, "HostSilent", f"not heard: {listing(facts.silent)}"
    if facts.absent:
        return Phase.PENDING, "HostNotConnected", f"never connected: {listing(facts.absent)}"
    return None


def _held_back(needed: int, facts: SegmentFacts) -> Finding | None:
    """What members that have not applied it wait for, beyond their agents' work."""
    if facts.oldest_pin is not None and facts.oldest_pin < needed:
        message = (
            f"held since they undid a change: {listing(facts.pinned)}; nothing reaches them until"
            f" `ovsfleet release {facts.pinned[0]}`"
        )
        return Phase.PENDING, "HostPinned", message
    if facts.on_trial:
        message = f"a change is on trial on {listing(facts.on_trial)}, and undone or confirmed soon"
        return Phase.PENDING, ON_TRIAL, message
    return None
