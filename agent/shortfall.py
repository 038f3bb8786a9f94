"""What of the accepted state the host was never brought to, or was found away from.

To go back to a state brings the host to what it was like only as far as it was like that. Of what
was not on the host yet, because something that it rests on was missing, the way back has to be
without it. What is on the host otherwise than the state says, because a change of it failed or
because somebody changed it and it is left so, has no way back at all. Pure.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.left_out import single
from agent.observed import ObservedState
from agent.planner import here
from agent.realized import Realized
from agent.state_file import Cached
from agent.trial import NOTHING_SHORT, Shortfall


def shortfall(
    cached: Cached, observed: ObservedState, realized: Realized, left: Collection[str]
) -> Shortfall:
    """At the end of a turn; ``left`` is what somebody changed and is not mended.

    What was astray stays so until it is as intended: a new agent does not know that it was left.
    """
    fresh = realized.fresh()
    astray = cached.short.astray & realized.unsettled() | frozenset(left)
    if not fresh and not astray:
        return NOTHING_SHORT
    short = fresh | astray
    missing = (fresh & single(cached.state)) - here(cached.state, observed)
    return Shortfall(missing, short - missing)
