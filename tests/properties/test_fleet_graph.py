"""Tunnels that are counted between groups are those that the expanded mesh has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from ovsfleet.v1 import state_pb2

from controller.compiler.links import add_links, remotes
from controller.domain.fleet_graph import Edge, ExplicitTunnel, Mesh, connect, worse
from controller.domain.fleet_hubs import gather
from controller.domain.intent import SegmentSpec
from controller.domain.mesh_counts import tunnels_between
from controller.domain.status import Finding, Phase
from controller.domain.topology import Topology, links_in_circles

NAMES = {UUID(int=number): f"h{number}" for number in range(1, 8)}
READY: Finding = (Phase.READY, "Applied", "")

forests = st.lists(st.sampled_from([*combinations(NAMES.values(), 2)]), max_size=12).map(
    lambda pairs: tuple(
        pair for index, pair in enumerate(pairs) if index not in {*links_in_circles(pairs)}
    )
)
specs = st.one_of(
    st.just(SegmentSpec()),
    st.builds(
        SegmentSpec,
        topology=st.just(Topology.HUB_SPOKE),
        hubs=st.sets(st.sampled_from([*NAMES.values()]), min_size=1, max_size=4).map(tuple),
    ),
    st.builds(SegmentSpec, topology=st.just(Topology.EXPLICIT), links=forests),
)
hosts = st.sampled_from([*NAMES])
members = st.sets(hosts).map(lambda uids: {uid: NAMES[uid] for uid in uids})
groups = st.dictionaries(hosts, st.integers(0, 2))
findings = st.tuples(st.sampled_from(Phase), st.sampled_from("xy"), st.sampled_from("mn")).map(
    lambda found: READY if found[0] is Phase.READY else found
)
tunnels = st.tuples(st.sampled_from([*combinations(NAMES, 2)]), findings).map(
    lambda drawn: ExplicitTunnel(drawn[0][0], drawn[0][1], drawn[1])
)


def expanded(spec: SegmentSpec, there: Mapping[UUID, str]) -> set[frozenset[UUID]]:
    """As agents expand it."""
    fragment = state_pb2.SegmentFragment()
    fragment.members.extend(state_pb2.SegmentMember(host_uid=str(uid)) for uid in there)
    add_links(fragment, spec, there)
    return {frozenset({a, UUID(b)}) for a in there for b in remotes(fragment, str(a))}


def pair_of(link: frozenset[UUID], group_of: Mapping[UUID, int]) -> tuple[int, int]:
    first, second = sorted(group_of[uid] for uid in link)
    return first, second


@given(specs, members, groups)
def test_as_many_tunnels_are_counted_as_the_expanded_mesh_has(
    spec: SegmentSpec, there: dict[UUID, str], group_of: dict[UUID, int]
) -> None:
    links = [link for link in expanded(spec, there) if link <= group_of.keys()]
    counted = Counter(pair_of(link, group_of) for link in links)
    assert tunnels_between(spec, there, group_of) == counted


@st.composite
def meshes(draw: st.DrawFn, group_of: Mapping[UUID, int]) -> Mesh:
    there = draw(members)
    near = [uid for uid in there if uid in group_of]
    ends = st.dictionaries(st.tuples(hosts, hosts), findings, max_size=4)
    return Mesh(draw(specs), there, {uid: draw(findings) for uid in near}, draw(ends))


@given(st.data(), groups)
def test_every_tunnel_is_as_its_worse_end(data: st.DataObject, group_of: dict[UUID, int]) -> None:
    drawn = data.draw(st.lists(meshes(group_of), max_size=3))
    lone = data.draw(st.lists(tunnels, max_size=3))
    wanted: dict[tuple[int, int], Edge] = {}
    for mesh in drawn:
        pairs = set()
        for link in expanded(mesh.spec, mesh.members):
            if link <= group_of.keys():
                a, b = link
                found = worse(mesh.findings[a], mesh.findings[b])
                for own in ((a, b), (b, a)):
                    found = worse(found, mesh.ends.get(own, READY))
                pair = pair_of(link, group_of)
                wanted.setdefault(pair, Edge()).add(found, 1)
                pairs.add(pair)
        for pair in pairs:
            wanted[pair].segments += 1
    for a, b, finding in lone:
        if {a, b} <= group_of.keys():
            pair = pair_of(frozenset({a, b}), group_of)
            wanted.setdefault(pair, Edge()).add(finding, 1)
    found_edges = connect(drawn, lone, group_of)
    assert {pair: summed(edge) for pair, edge in found_edges.items()} == {
        pair: summed(edge) for pair, edge in wanted.items()
    }


def summed(edge: Edge) -> tuple[int, int, Counter[Phase], Phase | None]:
    """Hosts of a group that are away or behind are told by the first of them."""
    return edge.tunnels, edge.segments, +edge.phases, edge.worst and edge.worst[0]


@given(st.data(), st.dictionaries(hosts, st.integers(0, 5), min_size=4))
def test_a_spoke_tells_the_ends_in_its_group_and_an_edge_what_has_a_trouble_of_its_own(
    data: st.DataObject, group_of: dict[UUID, int]
) -> None:
    drawn = data.draw(st.lists(meshes(group_of), max_size=3))
    found = gather(drawn, [], group_of)
    assert found.tunnels == sum(edge.tunnels for edge in connect(drawn, [], group_of).values())
    in_hubs = [drawn[number] for hub in found.hubs for number in hub.meshes]
    ends: Counter[tuple[int, Phase]] = Counter()
    named: Counter[tuple[int, int]] = Counter()
    for mesh in in_hubs:
        for a, b in combinations(sorted(mesh.findings), 2):
            at_a, at_b = (
                worse(mesh.findings[near], mesh.ends.get((near, far), READY))
                for near, far in ((a, b), (b, a))
            )
            ends.update([(group_of[a], at_a[0]), (group_of[b], at_b[0])])
            if {(a, b), (b, a)} & mesh.ends.keys() and worse(at_a, at_b)[0] is not Phase.READY:
                named[pair_of(frozenset({a, b}), group_of)] += 1
    told: Counter[tuple[int, Phase]] = Counter()
    for hub in found.hubs:
        for group, spoke in hub.spokes.items():
            told.update({(group, phase): number for phase, number in spoke.phases.items()})
    assert +told == ends
    others = connect([mesh for mesh in drawn if mesh not in in_hubs], [], group_of)
    for pair, edge in others.items():
        named[pair] += edge.tunnels
    assert Counter({pair: edge.tunnels for pair, edge in found.edges.items()}) == named
