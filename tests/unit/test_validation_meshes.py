"""Warnings of large meshes: beside a change that is planned, not instead of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.intent import DEFAULT_PROJECT, Backend, Kind, Manifest, Ref, Removal
from controller.domain.topology import Topology
from controller.domain.validation import Elsewhere, Planned, plan_change
from tests.support.model_fleet import ModelFleet, host, pointed, port, removal, segment
from tests.support.refusals import faults, refusal


def fleet_of(hosts: int) -> ModelFleet:
    fleet = ModelFleet()
    numbers = range(hosts)
    fleet.apply(*(host(f"m{n}", f"10.0.{n // 200}.{n % 200 + 1}") for n in numbers))
    return fleet


def warned(planned: Planned) -> list[tuple[str, str]]:
    return [(warning.pointer, warning.code) for warning in planned.warnings]


@pytest.mark.parametrize(
    ("backend", "told"),
    [(Backend.OVS, [("/objects/0/spec/segment", "mesh_large")]), (Backend.KERNEL, [])],
)
def test_a_mesh_that_grows_beyond_what_is_wise_is_planned_with_a_warning(
    backend: Backend, told: list[tuple[str, str]]
) -> None:
    fleet = fleet_of(502)
    fleet.apply(segment("wide", backend=backend))
    wise = fleet.apply(*(port(f"p{n}", f"m{n}", segment="wide") for n in range(501)))
    assert warned(wise) == []
    grown = fleet.apply(port("one-more", "m501", segment="wide"))
    assert (len(grown.creates), warned(grown)) == (1, told)
    beside = fleet.apply(port("beside", "m501", segment="wide"))
    assert warned(beside) == []


def test_a_host_that_gets_very_many_tunnels_is_named_once() -> None:
    fleet = fleet_of(61)
    segments = [segment(f"s{n}", backend=Backend.OVS) for n in range(51)]
    everywhere = [port(f"p{s}-{n}", f"m{n}", segment=f"s{s}") for s in range(50) for n in range(61)]
    fleet.apply(*segments)
    assert warned(fleet.apply(*everywhere)) == []
    assert warned(fleet.apply(port("alone", "m0", segment="s50"))) == []
    planned = fleet.apply(port("second", "m1", segment="s50"))
    assert warned(planned) == [("/objects/0/spec/segment", "many_tunnels")]
    assert "'m1' has 3001 tunnel ports" in planned.warnings[0].detail


@pytest.fixture(scope="module")
def star() -> ModelFleet:
    """A hub and spoke with three hubs, two of which are members."""
    fleet = fleet_of(5)
    wheel = segment("wheel", topology=Topology.HUB_SPOKE, hubs=("m0", "m1", "m2"))
    fleet.apply(wheel, *(port(f"p{n}", f"m{n}", segment="wheel") for n in (0, 1)))
    fleet.apply(segment("other"))
    return fleet


def with_spokes(
    fleet: ModelFleet, spokes: int, manifests: list[Manifest], removals: list[Removal]
) -> Planned:
    """Plan a change while the segment has so many spokes on other hosts."""
    uid = fleet.objects[Ref(Kind.SEGMENT, DEFAULT_PROJECT, "wheel")].uid
    there = Elsewhere(spokes, spokes, has_ovs=True)
    both = {*fleet.world(manifests, removals).objects, Ref(Kind.HOST, DEFAULT_PROJECT, "m0")}
    there = replace(there, hosts=spokes + (Ref(Kind.PORT, DEFAULT_PROJECT, "p0") not in both))
    there = replace(there, named=frozenset({"m0"} if there.hosts > spokes else ()))
    world = replace(fleet.world(manifests, removals), elsewhere={uid: there})
    return plan_change(world, pointed(manifests), removals)


@pytest.mark.parametrize(
    ("spokes", "told"), [(400, []), (600, ["mesh_large"]), (900, ["mesh_too_large"])]
)
def test_a_hub_that_goes_leaves_its_spokes_to_the_others_with_a_warning(
    star: ModelFleet, spokes: int, told: list[str]
) -> None:
    gone = replace(removal(Kind.PORT, "p1"), pointer="/removed/0")
    planned = with_spokes(star, spokes, [], [gone])
    assert warned(planned) == [("/removed/0", code) for code in told]
    moved = with_spokes(star, spokes, [port("p1", "m1", segment="other")], [])
    assert warned(moved) == [("/objects/0/spec", code) for code in told]


def test_a_hub_is_not_exchanged_for_a_spoke_of_too_large_a_mesh(star: ModelFleet) -> None:
    gone, spoke = removal(Kind.PORT, "p1"), port("p4", "m4", segment="wheel")
    error = refusal(lambda: with_spokes(star, 900, [spoke], [gone]))
    assert faults(error) == [("/objects/0/spec/segment", "mesh_too_large")]
    assert "more hubs" in error.violations[0].fix
    hub = port("p2", "m2", segment="wheel")
    assert warned(with_spokes(star, 900, [hub], [gone])) == []


def test_fewer_hubs_are_refused_to_a_mesh_that_needs_them(star: ModelFleet) -> None:
    fewer = segment("wheel", topology=Topology.HUB_SPOKE, hubs=("m0",))
    spoke = port("p1", "m1", segment="wheel")
    error = refusal(lambda: with_spokes(star, 900, [fewer, spoke], []))
    assert faults(error) == [("/objects/0/spec/hubs", "mesh_too_large")]
