"""What operators allowed, and what of it is used up: each grant is for one thing, and once.

A grant is told by its resource and the fleet revision at which it was made, so that an act about
something else renews no older one. What was forced is for what intent says of the resource in the
first state that has the grant: it holds whenever that is what intent says, also after an undoing or
a boot, and for nothing else. What was taken over is used up. What an operator let go of may be
removed while the newest state says so, and what intent deleted for good: nobody takes that back.
Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from agent.model import HostState
from agent.planner.digests import Digests
from agent.safety import Grants


@dataclass(frozen=True, slots=True)
class Granted:
    """What the host knows of grants beyond its newest state."""

    forced: Mapping[str, tuple[int, str]] = field(default_factory=lambda: MappingProxyType({}))
    """By resource, which grant that was, and the digest of what it is for."""
    taken: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By resource that was taken over, by which grant."""


NOTHING_GRANTED = Granted()


def granted(known: Granted, offered: HostState) -> tuple[HostState, Granted]:
    """``offered`` with what of its grants is of use, and what is known with them.

    A host that is held at an older state does not forget the newer grants that it saw."""
    grants, revision = offered.grants, offered.revision
    forced = {r: each for r, each in known.forced.items() if each[0] > revision}
    taken = {r: made for r, made in known.taken.items() if made > revision}
    if not (grants.forced or grants.adoptions):
        return offered, Granted(forced, taken)
    digests = Digests(offered)
    now = {each: digests.of(each) or "" for each in grants.forced}
    for resource, said in now.items():
        made = grants.forced_at.get(resource, 0)
        before = known.forced.get(resource)
        forced[resource] = before if before and before[0] == made else (made, said)
    for resource in grants.adoptions.keys() & known.taken.keys():
        taken[resource] = known.taken[resource]
    useful = replace(
        grants,
        forced=frozenset(each for each, said in now.items() if forced[each][1] == said),
        adoptions={
            each: is_free
            for each, is_free in grants.adoptions.items()
            if taken.get(each) != grants.adopted_at.get(each, 0)
        },
    )
    return replace(offered, grants=useful), Granted(forced, taken)


def used(known: Granted, grants: Grants, unsettled: Collection[str]) -> tuple[Grants, Granted]:
    """``grants`` less what was taken over: that is done once, and not to another stranger's thing.

    What was forced stays so: a host that starts has to be able to do it again."""
    done = grants.adoptions.keys() - set(unsettled)
    if not done:
        return grants, known
    taken = {each: grants.adopted_at.get(each, 0) for each in done}
    left = {each: free for each, free in grants.adoptions.items() if each not in done}
    return replace(grants, adoptions=left), replace(known, taken={**known.taken, **taken})


def owed(accepted: HostState, offered: HostState) -> tuple[frozenset[str], frozenset[str]]:
    """What is to go once ``offered`` is accepted, and what of it for an operator's word alone."""
    intended = accepted.removed - accepted.grants.removals
    intended |= offered.removed - offered.grants.removals
    let_go = (offered.removed & offered.grants.removals) - intended
    return intended | let_go, let_go
