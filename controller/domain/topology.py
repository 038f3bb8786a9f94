"""Between which members of a segment there are tunnels. Pure; owns nothing.

**Full**: every tunnel has split horizon (``Port.protected``), so what came out of one goes into no
other, and each member floods to all others by itself: one copy each, and no way round.

**Hub and spoke**: every spoke has one tunnel, to one hub, and the hubs have tunnels with split
horizon among each other. A frame that a spoke floods reaches its hub, which passes it on to its
other spokes and to all other hubs; these received it over split horizon and pass it on to their
own spokes alone. A frame that begins at a hub goes the second half of that way. Spokes have no
second tunnel to pass anything on to. So each member gets one copy, of its only hub or of the only
hub that the frame began at or first came to, and no frame ever comes back to where it was.

**Explicit**: the tunnels form a forest, and there is one way at most from any member to another.
"""

from __future__ import annotations

import enum
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from math import ceil, sqrt
from typing import NamedTuple, TypeAlias
from uuid import UUID


class Topology(enum.StrEnum):
    FULL = "full"
    """Between every two members."""
    HUB_SPOKE = "hub_spoke"
    """Between every two hubs, and from each other member to one of them."""
    EXPLICIT = "explicit"
    """Between the pairs that ``links`` name."""


class ArpMode(enum.StrEnum):
    """Who answers requests for the addresses of a segment's ports."""

    FLOOD = "flood"
    """Whoever has them."""
    SUPPRESS = "suppress"
    """The Linux bridge of each member, for the addresses that it knows of. Requests for others, and
    neighbour discovery of IPv6, are flooded."""
    STRICT = "strict"
    """The vxlan device of each member; requests for addresses that it does not know of are
    dropped. For IPv4 alone: ports of such a segment have no IPv6 addresses."""


Pair: TypeAlias = tuple[str, str]
"""Names of two hosts."""


class Link(NamedTuple):
    """A tunnel between two members, ``a`` being the one with the smaller uid."""

    a: UUID
    b: UUID
    split_horizon: bool


def hub_spoke_links(members: Mapping[UUID, str], hubs: Collection[str]) -> list[Link]:
    """Link the members, names by uid, as the module says. Without a hub there are no links."""
    centre = [uid for uid, name in members.items() if name in hubs]
    if not centre:
        return []
    among = [_link(a, b, split_horizon=True) for a, b in combinations(centre, 2)]
    outer = (uid for uid in members if members[uid] not in hubs)
    return sorted([*among, *(_link(s, hub_of(s, centre), split_horizon=False) for s in outer)])


def hub_of(spoke: UUID, hubs: Iterable[UUID]) -> UUID:
    """Choose by rendezvous hashing: when a hub comes or goes, only those move that it gets or had.

    A checksum like ``zlib.crc32`` would not do: it is linear, so that its order of two hubs hardly
    depends on the spoke."""
    return max(hubs, key=lambda hub: hashlib.sha256(spoke.bytes + hub.bytes).digest())


def explicit_links(members: Mapping[UUID, str], pairs: Iterable[Pair]) -> list[Link]:
    """Link the members, names by uid, of those pairs of which both are members."""
    uids = {name: uid for uid, name in members.items()}
    return sorted(
        _link(uids[a], uids[b], split_horizon=False) for a, b in pairs if a in uids and b in uids
    )


def _link(a: UUID, b: UUID, *, split_horizon: bool) -> Link:
    first, second = sorted((a, b))
    return Link(first, second, split_horizon)


def links_in_circles(pairs: Iterable[Pair]) -> Iterator[int]:
    """Yield the positions of the pairs that close a circle with those before them."""
    groups: dict[str, set[str]] = {}
    for index, (a, b) in enumerate(pairs):
        of_a, of_b = groups.setdefault(a, {a}), groups.setdefault(b, {b})
        if of_a is of_b:
            yield index
            continue
        of_a |= of_b
        groups |= dict.fromkeys(of_b, of_a)


def parts(members: Collection[str], pairs: Iterable[Pair]) -> list[set[str]]:
    """Return the groups of members that reach each other over the pairs, the largest first."""
    beside: dict[str, set[str]] = defaultdict(set)
    for a, b in pairs:
        if a in members and b in members:
            beside[a].add(b)
            beside[b].add(a)
    left, found = set(members), []
    while left:
        reached, ahead = set[str](), {min(left)}
        while ahead:
            reached |= ahead
            ahead = {far for name in ahead for far in beside[name]} - reached
        found.append(reached)
        left -= reached
    return sorted(found, key=lambda part: (-len(part), min(part)))


def most_tunnels_of_a_hub(hubs: int, spokes: int) -> int:
    """Return how many tunnels a hub has at most, but for one chance in thirty thousand: spokes fall
    to the hubs at random, so there is room for four standard deviations."""
    if not hubs:
        return 0
    mean = spokes / hubs
    share = spokes if hubs == 1 else min(spokes, ceil(mean + 4 * sqrt(mean)))
    return hubs - 1 + share
