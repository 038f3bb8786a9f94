"""What a host was like before anything was done that may have to be undone.

Pure. It is noted once, while the confirmed state still holds, and lies on disk beside that state:
several candidates may come after it, each of them done in part, and an agent may be killed between.
Looked for later, what an earlier candidate made would be taken for what was there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from agent.model import HostState, desired_ids
from agent.observed import ObservedState
from agent.planner import here
from agent.planner.cards import found_on_cards
from agent.state_file import Cached
from agent.trial import Before


def as_it_is(candidate: HostState, confirmed: HostState, observed: ObservedState) -> Before:
    """Of a host on which nothing was done yet about ``candidate``."""
    there = here(candidate, observed, confirmed) - desired_ids(confirmed)
    return Before(there, found_on_cards(candidate, observed))


def noted(
    cached: Cached, confirmed: HostState, observed: ObservedState, todo: Collection[str]
) -> Before:
    """What was noted, with the devices of others that the accepted state is the first to set up,
    and with what it takes over now that something is to be done about the resources ``todo``.
    """
    adopted = cached.state.grants.adoptions.keys() & set(todo)
    if cached.before is None:
        return replace(as_it_is(cached.state, confirmed, observed), adopted=frozenset(adopted))
    known = {each.place: each.value[1] for each in cached.before.found}
    fresh = (
        replace(each, value=(each.value[0], known.get(each.place, each.value[1])))
        for each in found_on_cards(cached.state, observed)
    )
    changed = frozenset(each for each in fresh if each.value[0] != each.value[1])
    before = cached.before
    return replace(before, found=before.found | changed, adopted=before.adopted | adopted)


def kept(before: Before, candidate: HostState, confirmed: HostState) -> frozenset[str]:
    """What of ``candidate`` alone stays when it is undone: nobody knows what it was like."""
    alone = (desired_ids(candidate) | candidate.removed) - desired_ids(confirmed)
    # What is taken over was there before as well, with somebody else's mark or none.
    adopted = before.adopted | candidate.grants.adoptions.keys()
    return alone & (adopted | before.there)
