"""The brake on mass removal: when much of what is ours is absent from intent, something is wrong.

What is absent and not named as removed stays in any case (``removal``). Where it is a large part of
the host it is rarely an oversight about single objects: the controller speaks from a database that
was restored, or from another one. That is said once, about the state as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from agent.errors import ErrorKind, Failure
from agent.safety import REMOVALS_ID

NOT_REMOVED = "NotRemoved"
"""Reason of each resource that is ours, and that intent neither has nor deleted."""
FEW = 5
"""So many may always be absent: 10 % of a small host is less than one object."""
_SHARE = 10
"""One in so many of a larger host."""
_MOST_NAMED = 5


def mass_removal(failures: Iterable[Failure], owned: Collection[str]) -> Failure | None:
    """``failures`` are those of the plan, ``owned`` all resources that have something here."""
    held = sorted({each.resource for each in failures if each.reason == NOT_REMOVED})
    total = len({*owned, *held})
    if len(held) <= FEW or len(held) * _SHARE <= total:
        return None
    named = ", ".join(held[:_MOST_NAMED])
    others = f" and {len(held) - _MOST_NAMED} more" if len(held) > _MOST_NAMED else ""
    message = (
        f"{len(held)} of the {total} resources that this host has of the fleet are absent "
        f"from intent without having been deleted: {named}{others}; they stay, and all else is "
        "applied. Check that the controller runs on the right database; `ovsfleet release HOST "
        "--removals` has them deleted"
    )
    return Failure(REMOVALS_ID, ErrorKind.CONFLICT, "MassRemovalHeld", message)
