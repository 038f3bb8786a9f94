"""How many tunnels a segment has between groups of its members, without naming a single one.

A full mesh of a thousand members has half a million tunnels, and between two groups there are as
many as the product of their sizes. Pure; owns nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TypeAlias
from uuid import UUID

from controller.domain.intent import SegmentSpec
from controller.domain.topology import Link, Topology, explicit_links, hub_of, hub_spoke_links

Between: TypeAlias = Counter[tuple[int, int]]
"""Tunnels by the groups of their ends, the smaller number first; the same twice: within a group."""


def tunnels_between(
    spec: SegmentSpec, members: Mapping[UUID, str], group_of: Mapping[UUID, int]
) -> Between:
    """Count the tunnels between members, names by uid, both of which are in a group. Takes as long
    as there are members and pairs of groups; with hubs, besides, spokes times hubs."""
    match spec.topology:
        case Topology.FULL:
            return between_all(sizes_of(members, group_of))
        case Topology.HUB_SPOKE:
            return _hub_spoke(spec, members, group_of)
        case Topology.EXPLICIT:
            links = explicit_links(members, spec.links)
            return _between_each(((a, b) for a, b, _ in links), group_of)


def mesh_links(spec: SegmentSpec, members: Mapping[UUID, str]) -> list[Link]:
    """Name every tunnel: as many as the square of the members."""
    match spec.topology:
        case Topology.FULL:
            return [Link(a, b, split_horizon=True) for a, b in combinations(sorted(members), 2)]
        case Topology.HUB_SPOKE:
            return hub_spoke_links(members, spec.hubs)
        case Topology.EXPLICIT:
            return explicit_links(members, spec.links)


def sizes_of(members: Iterable[UUID], group_of: Mapping[UUID, int]) -> Counter[int]:
    """Count the members in each group."""
    return Counter(group_of[uid] for uid in members if uid in group_of)


def between_all(sizes: Counter[int]) -> Between:
    """Count the tunnels of a full mesh of groups of these sizes."""
    found: Between = Counter()
    groups = sorted(sizes)
    for number, a in enumerate(groups):
        if within := sizes[a] * (sizes[a] - 1) // 2:
            found[a, a] = within
        for b in groups[number + 1 :]:
            found[a, b] = sizes[a] * sizes[b]
    return found


def _hub_spoke(
    spec: SegmentSpec, members: Mapping[UUID, str], group_of: Mapping[UUID, int]
) -> Between:
    hubs = [uid for uid, name in members.items() if name in spec.hubs]
    if not hubs:
        return Counter()
    spokes = (uid for uid, name in members.items() if name not in spec.hubs and uid in group_of)
    pairs = ((spoke, hub_of(spoke, hubs)) for spoke in spokes)
    return between_all(sizes_of(hubs, group_of)) + _between_each(pairs, group_of)


def _between_each(pairs: Iterable[tuple[UUID, UUID]], group_of: Mapping[UUID, int]) -> Between:
    found: Between = Counter()
    for a, b in pairs:
        if a in group_of and b in group_of:
            first, second = sorted((group_of[a], group_of[b]))
            found[first, second] += 1
    return found
