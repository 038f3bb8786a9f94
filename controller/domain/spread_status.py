"""How an object is doing that is on several hosts: as on the worst of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from controller.domain.status import (
    HostFacts,
    Phase,
    Status,
    definition_status,
    listing,
    observed,
    realized,
    resource_finding,
)

WORST_FIRST = (Phase.FAILED, Phase.UNKNOWN, Phase.PENDING, Phase.DEGRADED, Phase.READY)
"""What is on several hosts is as on the one whose phase comes first."""


def tunnel_status(revision: int, ends: Sequence[HostFacts]) -> Status:
    """Derive the status of an explicit tunnel at ``revision`` from the hosts of its ends: with one
    end missing it carries nothing, so it is as its worst end is."""
    findings = [(resource_finding(revision, facts), facts) for facts in ends]
    (phase, reason, message), facts = min(findings, key=lambda f: WORST_FIRST.index(f[0][0]))
    if phase is Phase.READY:
        message = f"on host {listing([repr(end.name) for end in ends])} it is as intended"
    elif facts.troubles or reason == "Applying":
        message = f"on host {facts.name!r}: {message}"
    return Status(
        phase,
        observed(revision, min(end.applied_revision for end in ends)),
        (realized(phase, reason, message, [t for end in ends for t in end.troubles]),),
    )


def spread_status(revision: int, hosts: Sequence[HostFacts]) -> Status:
    """Derive the status of a definition at ``revision`` that is on hosts through others."""
    if not hosts:
        return definition_status(revision)
    findings = [(resource_finding(revision, facts), facts) for facts in hosts]
    (phase, reason, message), facts = min(findings, key=lambda f: WORST_FIRST.index(f[0][0]))
    if phase is Phase.READY:
        message = f"on host {listing([repr(each.name) for each in hosts])} it is as intended"
    else:
        message = f"on host {facts.name!r}: {message}"
    if phase is Phase.FAILED and any(found[0] is not Phase.FAILED for found, _ in findings):
        phase = Phase.DEGRADED
    return Status(
        phase,
        observed(revision, min(each.applied_revision for each in hosts)),
        (realized(phase, reason, message, [t for each in hosts for t in each.troubles]),),
    )
