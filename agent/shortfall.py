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
from agent.planner import still_owed
from agent.safety import Grants
from agent.trial import NOTHING_SHORT, Shortfall


def shortfall(
    state: HostState, observed: ObservedState, fresh: Collection[str], left: Collection[str]
) -> Shortfall:
    """``fresh`` is there something to do for that was never done, ``left`` is somebody's doing."""
    if not fresh and not left:
        return NOTHING_SHORT
    short = frozenset(fresh) | frozenset(left)
    there = still_owed(short, observed, state.fleet_uid)
    missing = (frozenset(fresh) & _single(state)) - there
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


def unused(grants: Grants, unsettled: Collection[str]) -> Grants:
    """Those of ``grants`` that were not made use of yet; what a grant is for is done once."""
    return dataclasses.replace(
        grants,
        forced=grants.forced.intersection(unsettled),
        adoptions={each: free for each, free in grants.adoptions.items() if each in unsettled},
    )


def still_granted(accepted: Grants, offered: Grants) -> Grants:
    """``offered`` as far as it is not used up: each new grant raises the count."""
    if offered.count != accepted.count:
        return offered
    return unused(offered, accepted.forced | accepted.adoptions.keys())


def _single(state: HostState) -> frozenset[str]:
    """What a state can be without while all else of it means the same."""
    found = {each.id for each in state.bridges} | {each.id for each in state.ports}
    found |= {each.id for each in state.tunnels} | {each.id for each in state.mirrors}
    return frozenset(found | {each.id for each in state.flow_exports})
