"""What waits for a person: how urgent it is, and what to do about it. Pure.

The messages of statuses say what is wrong; a fix says what to type or where to look, in one
sentence.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import timedelta

from controller.domain.intent import DEFAULT_PROJECT, Kind, Ref
from controller.domain.status import LEFT_AS_FOUND, Phase

PATIENCE = timedelta(minutes=1)
"""For so long nobody wonders that something is Pending."""
HELD_REMOVALS = ("NotRemoved", "MassRemovalHeld")
"""Reasons of what a host keeps until somebody lets it go."""
REVERTED = "Reverted"
BINDING_REFUSED = "BindingRefused"
NOT_PLUGGED = "NotPlugged"
FOUGHT = LEFT_AS_FOUND[0]


class Urgency(enum.IntEnum):
    """The most urgent first: what ails a whole host ails everything on it."""

    HOST_FAILED = 0
    HOST_PINNED = 1
    REMOVALS_HELD = 2
    DRIFT_FOUGHT = 3
    HOST_AWAY = 4
    FAILED = 5
    DEGRADED = 6
    PENDING = 7


def urgency(kind: Kind, phase: Phase, reason: str) -> Urgency:
    """Of something that is not Ready."""
    if reason == FOUGHT:
        return Urgency.DRIFT_FOUGHT
    others = _OTHERS.get(phase, Urgency.PENDING)
    if kind is not Kind.HOST:
        return others
    return _OF_HOSTS.get((phase, reason), _HOSTS.get(phase, others))


_HOSTS = {Phase.FAILED: Urgency.HOST_FAILED, Phase.UNKNOWN: Urgency.HOST_AWAY}
_OF_HOSTS = {
    (Phase.DEGRADED, REVERTED): Urgency.HOST_PINNED,
    **{(Phase.DEGRADED, reason): Urgency.REMOVALS_HELD for reason in HELD_REMOVALS},
}
_OTHERS = {
    Phase.FAILED: Urgency.FAILED,
    Phase.UNKNOWN: Urgency.DEGRADED,
    Phase.DEGRADED: Urgency.DEGRADED,
}


def fix(ref: Ref, host: str | None, reason: str) -> str:
    """``host`` is the one that it is about, of a host the host itself."""
    name = f"{_word(ref.kind)} {ref.name}" + _within(ref)
    words = _FIXES.get(reason, "Do what the message says; `ovsfleet describe {name}` shows more.")
    if host is None and "{host}" in words:
        words = "Look at `ovsfleet describe {name}`, which names the hosts."
    return words.format(name=name, host=host)


_FIXES: Mapping[str, str] = {
    "NotEnrolled": "Run `ovsfleet enroll {host}`, and what it prints on the host.",
    "NeverConnected": "Start the agent on the host: `systemctl start ovsfleet-agent`.",
    "HostSilent": "See on {host} whether the machine, its agent and the way to the controller work:"
    " `journalctl -u ovsfleet-agent`.",
    "Maintenance": "Set its state to active when the work is done: `ovsfleet edit host {host}`.",
    "Applying": "See what keeps the agent on {host}: `journalctl -u ovsfleet-agent`.",
    "HostPinned": "Correct what the host undid, then `ovsfleet release {host}`.",
    REVERTED: "Correct what the host undid, then `ovsfleet release {host}`.",
    "NotRemoved": "See with `ovsfleet describe host {host}` what would go, then"
    " `ovsfleet release {host} --removals`.",
    "MassRemovalHeld": "See with `ovsfleet describe host {host}` what would go, then"
    " `ovsfleet release {host} --removals`.",
    "DriftFought": "See with `ovsfleet drift --host {host}` who changes it and stop that, then"
    " `ovsfleet release {host}`.",
    "Drifted": "Change it back on the host, or have the agent do it: `ovsfleet release {host}`.",
    "NoWayBack": "Give the host another way to the controller, or have it done all the same:"
    " `ovsfleet release {host} --force`.",
    "DeviceInUse": "Move the host's own addresses off the card, or name it in"
    " `ovsfleet release {host} --force --only RESOURCE`.",
    "AlreadyTaken": "Remove what has the name, or take it over: `ovsfleet adopt {name} --host"
    " {host}`.",
    "AdoptionDiffers": "Make intent like it, or `ovsfleet adopt {name} --host {host}"
    " --accept-differences`.",
    BINDING_REFUSED: "Correct what the message names, or move the guest to another host.",
    NOT_PLUGGED: "Plug the guest's interface in, or `ovsfleet delete {name}`.",
    "OnTrial": "Wait a moment: the host confirms the change or undoes it by itself.",
}


def _word(kind: Kind) -> str:
    """As the command line calls it: ``host-group``."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.value).removeprefix("-")


def _within(ref: Ref) -> str:
    return "" if ref.project == DEFAULT_PROJECT else f" --project {ref.project}"
