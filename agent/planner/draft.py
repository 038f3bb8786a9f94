"""A draft: what one resource would need and do, before it is known whether it may.

Drafts are made per resource without regard to each other; ``settle`` weighs them against what is on
the host and ``assembly`` puts those that remain into stages.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import Failure
from agent.planner.claims import Claim, Thing
from agent.planner.plan import Stage

NOTHING = Stage()


@dataclass(frozen=True, slots=True)
class Draft:
    """``make`` creates what is missing and runs only once every claim is free; ``mend`` changes in
    place what is there already.
    """

    resource: str
    bridge: str = ""
    """Name of the bridge it is to be on; the bridges' own drafts have ``makes_bridge`` instead."""
    far_bridge: str = ""
    """Name of the other bridge it is to be on, for a patch."""
    makes_bridge: str = ""
    frees: str = ""
    """Somebody else's device that it takes out of a bridge of ours, or port that it lets go of,
    and that alone."""
    is_on_the_move: bool = False
    """Whether that is for the sake of another place, with a draft of its own."""
    claims: tuple[Claim, ...] = ()
    stale: tuple[Thing, ...] = ()
    """What stands for this resource now and is to go."""
    prepare: Stage = NOTHING
    """What comes before ``make`` and is in nobody's way yet: it only waits for names to be free."""
    make: Stage = NOTHING
    mend: Stage = NOTHING
    later: Stage = NOTHING
    """What comes only once ``mend`` and ``make`` have had their effect."""
    takes: frozenset[str] = frozenset()
    """Devices that it puts where they belong, whatever Linux bridge they are in."""
    make_first: bool = False
    """Whether the stale should outlive the new, so that no packet is lost between the two; only
    where both at once are no loop."""
    failures: tuple[Failure, ...] = ()
    """What is wrong although the rows are right."""

    @property
    def key(self) -> tuple[str, str]:
        """Tells it from all others: a segment has one draft for its bridge and one for the rest,
        a port that moves one for the device that it leaves.
        """
        return self.resource, self.makes_bridge or self.frees


def joined(*stages: Stage) -> Stage:
    """The steps of all, each kind in the order of the stages."""
    return Stage(
        pre=tuple(step for stage in stages for step in stage.pre),
        ovsdb=tuple(op for stage in stages for op in stage.ovsdb),
        post=tuple(step for stage in stages for step in stage.post),
    )
