"""VNIs and MTUs: who may have which, and what follows for others."""

from __future__ import annotations

import pytest

from controller.domain.errors import ConflictError
from controller.domain.intent import Kind, Manifest, SegmentSpec
from controller.domain.validation import World, plan_change
from tests.support.model_fleet import ModelFleet, host, pointed, port, removal, segment
from tests.support.refusals import faults, refusal, refused


@pytest.mark.parametrize("vni", [0, -1, 2**24])
def test_a_vni_has_24_bits_and_is_not_zero(fleet: ModelFleet, vni: int) -> None:
    assert refused(fleet, segment("new", vni=vni)) == [("/objects/0/spec/vni", "vni_out_of_range")]


def test_a_vni_is_given_to_a_segment_that_names_none_and_then_kept(fleet: ModelFleet) -> None:
    again = fleet.apply(segment("red"))
    (red,) = again.unchanged
    assert isinstance(red.spec, SegmentSpec)
    assert red.spec.vni == 10_000


def test_a_vni_that_a_neighbour_in_the_request_asks_for_is_not_given_away(
    fleet: ModelFleet,
) -> None:
    planned = fleet.apply(segment("a"), segment("b", vni=10_001), segment("c"))
    vnis = {d.ref.name: d.spec.vni for d in planned.creates if isinstance(d.spec, SegmentSpec)}
    assert vnis == {"a": 10_002, "b": 10_001, "c": 10_003}


def test_a_taken_vni_is_refused_and_its_holder_named(fleet: ModelFleet) -> None:
    error = refusal(lambda: fleet.apply(segment("new", vni=10_000)))
    assert isinstance(error, ConflictError)
    assert faults(error) == [("/objects/0/spec/vni", "vni_taken")]
    assert "Segment 'red'" in error.detail


def test_a_vni_that_hosts_still_carry_is_not_given_again() -> None:
    world = World(objects={}, vnis={7: None})
    error = refusal(lambda: plan_change(world, pointed([segment("new", vni=7)]), []))
    assert faults(error) == [("/objects/0/spec/vni", "vni_taken")]
    assert "not confirmed" in error.detail


def test_an_exhausted_pool_is_a_conflict() -> None:
    error = refusal(lambda: plan_change(World(objects={}), pointed([segment("new")]), []))
    assert isinstance(error, ConflictError)
    assert faults(error) == [("/objects/0/spec/vni", "vni_pool_exhausted")]


def test_a_segment_mtu_must_fit_the_narrowest_member_even_one_the_change_does_not_touch(
    fleet: ModelFleet,
) -> None:
    assert refused(fleet, segment("red", mtu=1451)) == [
        ("/objects/0/spec/mtu", "mtu_exceeds_underlay")
    ]
    assert fleet.apply(segment("red", mtu=1450)).updates


def test_a_host_cannot_join_a_segment_that_is_too_wide_for_it(fleet: ModelFleet) -> None:
    fleet.apply(segment("red", mtu=1450), host("h3", "192.0.2.3", underlay_mtu=1400))
    found = refused(fleet, port("new", "h3", segment="red"))
    assert found == [("/objects/0/spec/segment", "mtu_exceeds_underlay")]


def test_an_underlay_cannot_shrink_below_what_its_segments_need(fleet: ModelFleet) -> None:
    fleet.apply(segment("red", mtu=1450))
    found = refused(fleet, host("h1", "192.0.2.1", underlay_mtu=1499))
    assert found == [("/objects/0/spec/underlay_mtu", "mtu_exceeds_underlay")]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        (
            (host("h1", "192.0.2.1", underlay_mtu=1499), segment("red", mtu=1450)),
            "0/spec/underlay_mtu",
        ),
        ((host("h1", "192.0.2.1"), segment("red", mtu=1451)), "1/spec/mtu"),
    ],
)
def test_of_what_is_applied_as_a_whole_the_field_that_changes_is_named(
    fleet: ModelFleet, changes: tuple[Manifest, ...], pointer: str
) -> None:
    fleet.apply(segment("red", mtu=1450))
    web = ("10.0.0.1/24",)
    whole = (*changes, port("web", "h1", segment="red", mac="02:00:00:00:00:01", addresses=web))
    assert refused(fleet, *whole) == [(f"/objects/{pointer}", "mtu_exceeds_underlay")]


def test_a_narrow_host_that_joins_shrinks_an_automatic_mtu_unless_a_port_relies_on_it(
    fleet: ModelFleet,
) -> None:
    fleet.apply(host("h3", "192.0.2.3", underlay_mtu=1400))
    assert fleet.apply(port("narrow", "h3", segment="red")).creates
    fleet.delete(removal(Kind.PORT, "narrow"))
    fleet.apply(port("wide", "h2", segment="red", mtu=1450))
    found = refused(fleet, port("narrow", "h3", segment="red"))
    assert found == [("/objects/0/spec/segment", "mtu_exceeds_segment")]
