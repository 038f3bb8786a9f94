"""The tunnels of a fleet drawn as hubs with spokes, where there are too many to be told one by one.

A full mesh of many groups of hosts is a hub with a spoke to each: a spoke tells how the ends of
tunnels in its group are, and only tunnels with a trouble of their own are edges. Segments on the
same groups share a hub. So the picture grows with memberships and troubles, and not with pairs of
groups. Pure.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple
from uuid import UUID

from controller.domain.fleet_graph import (
    Edge,
    Edges,
    ExplicitTunnel,
    Mesh,
    connect,
    own_troubles,
    worse,
)
from controller.domain.mesh_counts import tunnels_between
from controller.domain.status import Finding, Phase
from controller.domain.topology import Topology

MOST_PAIRS = 60
"""Of groups with tunnels that the eye follows: a full mesh of eleven groups has 55."""
MOST_SPOKES = 600
"""To hubs of their own; beyond so many, one hub stands for all meshes."""
_FEW = 3
"""Groups that have no more links among each other than they would have to a hub."""


class Meshes(enum.StrEnum):
    """How full meshes are told."""

    AUTO = "auto"
    """By pairs while these are few."""
    PAIRS = "pairs"
    HUBS = "hubs"


@dataclass(slots=True)
class Hub:
    meshes: list[int] = field(default_factory=list)
    """By their places in what was given."""
    tunnels: int = 0
    spokes: dict[int, Edge] = field(default_factory=dict)
    """By group. What it counts are ends of tunnels: one within the group has two there."""


class Hubs(NamedTuple):
    hubs: list[Hub]
    edges: Edges
    """Tunnels that no hub stands for, and those of hubs that have a trouble of their own."""
    tunnels: int
    """Of both, each once."""


def are_many(
    meshes: Iterable[Mesh], tunnels: Iterable[ExplicitTunnel], group_of: Mapping[UUID, int]
) -> bool:
    """Whether there are tunnels between more pairs of groups than can be told apart."""
    pairs = {
        _pair(group_of[each.a], group_of[each.b])
        for each in tunnels
        if each.a in group_of and each.b in group_of
    }
    full = set[frozenset[int]]()
    for mesh in meshes:
        if mesh.spec.topology is Topology.FULL:
            full.add(_groups(mesh, group_of))
        else:
            pairs |= tunnels_between(mesh.spec, mesh.members, group_of).keys()
    for groups in full:
        if len(groups) * (len(groups) - 1) // 2 > MOST_PAIRS:
            return True
        pairs.update(combinations(sorted(groups), 2))
        if len(pairs) > MOST_PAIRS + len(group_of):
            return True
    return sum(a != b for a, b in pairs) > MOST_PAIRS


def gather(
    meshes: Sequence[Mesh], tunnels: Iterable[ExplicitTunnel], group_of: Mapping[UUID, int]
) -> Hubs:
    """Count what is between the hosts that have a group; all that the meshes look at have one."""
    large = {
        number: groups
        for number, mesh in enumerate(meshes)
        if mesh.spec.topology is Topology.FULL and len(groups := _groups(mesh, group_of)) > _FEW
    }
    apart = _spokes_of(large.values()) <= MOST_SPOKES
    hubs: dict[frozenset[int], Hub] = {}
    edges = connect(
        (mesh for number, mesh in enumerate(meshes) if number not in large), tunnels, group_of
    )
    others = sum(edge.tunnels for edge in edges.values())
    for number, groups in large.items():
        hub = hubs.setdefault(groups if apart else frozenset(), Hub())
        hub.meshes.append(number)
        _add_mesh(hub, meshes[number], group_of)
        _add_troubles(edges, meshes[number], group_of)
    found = list(hubs.values())
    return Hubs(found, edges, others + sum(hub.tunnels for hub in found))


def _spokes_of(each: Iterable[frozenset[int]]) -> int:
    return sum(map(len, set(each)))


def _groups(mesh: Mesh, group_of: Mapping[UUID, int]) -> frozenset[int]:
    return frozenset(group_of[host] for host in mesh.findings)


def _add_mesh(hub: Hub, mesh: Mesh, group_of: Mapping[UUID, int]) -> None:
    members = len(mesh.findings)
    hub.tunnels += members * (members - 1) // 2
    alike = Counter((group_of[host], finding) for host, finding in mesh.findings.items())
    for (group, finding), hosts in alike.items():
        hub.spokes.setdefault(group, Edge()).add(finding, hosts * (members - 1))
    for group in _groups(mesh, group_of):
        hub.spokes[group].segments += 1
    for (host, far), finding in mesh.ends.items():
        if host != far and {host, far} <= mesh.findings.keys():
            before = mesh.findings[host]
            hub.spokes[group_of[host]].move(before[0], worse(before, finding))


def _add_troubles(edges: Edges, mesh: Mesh, group_of: Mapping[UUID, int]) -> None:
    touched = set[tuple[int, int]]()
    for (a, b), trouble in own_troubles(mesh).items():
        found = _worst((trouble, mesh.findings[a], mesh.findings[b]))
        if found[0] is Phase.READY:
            continue
        pair = _pair(group_of[a], group_of[b])
        edges.setdefault(pair, Edge()).add(found, 1)
        touched.add(pair)
    for pair in touched:
        edges[pair].segments += 1


def _worst(findings: Collection[Finding]) -> Finding:
    first, *others = findings
    for each in others:
        first = worse(first, each)
    return first


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a <= b else (b, a)
