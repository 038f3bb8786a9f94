"""Law 10 for the tunnels of one segment: floods reach every member once, and end."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovsfleet.v1 import state_pb2

from controller.compiler import compile_fragment
from controller.compiler.links import remotes
from controller.domain.intent import Kind, SegmentSpec
from controller.domain.topology import (
    Link,
    Topology,
    explicit_links,
    hub_of,
    hub_spoke_links,
    links_in_circles,
    most_tunnels_of_a_hub,
    parts,
)
from controller.domain.validation.topology import goes_with
from tests.support.model_fleet import ModelFleet, host, port, segment

NAMES = tuple(f"h{number}" for number in range(1, 8))
UIDS = {name: UUID(int=number) for number, name in enumerate(NAMES, 1)}
View = Mapping[UUID, Sequence[Link]]
"""The links as each member sees them: hosts may lag."""

hosts = st.sets(st.sampled_from(NAMES), min_size=1)
forests = st.lists(st.sampled_from(list(combinations(NAMES, 2))), max_size=12).map(
    lambda pairs: tuple(
        pair for index, pair in enumerate(pairs) if index not in set(links_in_circles(pairs))
    )
)
topologies: st.SearchStrategy[SegmentSpec] = st.one_of(
    st.just(SegmentSpec()),
    st.builds(
        SegmentSpec,
        topology=st.just(Topology.HUB_SPOKE),
        hubs=st.sets(st.sampled_from(NAMES), min_size=1, max_size=4).map(tuple),
    ),
    st.builds(SegmentSpec, topology=st.just(Topology.EXPLICIT), links=forests),
)


def links_of(spec: SegmentSpec, names: set[str]) -> list[Link]:
    members = {UIDS[name]: name for name in names}
    match spec.topology:
        case Topology.HUB_SPOKE:
            return hub_spoke_links(members, spec.hubs)
        case Topology.EXPLICIT:
            return explicit_links(members, spec.links)
        case Topology.FULL:
            return [Link(a, b, split_horizon=True) for a, b in combinations(sorted(members), 2)]


def flood(view: View, start: UUID, *, most: int = 500) -> Counter[UUID]:
    """Count the copies that each host gets of a frame that one of them floods.

    As Open vSwitch does it: out of every port but the one it came from, and from a protected port
    to none that is protected. A tunnel carries what both of its ends have."""
    got: Counter[UUID] = Counter()
    waiting: deque[tuple[UUID, UUID | None]] = deque([(start, None)])
    while waiting and sum(got.values()) < most:
        here, source = waiting.popleft()
        ends = {far_of(link, here): link for link in view[here] if here in link[:2]}
        is_protected = source is not None and ends[source].split_horizon
        for far, link in ends.items():
            if far == source or (is_protected and link.split_horizon):
                continue
            if any({link.a, link.b} == {other.a, other.b} for other in view.get(far, ())):
                got[far] += 1
                waiting.append((far, here))
    return got


def far_of(link: Link, here: UUID) -> UUID:
    return link.b if link.a == here else link.a


@given(topologies, hosts)
def test_what_a_member_floods_comes_once_to_each_that_it_reaches(
    spec: SegmentSpec, names: set[str]
) -> None:
    links = links_of(spec, names)
    view = {UIDS[name]: links for name in names}
    for name in names:
        got = flood(view, UIDS[name])
        assert set(got.values()) <= {1}
        assert got.keys() == {UIDS[other] for other in reached_from(name, spec, names)}


def reached_from(name: str, spec: SegmentSpec, names: set[str]) -> set[str]:
    if spec.topology is Topology.EXPLICIT:
        return next(part for part in parts(names, spec.links) if name in part) - {name}
    connected = spec.topology is Topology.FULL or bool(names & {*spec.hubs})
    return names - {name} if connected else set()


@given(topologies, topologies, hosts, hosts, st.sets(st.sampled_from(NAMES)))
def test_floods_end_while_some_hosts_have_a_change_that_is_allowed_and_others_lag(
    before: SegmentSpec, after: SegmentSpec, were: set[str], are: set[str], lagging: set[str]
) -> None:
    """Members may join and leave in the same change. Copies may be twice there meanwhile."""
    if not goes_with(before, after):
        return
    old, new = links_of(before, were), links_of(after, are)
    view = {UIDS[name]: old if name in lagging else new for name in were | are}
    for name in were | are:
        assert sum(flood(view, UIDS[name]).values()) < 500


def test_links_that_change_at_once_would_close_a_circle_with_hosts_that_lag() -> None:
    """What the rule forbids does happen: a ring that is open at another place now."""
    ring = list(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))
    before = SegmentSpec(topology=Topology.EXPLICIT, links=tuple(ring[1:]))
    after = SegmentSpec(topology=Topology.EXPLICIT, links=tuple(ring[:3] + ring[4:]))
    assert is_endless(before, after, lagging={"h4", "h5"})
    assert not goes_with(before, after)


def test_hubs_that_change_places_with_spokes_would_close_a_circle_with_hosts_that_lag() -> None:
    pairs = list(combinations(NAMES, 2))
    found = [
        (one, other)
        for one in pairs
        for other in pairs
        if is_endless(of_hubs(one), of_hubs(other), lagging=set(one))
    ]
    assert found
    assert not any(goes_with(of_hubs(one), of_hubs(other)) for one, other in found)


def of_hubs(hubs: tuple[str, ...]) -> SegmentSpec:
    return SegmentSpec(topology=Topology.HUB_SPOKE, hubs=hubs)


def is_endless(before: SegmentSpec, after: SegmentSpec, *, lagging: set[str]) -> bool:
    old, new = links_of(before, set(NAMES)), links_of(after, set(NAMES))
    view = {UIDS[name]: old if name in lagging else new for name in NAMES}
    return any(sum(flood(view, uid).values()) >= 500 for uid in UIDS.values())


@given(hosts, st.sets(st.sampled_from(NAMES), min_size=1), st.sampled_from(NAMES))
def test_a_hub_that_comes_takes_spokes_and_moves_no_others(
    names: set[str], hubs: set[str], new: str
) -> None:
    for spoke in names - hubs - {new}:
        before = hub_of(UIDS[spoke], [UIDS[hub] for hub in hubs])
        after = hub_of(UIDS[spoke], [UIDS[hub] for hub in hubs | {new}])
        assert after in (before, UIDS[new])


@pytest.mark.parametrize(("hubs", "spokes"), [(1, 300), (2, 900), (5, 2000)])
def test_no_hub_gets_many_more_spokes_than_its_share(hubs: int, spokes: int) -> None:
    names = {UUID(int=number): f"h{number}" for number in range(hubs + spokes)}
    links = hub_spoke_links(names, {f"h{number}" for number in range(hubs)})
    ends = Counter(uid for link in links for uid in (link.a, link.b))
    assert max(ends.values()) <= most_tunnels_of_a_hub(hubs, spokes)


@given(topologies.filter(lambda spec: spec.topology is not Topology.FULL), hosts)
def test_a_compiled_segment_has_the_links_of_its_topology(
    spec: SegmentSpec, names: set[str]
) -> None:
    fleet = ModelFleet()
    fleet.apply(*(host(name, f"192.0.2.{index}") for index, name in enumerate(NAMES, 1)))
    fields = {"topology": spec.topology, "hubs": spec.hubs, "links": spec.links}
    fleet.apply(segment("red", **fields), *(port(f"p-{n}", n, segment="red") for n in names))
    intent = next(s for s in fleet.host_intent(min(names)).segments)
    members = {member.uid: member.name for member in intent.members}
    fragment = compile_fragment(intent)
    is_star = spec.topology is Topology.HUB_SPOKE
    by_hubs, by_links = hub_spoke_links(members, spec.hubs), explicit_links(members, spec.links)
    expected = by_hubs if is_star else by_links
    assert fragment.topology == state_pb2.TOPOLOGY_LINKS
    assert [
        (UUID(link.a_host_uid), UUID(link.b_host_uid), link.split_horizon)
        for link in fragment.links
    ] == expected
    for uid in members:
        assert remotes(fragment, str(uid)) == {
            str(far_of(link, uid)) for link in expected if uid in link[:2]
        }
    assert fleet.of_kind(Kind.SEGMENT) == [intent.segment]
