"""The confirmed state as it is accepted again, with what is to be undone of the other one. Pure."""

from __future__ import annotations

import dataclasses

from agent.columns import Release
from agent.model import HostState, desired_ids
from agent.planner import owed_releases
from agent.planner.digests import Digests
from agent.planner.marks import mark_of


def gone_back(
    candidate: HostState,
    confirmed: HostState,
    kept: frozenset[str],
    found: frozenset[Release] = frozenset(),
    adopted: frozenset[str] = frozenset(),
) -> HostState:
    """``confirmed``, with the removal of what only ``candidate`` has and the return of what it set.

    What was there before (``kept``) stays as it is: no state says what it was like. What was taken
    over, by it or by an earlier one that was never confirmed (``adopted``), is somebody else's
    again. What the candidate was to remove, an earlier one made that was never confirmed, but for
    what an operator let go of. Devices of others become as they were ``found``.
    """
    if confirmed.fleet_epoch != candidate.fleet_epoch:
        confirmed = dataclasses.replace(confirmed, fleet_epoch=candidate.fleet_epoch, revision=0)
    desired = desired_ids(confirmed)
    intended = candidate.removed - candidate.grants.removals
    made = (desired_ids(candidate) | intended) - desired - kept
    released = owed_releases(candidate, confirmed) | found
    taken_over = (adopted | kept & candidate.grants.adoptions.keys()) - desired
    released = frozenset(each for each in released if each.resource not in kept)
    return dataclasses.replace(
        confirmed,
        removed=(confirmed.removed | made) - desired,
        released=released | set(map(mark_of, taken_over)),
    )


def changed_by(candidate: HostState, confirmed: HostState) -> frozenset[str]:
    """Resources of either of which the two do not say the same."""
    one, other = Digests(candidate), Digests(confirmed)
    named = desired_ids(candidate) | desired_ids(confirmed)
    return frozenset(each for each in named if one.of(each) != other.of(each))
