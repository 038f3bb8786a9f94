"""What an operator lets a host do beyond intent, chosen from what the host told of. Pure.

A grant names what the host reported by the ids of its failures, and never more than that.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from controller.domain.errors import InvalidError, Violation


class GrantKind(enum.StrEnum):
    REMOVAL = "removal"
    """The resource is let go of, and so is taken away."""
    FORCE = "force"
    """It may be changed although the way to the controller leads over it without a way back."""
    ADOPT = "adopt"
    """It may take over what is there under its name and not the fleet's."""


NOT_REMOVED = "NotRemoved"
NO_WAY_BACK = "NoWayBack"
LEFT_AS_FOUND = ("DriftFought", "Drifted")
"""The reasons, in an agent's words, that wait for a release."""
IN_USE = "DeviceInUse"
"""Another one: a device with the host's own addresses, which fall silent. It is forced where it is
named, and never along with all that is held."""

_WAITS_FOR = {GrantKind.REMOVAL: NOT_REMOVED, GrantKind.FORCE: NO_WAY_BACK}
_MOST_NAMED = 5
_FEW = 5
"""So many may go unasked: 10 % of a small host is less than one object."""
_SHARE = 10
"""One in so many of a larger host."""


class Held(NamedTuple):
    """A failure of a host, as far as it matters here."""

    resource: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pin:
    """Why a host is sent nothing new."""

    revision: int
    """What the host went back to and stays at; 0 for nothing."""
    undone_revision: int | None
    """None of hosts that were pinned by a version that did not note it."""
    reason: str

    def describe(self, host: str, *, is_told_why: bool = True) -> str:
        """``is_told_why``: to whom may see all that is on the host."""
        undone = self.undone_revision
        undid = "a later one" if undone is None else f"revision {undone}"
        if undone == self.revision:
            undid = "a part of that"  # something that had waited came later, and cut it off
        why = f". Its agent says: {self.reason}" if self.reason and is_told_why else ""
        return (
            f"host {host!r} is held at revision {self.revision} since it undid {undid}"
            f": nothing reaches it until `ovsfleet release {host}`{why}"
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants released. True: all of it that is held; a list: these and no others.

    What intent does not know is taken away only when that is said: who has a host try again what it
    undid has not looked at that."""

    removals: bool | Sequence[str] = False
    force: bool | Sequence[str] = False
    pin: bool = True
    drift: bool = True
    """What was left as somebody else changed it."""
    confirm_count: int | None = None
    """How many removals these are, where they are many."""


@dataclass(frozen=True, slots=True)
class Released:
    pin: Pin | None = None
    removals: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    retried: tuple[str, ...] = ()
    """What the agent left as somebody else changed it: because of who kept changing it, or by its
    drift policy."""
    staying: tuple[str, ...] = ()
    """What intent does not know and nobody has let go of."""

    @property
    def is_nothing(self) -> bool:
        return not (self.pin or self.removals or self.forced or self.retried)


def released(
    asked: Asked, held: Iterable[Held], granted: Mapping[GrantKind, frozenset[str]], pin: Pin | None
) -> Released:
    """Choose from what is held. ``granted`` is on its way to the host already and not held again.

    InvalidError names what was asked for and is not held."""
    by_reason: dict[str, set[str]] = {}
    is_named = not isinstance(asked.force, bool)
    for each in held:
        reason = NO_WAY_BACK if is_named and each.reason == IN_USE else each.reason
        by_reason.setdefault(reason, set()).add(each.resource)
    faults: list[Violation] = []
    chosen = {
        kind: _choose(field, wanted, by_reason.get(_WAITS_FOR[kind], set()), faults)
        - granted.get(kind, frozenset())
        for kind, field, wanted in (
            (GrantKind.REMOVAL, "removals", asked.removals),
            (GrantKind.FORCE, "force", asked.force),
        )
    }
    if faults:
        raise InvalidError(faults[0].detail, faults)
    removals = chosen[GrantKind.REMOVAL]
    known = granted.get(GrantKind.REMOVAL, frozenset())
    left = {each for reason in LEFT_AS_FOUND for each in by_reason.get(reason, ())}
    return Released(
        pin=pin if asked.pin else None,
        removals=tuple(sorted(removals)),
        forced=tuple(sorted(chosen[GrantKind.FORCE])),
        retried=tuple(sorted(left if asked.drift else ())),
        staying=tuple(sorted(by_reason.get(NOT_REMOVED, set()) - removals - known)),
    )


def is_large(removals: int, total: int) -> bool:
    """Whether so much is rarely an oversight about single objects: as agents count it."""
    return removals > max(_FEW, total // _SHARE)


def _choose(
    field: str, wanted: bool | Sequence[str], there: set[str], faults: list[Violation]
) -> set[str]:
    if isinstance(wanted, bool):
        return set(there) if wanted else set()
    reason = NOT_REMOVED if field == "removals" else NO_WAY_BACK
    known = ", ".join(sorted(there)[:_MOST_NAMED]) or "none"
    for index, resource in enumerate(wanted):
        if resource not in there:
            detail = f"the host reports no {resource!r} with reason {reason}; it reports {known}"
            fix = "name resources of GET .../failures that have this reason, or leave this out"
            faults.append(Violation(f"/{field}/{index}", "not_held", detail, fix))
    return there.intersection(wanted)
