"""The tunnels of a fleet as edges between groups of hosts, each with how its tunnels are doing.

A tunnel is as its worse end is. Hosts of one group that are doing alike are one cell, and tunnels
are counted between cells; only those that a host reported by name are looked at one by one. So the
cost grows with segments and pairs of groups, and not with pairs of hosts. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from uuid import UUID

from controller.domain.intent import SegmentSpec
from controller.domain.mesh_counts import between_all, mesh_links, sizes_of, tunnels_between
from controller.domain.spread_status import WORST_FIRST
from controller.domain.status import Finding, Phase
from controller.domain.topology import Topology

End: TypeAlias = tuple[UUID, UUID]
"""A host, and the one that its tunnel goes to."""
Pair: TypeAlias = tuple[int, int]
"""Numbers of groups, the smaller one first."""
_RANKS = {phase: rank for rank, phase in enumerate(WORST_FIRST)}
_TROUBLED = frozenset({Phase.FAILED, Phase.DEGRADED})


class Mesh(NamedTuple):
    """A segment as its members have it."""

    spec: SegmentSpec
    members: Mapping[UUID, str]
    """All names by uid, also of hosts that are not looked at."""
    findings: Mapping[UUID, Finding]
    """Of the members that are looked at: how each has the segment."""
    ends: Mapping[End, Finding]
    """Ends of tunnels that have troubles of their own."""


class ExplicitTunnel(NamedTuple):
    a: UUID
    b: UUID
    finding: Finding


@dataclass(slots=True)
class Edge:
    """The tunnels between two groups, or within one."""

    tunnels: int = 0
    segments: int = 0
    phases: Counter[Phase] = field(default_factory=Counter)
    worst: Finding | None = None
    """Of those that are not Ready."""

    def add(self, finding: Finding, tunnels: int) -> None:
        self.tunnels += tunnels
        self.phases[finding[0]] += tunnels
        self._note(finding)

    def move(self, before: Phase, finding: Finding) -> None:
        """One of its tunnels is not as it seemed."""
        self.phases[before] -= 1
        self.phases[finding[0]] += 1
        self._note(finding)

    def _note(self, finding: Finding) -> None:
        if finding[0] is not Phase.READY:
            self.worst = finding if self.worst is None else worse(self.worst, finding)


Edges: TypeAlias = dict[Pair, Edge]


def worse(first: Finding, second: Finding) -> Finding:
    return min(first, second, key=lambda each: (_RANKS[each[0]], each[1:]))


class _Cells:
    """Numbers for what members of a group have in common."""

    def __init__(self, group_of: Mapping[UUID, int]) -> None:
        self._group_of = group_of
        self._numbers: dict[tuple[object, ...], int] = {}
        self.groups: list[int] = []
        self.findings: list[Finding] = []

    def number(self, host: UUID, finding: Finding) -> int:
        """What troubles a host is told as it is; of hosts that are away or behind, the first one
        speaks for all of its group."""
        key = (self._group_of[host], *finding[: 3 if finding[0] in _TROUBLED else 2])
        if key not in self._numbers:
            self._numbers[key] = len(self.groups)
            self.groups.append(self._group_of[host])
            self.findings.append(finding)
        return self._numbers[key]


def connect(
    meshes: Iterable[Mesh], tunnels: Iterable[ExplicitTunnel], group_of: Mapping[UUID, int]
) -> Edges:
    """Count what is between the hosts that have a group."""
    cells, edges = _Cells(group_of), Edges()
    alike: Counter[frozenset[tuple[int, int]]] = Counter()
    named: list[tuple[Mesh, dict[UUID, int]]] = []
    for mesh in meshes:
        of = {host: cells.number(host, found) for host, found in mesh.findings.items()}
        if mesh.spec.topology is Topology.FULL:
            # Segments on the same hosts are counted once, however many they are.
            alike[frozenset(sizes_of(mesh.members, of).items())] += 1
        else:
            _add(edges, cells, tunnels_between(mesh.spec, mesh.members, of), 1)
        if mesh.ends:
            named.append((mesh, of))
    for sizes, segments in alike.items():
        _add(edges, cells, between_all(Counter(dict(sizes))), segments)
    for mesh, of in named:
        _tell_ends(edges, cells, mesh, of)
    for tunnel in tunnels:
        if tunnel.a in group_of and tunnel.b in group_of:
            _edge(edges, group_of[tunnel.a], group_of[tunnel.b]).add(tunnel.finding, 1)
    return edges


def _add(edges: Edges, cells: _Cells, between: Counter[Pair], segments: int) -> None:
    """Add the tunnels of so many segments that are alike."""
    touched = set[Pair]()
    for (a, b), tunnels in between.items():
        pair = _pair(cells.groups[a], cells.groups[b])
        found = cells.findings[a] if a == b else worse(cells.findings[a], cells.findings[b])
        edges.setdefault(pair, Edge()).add(found, tunnels * segments)
        touched.add(pair)
    for pair in touched:
        edges[pair].segments += segments


def _tell_ends(edges: Edges, cells: _Cells, mesh: Mesh, of: Mapping[UUID, int]) -> None:
    """Move the tunnels of which an end has a trouble of its own."""
    for (a, b), found in own_troubles(mesh).items():
        before = worse(cells.findings[of[a]], cells.findings[of[b]])
        edge = _edge(edges, cells.groups[of[a]], cells.groups[of[b]])
        edge.move(before[0], worse(before, found))


def own_troubles(mesh: Mesh) -> dict[End, Finding]:
    """The tunnels between members that are looked at of which an end has a trouble of its own, each
    once and as the worse of these ends. A host may still speak of one that it has to take away:
    that is none."""
    found: dict[End, Finding] = {}
    for end, finding in mesh.ends.items():
        pair = (min(end), max(end))
        found[pair] = worse(found[pair], finding) if pair in found else finding
    near = {(a, b) for a, b in found if a != b and {a, b} <= mesh.findings.keys()}
    if near and mesh.spec.topology is not Topology.FULL:
        near &= {(link.a, link.b) for link in mesh_links(mesh.spec, mesh.members)}
    return {pair: found[pair] for pair in sorted(near)}


def _edge(edges: Edges, a: int, b: int) -> Edge:
    return edges.setdefault(_pair(a, b), Edge())


def _pair(a: int, b: int) -> Pair:
    return (a, b) if a <= b else (b, a)
