"""The fleet's hosts and the tunnels between them, as a graph that can be drawn.

Computed from intent and what hosts report; nothing of it is stored. Hosts may stand in groups, and
tunnels are counted between groups, so that a thousand hosts make as large an answer as their
groups. Owns nothing; must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from controller.auth import Principal
from controller.compiler.naming import segment_id
from controller.domain.fleet_graph import (
    Edge,
    Edges,
    ExplicitTunnel,
    Mesh,
    Pair,
    connect,
    worse,
)
from controller.domain.fleet_hubs import Hubs, Meshes, are_many, gather
from controller.domain.host_grouping import (
    MOST_HOSTS,
    GroupableHost,
    GroupBy,
    HostSet,
    chosen,
    grouped,
    inside,
)
from controller.domain.intent import DEFAULT_PROJECT, Kind, Object, SegmentSpec
from controller.domain.label_selectors import Selector
from controller.domain.segment_status import SegmentFacts, segment_status
from controller.domain.spread_status import WORST_FIRST
from controller.domain.status import (
    HOST_RESOURCE,
    Finding,
    HostFacts,
    Liveness,
    Phase,
    Trouble,
    host_finding,
    resource_finding,
)
from controller.services.queries import find, scope
from controller.services.tunnel_loads import Load, Loads, RatedMesh, RatedTunnel, loads_between
from controller.store import topology as rows
from controller.store.engine import Database, Transaction
from controller.store.facts import host_facts, segment_facts
from controller.store.fleet import read_fleet

MOST_SEGMENTS = 500
"""That one answer lists; those with troubles and the largest come first."""
MOST_EDGES = 400
"""That one answer has beside hubs; the worst and those of the most tunnels come first."""
_RANKS = {phase: rank for rank, phase in enumerate(WORST_FIRST)}


@dataclass(frozen=True, slots=True)
class Asked:
    group_by: GroupBy
    selector: Selector
    """Of hosts, by their labels."""
    project: str | None = None
    segment: str | None = None
    """Name or uid; in the default project where ``project`` is None."""
    within: str | None = None
    """Id of the group that hosts must be in."""
    meshes: Meshes = Meshes.PAIRS

    @property
    def is_of_all_hosts(self) -> bool:
        """Or else only of those that are on what was asked for."""
        return self.project is None and self.segment is None


@dataclass(frozen=True, slots=True)
class Node:
    of: HostSet
    phases: Mapping[Phase, int]
    connected: int


@dataclass(frozen=True, slots=True)
class Between:
    a: str
    b: str
    edge: Edge
    load: Load | None


@dataclass(frozen=True, slots=True)
class Spoke:
    node: str
    edge: Edge
    """Of the ends of tunnels there."""
    load: Load | None


@dataclass(frozen=True, slots=True)
class DrawnHub:
    id: str
    segments: tuple[Object, ...]
    tunnels: int
    spokes: tuple[Spoke, ...]


@dataclass(frozen=True, slots=True)
class ListedSegment:
    project: str
    name: str
    vni: int
    hosts: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Topology:
    revision: int
    group_by: GroupBy
    nodes: tuple[Node, ...]
    meshes: Meshes
    edges: tuple[Between, ...]
    edges_left_out: int
    hubs: tuple[DrawnHub, ...]
    tunnels: int
    segments: tuple[ListedSegment, ...]
    truncated: bool
    """There are more nodes or segments than are told."""


@dataclass(frozen=True, slots=True)
class _Segment:
    object: Object
    spec: SegmentSpec
    facts: SegmentFacts
    members: Mapping[UUID, str]

    @property
    def needed(self) -> int:
        """What a host must have applied to have the mesh as it is now."""
        return max(self.object.revision, self.facts.membership_revision)


class _Slice(NamedTuple):
    """What was read, in one snapshot."""

    revision: int
    hosts: Sequence[GroupableHost]
    """Those that are looked at."""
    facts: Mapping[UUID, HostFacts]
    phases: Mapping[UUID, Phase]
    """Of the hosts themselves."""
    segments: Sequence[_Segment]
    tunnels: Sequence[rows.TunnelEnds]
    troubles: Mapping[tuple[UUID, UUID], Sequence[Trouble]]
    """By host and segment or tunnel."""
    groups: Mapping[str, Selector]


def topology(
    db: Database, stats_db: Database, principal: Principal, asked: Asked, *, now: datetime
) -> Topology:
    """Of what the principal sees; NotFoundError when there is no such segment."""
    with db.snapshot() as tx:
        found = _read(tx, principal, asked)
    by = chosen(asked.group_by, found.hosts, has_groups=bool(found.groups))
    every_set = _worst_and_largest_first(grouped(found.hosts, by, found.groups), found.phases)
    sets = sorted(every_set[:MOST_HOSTS], key=lambda each: each.title)
    shown = {host.uid: number for number, each in enumerate(sets) for host in each.hosts}
    meshes, tunnels = list(_meshes(found, shown)), list(_tunnels(found, shown))
    by_hubs = asked.meshes is Meshes.HUBS or (
        asked.meshes is Meshes.AUTO and are_many(meshes, tunnels, shown)
    )
    drawn = (gather if by_hubs else _by_pairs)(meshes, tunnels, shown)
    pairs = _worst_and_most_first(drawn.edges)[:MOST_EDGES] if by_hubs else [*drawn.edges]
    loads = loads_between(stats_db, *_rated(found, drawn), shown, now=now)
    listed = _listed(found.segments)
    return Topology(
        revision=found.revision,
        group_by=by,
        nodes=tuple(_node(each, found) for each in sets),
        meshes=Meshes.HUBS if by_hubs else Meshes.PAIRS,
        edges=tuple(
            Between(sets[a].id, sets[b].id, drawn.edges[a, b], loads.pairs.get((a, b)))
            for a, b in sorted(pairs)
        ),
        edges_left_out=len(drawn.edges) - len(pairs),
        hubs=tuple(_hubs(drawn, loads, sets, found.segments)),
        tunnels=drawn.tunnels,
        segments=listed[:MOST_SEGMENTS],
        truncated=len(every_set) > len(sets) or len(listed) > MOST_SEGMENTS,
    )


def _by_pairs(
    meshes: Sequence[Mesh], tunnels: Sequence[ExplicitTunnel], shown: Mapping[UUID, int]
) -> Hubs:
    edges = connect(meshes, tunnels, shown)
    return Hubs([], edges, sum(edge.tunnels for edge in edges.values()))


def _worst_and_most_first(edges: Edges) -> list[Pair]:
    def place(pair: Pair) -> tuple[int, int, Pair]:
        worst = edges[pair].worst
        return _RANKS[worst[0] if worst else Phase.READY], -edges[pair].tunnels, pair

    return sorted(edges, key=place)


def _read(tx: Transaction, principal: Principal, asked: Asked) -> _Slice:
    every_host = rows.groupable_hosts(tx)
    segments = _read_segments(tx, principal, asked, every_host)
    tunnels = rows.tunnels_within(tx, asked.project) if asked.segment is None else []
    groups = rows.group_selectors(tx)
    hosts = [host for host in every_host if asked.selector.matches(host.labels)]
    if asked.within is not None:
        hosts = inside(hosts, asked.within, groups)
    if not asked.is_of_all_hosts:
        there = {uid for segment in segments for uid in segment.members}
        there |= {uid for tunnel in tunnels for uid in (tunnel.a, tunnel.b)}
        hosts = [host for host in hosts if host.uid in there]
    facts = host_facts(tx, [host.uid for host in hosts])
    revisions = {host.uid: host.revision for host in hosts}
    return _Slice(
        revision=read_fleet(tx).revision,
        hosts=hosts,
        facts=facts,
        phases={uid: host_finding(revisions[uid], of)[0] for uid, of in facts.items()},
        segments=segments,
        tunnels=tunnels,
        troubles=_troubles(tx, segments, tunnels, facts),
        groups=groups,
    )


def _read_segments(
    tx: Transaction, principal: Principal, asked: Asked, hosts: Sequence[GroupableHost]
) -> list[_Segment]:
    only = None
    if asked.segment is not None:
        project = asked.project or DEFAULT_PROJECT
        only = find(tx, principal, Kind.SEGMENT, project, asked.segment).object.uid
    found = rows.segments_within(tx, scope(principal, Kind.SEGMENT, asked.project), only)
    uids = [segment.uid for segment in found]
    facts, names = segment_facts(tx, uids), {host.uid: host.name for host in hosts}
    members = rows.members_of(tx, uids, list(names))
    return [
        _Segment(each, each.spec, facts[each.uid], {u: names[u] for u in members.get(each.uid, ())})
        for each in found
        if isinstance(each.spec, SegmentSpec)
    ]


def _troubles(
    tx: Transaction,
    segments: Sequence[_Segment],
    tunnels: Sequence[rows.TunnelEnds],
    facts: Mapping[UUID, HostFacts],
) -> Mapping[tuple[UUID, UUID], Sequence[Trouble]]:
    uids = [segment.object.uid for segment in segments] + [tunnel.uid for tunnel in tunnels]
    names = {uid: of.name for uid, of in facts.items()}
    found: defaultdict[tuple[UUID, UUID], list[Trouble]] = defaultdict(list)
    for host, of, trouble in rows.troubles_of_tunnels(tx, uids, names):
        found[host, of].append(trouble)
    return found


def _worst_and_largest_first(
    sets: Sequence[HostSet], phases: Mapping[UUID, Phase]
) -> list[HostSet]:
    def place(each: HostSet) -> tuple[int, int, str]:
        worst = min(_RANKS[phases[host.uid]] for host in each.hosts)
        return worst, -len(each.hosts), each.title

    return sorted(sets, key=place)


def _node(of: HostSet, found: _Slice) -> Node:
    return Node(
        of=of,
        phases=Counter(found.phases[host.uid] for host in of.hosts),
        connected=sum(found.facts[host.uid].liveness is Liveness.CONNECTED for host in of.hosts),
    )


def _meshes(found: _Slice, shown: Mapping[UUID, int]) -> Iterator[Mesh]:
    judge = _Judge(found.facts)
    for segment in found.segments:
        own = segment_id(segment.object.uid)
        findings: dict[UUID, Finding] = {}
        ends: dict[tuple[UUID, UUID], Finding] = {}
        for host in segment.members:
            if host not in shown:
                continue
            troubles = found.troubles.get((host, segment.object.uid), ())
            of_all = [each for each in troubles if each.resource == own]
            findings[host] = judge.finding(host, segment.needed, of_all)
            for each in troubles:
                if (far := _far_host(each)) is not None:
                    seen = judge.finding(host, segment.needed, [*of_all, each])
                    ends[host, far] = seen
        yield Mesh(segment.spec, segment.members, findings, ends)


def _far_host(trouble: Trouble) -> UUID | None:
    """The other end of the one tunnel of a segment that a failure names; None: it names none, or
    one that leaves the fleet."""
    try:
        return UUID(trouble.resource.partition("/")[2])
    except ValueError:
        return None


def _tunnels(found: _Slice, shown: Mapping[UUID, int]) -> Iterator[ExplicitTunnel]:
    judge = _Judge(found.facts)
    for uid, revision, *ends in found.tunnels:
        if all(end in shown for end in ends):
            findings = [
                judge.finding(end, revision, found.troubles.get((end, uid), ())) for end in ends
            ]
            yield ExplicitTunnel(ends[0], ends[1], worse(*findings))


class _Judge:
    """How hosts have what is on them, asked once for each segment that a host is on."""

    def __init__(self, facts: Mapping[UUID, HostFacts]) -> None:
        # Of all that a host has troubles with, others are told with the object that they are of.
        self._facts = {
            uid: replace(of, troubles=tuple(t for t in of.troubles if t.resource == HOST_RESOURCE))
            for uid, of in facts.items()
        }
        self._done = {uid: _told(0, of) for uid, of in self._facts.items()}

    def finding(self, host: UUID, needed: int, troubles: Sequence[Trouble]) -> Finding:
        facts = self._facts[host]
        if not troubles and facts.applied_revision >= needed:
            return self._done[host]
        return _told(needed, replace(facts, troubles=(*facts.troubles, *troubles)))


def _told(needed: int, facts: HostFacts) -> Finding:
    phase, reason, message = resource_finding(needed, facts)
    if phase is Phase.READY or repr(facts.name) in message:
        return phase, reason, message
    return phase, reason, f"on host {facts.name!r}: {message}"


def _rated(found: _Slice, drawn: Hubs) -> tuple[list[RatedMesh], list[RatedTunnel]]:
    hub_of = {mesh: number for number, hub in enumerate(drawn.hubs) for mesh in hub.meshes}
    meshes = [
        RatedMesh(each.object.uid, each.spec, each.members, hub_of.get(number))
        for number, each in enumerate(found.segments)
    ]
    return meshes, [RatedTunnel(uid, a, b) for uid, _, a, b in found.tunnels]


def _hubs(
    drawn: Hubs, loads: Loads, sets: Sequence[HostSet], segments: Sequence[_Segment]
) -> Iterator[DrawnHub]:
    for number, hub in enumerate(drawn.hubs):
        of = tuple(segments[mesh].object for mesh in hub.meshes)
        spokes = (
            Spoke(sets[group].id, edge, loads.spokes.get((number, group)))
            for group, edge in sorted(hub.spokes.items())
        )
        yield DrawnHub(segment_id(of[0].uid), of, hub.tunnels, tuple(spokes))


def _listed(segments: Sequence[_Segment]) -> tuple[ListedSegment, ...]:
    found = [
        ListedSegment(
            project=each.object.project,
            name=each.object.name,
            vni=each.spec.vni or 0,
            hosts=each.facts.members,
            phase=segment_status(each.object.revision, each.facts).phase,
        )
        for each in segments
    ]
    return tuple(sorted(found, key=lambda e: (_RANKS[e.phase], -e.hosts, e.project, e.name)))
