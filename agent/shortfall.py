"""What of the accepted state the host was never brought to, or was found away from.

To go back to a state brings the host to what it was like only as far as it was like that. Of what
was not on the host yet, because something that it rests on was missing, the way back has to be
without it. What is on the host otherwise than the state says, because a change of it failed or
because somebody changed it and it is left so, has no way back at all. Pure.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection

from agent.model import HostState
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
    missing = (fresh & _single(cached.state)) - here(cached.state, observed)
    return Shortfall(missing, short - missing)


def less(state: HostState, missing: Collection[str]) -> HostState:
    """``state`` without what it has not brought about; it has a hash of its own then."""
    if not missing:
        return state
    words = "\n".join(sorted(missing)).encode()
    return dataclasses.replace(
        state,
        hash=hashlib.sha256(state.hash + b"without\n" + words).digest(),
        bridges=tuple(each for each in state.bridges if each.id not in missing),
        ports=tuple(each for each in state.ports if each.id not in missing),
        tunnels=tuple(each for each in state.tunnels if each.id not in missing),
        mirrors=tuple(each for each in state.mirrors if each.id not in missing),
        flow_exports=tuple(each for each in state.flow_exports if each.id not in missing),
    )


def _single(state: HostState) -> frozenset[str]:
    """What a state can be without while all else of it means the same."""
    found = {each.id for each in state.bridges} | {each.id for each in state.ports}
    found |= {each.id for each in state.tunnels} | {each.id for each in state.mirrors}
    return frozenset(found | {each.id for each in state.flow_exports})
