"""How a host leaves the fleet: what it waits for, and what its machine is told then. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

MOST_NAMED = 5
"""Hosts that a condition names."""
DEAD_AFTER = timedelta(minutes=1)
"""Of silence, before a machine may be given up as dead. An agent whose stream broke is back within
seconds, and would go on with tunnels that nobody waits for any more."""
OF_GROUPS = "Bridge of its groups"
"""What labels bring to a host."""


class Revocation(enum.StrEnum):
    """Why a host's certificates are not good any more."""

    REMOVED = "removed"
    """The host was decommissioned."""
    REPLACED = "replaced"
    """Another machine has its place."""
    DELETED = "deleted"


_PURGE = "stop the agent here; 'ovsfleet-agent purge' removes what it made"

REFUSALS: Mapping[Revocation, str] = {
    Revocation.REMOVED: f"this host is decommissioned: {_PURGE}",
    Revocation.REPLACED: f"another machine has this host's place, and its VTEP: {_PURGE}",
    Revocation.DELETED: f"this host is not intended any more: {_PURGE}",
}
"""What a machine is told whose certificate is not good any more."""


@dataclass(frozen=True, slots=True)
class Departure:
    """How far a host has come that is being decommissioned, or removed."""

    left: Mapping[str, int]
    """By kind or ``OF_GROUPS``, what is left on it."""
    is_unconfirmed: bool = False
    """Whether it has not said yet that it has let go of everything."""
    peers: tuple[str, ...] = ()
    """Who may still have a tunnel to it, or the first of them; only when nothing is left."""
    is_removed: bool = False

    @property
    def has_something(self) -> bool:
        return any(self.left.values())

    @property
    def is_the_hosts_turn(self) -> bool:
        """Whether the host itself may still have something."""
        return self.has_something or self.is_unconfirmed

    @property
    def is_over(self) -> bool:
        """Whether nothing keeps the host from being removed."""
        return not (self.has_something or self.is_unconfirmed or self.peers)


def told(host: str, departure: Departure, *, is_heard: bool) -> tuple[str, str]:
    """Return reason and message of what a host waits for."""
    if departure.is_removed:
        return "Removed", (
            "no machine may speak for it and nobody has a tunnel to it: delete it, or set its state"
            " to active and enrol it anew"
        )
    if departure.has_something:
        return "Decommissioning", _left(departure.left)
    if departure.is_unconfirmed:
        out = f". If its machine will not come back: 'ovsfleet decommission {host} --force'"
        return "Decommissioning", (
            "nothing is left of it in intent; the host has not said that it has let go of it all"
            + ("" if is_heard else out)
        )
    if departure.peers:
        return "Decommissioning", f"nothing is left on it; {awaited(departure.peers)}"
    return "Decommissioned", "nothing is left on it: the controller removes it in a moment"


def awaited(peers: Sequence[str]) -> str:
    """Say who is waited for, and what to do about one that will not come back."""
    names = ", ".join(peers[:MOST_NAMED]) + (" and more" if len(peers) > MOST_NAMED else "")
    return (
        f"these may still have tunnels to it: {names}. Bring them back, or give up one whose"
        " machine is dead: 'ovsfleet decommission HOST --force'"
    )


def _left(left: Mapping[str, int]) -> str:
    listed = ", ".join(f"{number} {kind}" for kind, number in left.items() if number)
    out = ", take it out of those groups by its labels" if left.get(OF_GROUPS) else ""
    return f"left on it: {listed}; delete or move these{out}, and the controller removes the host"
