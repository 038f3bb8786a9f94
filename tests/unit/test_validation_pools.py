"""Pools, zones and groups: what each may be, and what refers to them."""

from __future__ import annotations

from typing import Any

import pytest

from controller.domain.definitions import HostGroupSpec, PoolSpec, PoolType, TransportZoneSpec
from controller.domain.intent import HostSpec, Kind, Manifest, SegmentSpec
from controller.domain.validation.pools import Demand, demands
from tests.support.model_fleet import ModelFleet, host, manifest, pointed, removal, segment
from tests.support.refusals import faults, refusal, refused


def vnis(name: str, *ranges: str, **fields: Any) -> Manifest:
    return manifest(Kind.POOL, name, PoolSpec(PoolType.VNI, ranges, **fields))


def vteps(name: str, *ranges: str) -> Manifest:
    return manifest(Kind.POOL, name, PoolSpec(PoolType.VTEP, ranges))


def zone(name: str, **fields: Any) -> Manifest:
    return manifest(Kind.TRANSPORT_ZONE, name, TransportZoneSpec(**fields))


def group(name: str, selector: str) -> Manifest:
    return manifest(Kind.HOST_GROUP, name, HostGroupSpec(selector))


@pytest.mark.parametrize(
    ("pool", "code"),
    [
        (vnis("p", "5-1"), "invalid_pool_range"),
        (vnis("p", "one"), "invalid_pool_range"),
        (vnis("p", "192.0.2.1"), "invalid_pool_range"),
        (vnis("p", "1-"), "invalid_pool_range"),
        (vnis("p", "0-5"), "vni_out_of_range"),
        (vnis("p", "5-16777216"), "vni_out_of_range"),
        (vteps("p", "5"), "invalid_pool_range"),
        (vteps("p", "192.0.2.1-2001:db8::1"), "invalid_pool_range"),
        (vteps("p", "fe80::1%eth0"), "invalid_pool_range"),
        (vteps("p", "223.255.255.1-224.0.0.1"), "invalid_vtep"),
        (vteps("p", "2001:db8::-2001:db9::"), "pool_range_too_large"),
    ],
)
def test_a_range_must_be_one_of_values_that_can_be_given_out(pool: Manifest, code: str) -> None:
    assert refused(ModelFleet(), pool) == [("/objects/0/spec/ranges/0", code)]


@pytest.mark.parametrize(
    ("pool", "taker"),
    [
        (vteps("p", "2001:db8::-2001:db8:ffff::"), host("h9", vtep_pool="p")),
        (vnis("p", f"{10**30}"), segment("s", vni_pool="p")),
    ],
)
def test_no_value_is_looked_for_in_a_range_that_is_refused(pool: Manifest, taker: Manifest) -> None:
    asked = demands(pointed([pool, taker]), [])
    assert {**asked.vteps, **asked.vnis} == {"p": Demand((), 1)}
    assert {at for at, _ in refused(ModelFleet(), pool, taker)} == {"/objects/0/spec/ranges/0"}


def test_the_ranges_of_a_pool_do_not_overlap_and_are_of_one_family() -> None:
    at = "/objects/0/spec/ranges/1"
    assert refused(ModelFleet(), vnis("p", "1-5", "5")) == [(at, "pool_ranges_overlap")]
    mixed = vteps("p", "192.0.2.1", "2001:db8::1")
    assert refused(ModelFleet(), mixed) == [(at, "pool_families_mixed")]


def test_a_pool_has_1_to_16_ranges_and_a_quarantine_of_at_most_30_days() -> None:
    at = "/objects/0/spec"
    for ranges in ((), tuple(str(number) for number in range(1, 18))):
        assert refused(ModelFleet(), vnis("p", *ranges)) == [(f"{at}/ranges", "pool_range_count")]
    for seconds in (-1, 2_592_001):
        found = refused(ModelFleet(), vnis("p", "1", quarantine_s=seconds))
        assert found == [(f"{at}/quarantine_s", "quarantine_out_of_range")]


def test_two_pools_of_one_type_share_no_value_not_even_for_one_request() -> None:
    fleet = ModelFleet()
    fleet.apply(vnis("a", "1-9"))
    assert refused(fleet, vnis("b", "9-10")) == [("/objects/0/spec/ranges", "pool_overlap")]
    both = refused(fleet, vnis("b", "10-20"), vnis("c", "20"))
    assert both == [(f"/objects/{i}/spec/ranges", "pool_overlap") for i in (0, 1)]
    assert fleet.apply(vnis("a", "1-8"), vnis("b", "9-10")).creates


def test_a_pool_keeps_its_type() -> None:
    fleet = ModelFleet()
    fleet.apply(vnis("a", "1-9"))
    assert refused(fleet, vteps("a", "192.0.2.1")) == [("/objects/0/spec/type", "immutable")]


def test_what_takes_from_a_pool_names_one_that_exists_and_is_of_its_type() -> None:
    fleet = ModelFleet()
    fleet.apply(vnis("numbers", "1-9"), vteps("addresses", "192.0.2.1"))
    found = refused(
        fleet,
        zone("z", vni_pool="addresses", vtep_pool="numbers"),
        host("h", vtep_pool="numbers"),
        segment("s", vni_pool="addresses"),
        segment("t", vni_pool="none"),
        host("i", vtep_pool="none", zones=("nowhere",)),
    )
    assert set(found) == {
        ("/objects/3/spec/vni_pool", "unknown_pool"),
        ("/objects/4/spec/zones/0", "unknown_transportzone"),
        ("/objects/4/spec/vtep_pool", "unknown_pool"),
        ("/objects/0/spec/vni_pool", "wrong_pool_type"),
        ("/objects/0/spec/vtep_pool", "wrong_pool_type"),
        ("/objects/1/spec/vtep_pool", "wrong_pool_type"),
        ("/objects/2/spec/vni_pool", "wrong_pool_type"),
    }


def test_a_pool_gives_out_in_the_request_that_makes_it_and_its_error_names_it() -> None:
    fleet = ModelFleet()
    planned = fleet.apply(
        vnis("numbers", "3", "1"),
        zone("z", vni_pool="numbers"),
        segment("a", zone="z"),
        segment("b", vni=1),
    )
    specs = {d.ref.name: d.spec for d in planned.creates if isinstance(d.spec, SegmentSpec)}
    assert specs["a"].vni == 3
    error = refusal(lambda: fleet.apply(segment("c", zone="z")))
    assert faults(error) == [("/objects/0/spec/vni", "vni_pool_exhausted")]
    assert "Pool 'numbers'" in error.detail


def test_what_names_no_pool_gets_no_vni_that_is_in_one() -> None:
    fleet = ModelFleet()
    fleet.apply(vnis("numbers", "10000-10005"))
    planned = fleet.apply(segment("a"))
    (spec,) = (d.spec for d in planned.creates)
    assert isinstance(spec, SegmentSpec)
    assert spec.vni == 10_006


def test_a_zone_s_new_pool_does_not_renumber_the_hosts_that_are_in_the_same_request() -> None:
    fleet = ModelFleet()
    pools = (vteps("old", "192.0.2.1"), vteps("new", "192.0.2.9"))
    fleet.apply(*pools, zone("z", vtep_pool="old"), host("h", zones=("z",)))
    planned = fleet.apply(zone("z", vtep_pool="new"), host("h", zones=("z",), underlay_mtu=1400))
    specs = [d.spec for d in planned.updates if isinstance(d.spec, HostSpec)]
    assert [spec.vteps for spec in specs] == [("192.0.2.1",)]


def test_a_host_without_a_vtep_gets_none_by_being_written_as_it_is() -> None:
    fleet = ModelFleet()
    fleet.apply(vteps("four", "192.0.2.1-192.0.2.9"), zone("z"), host("h", zones=("z",)))
    planned = fleet.apply(zone("z", vtep_pool="four"), host("h", zones=("z",)))
    assert [draft.ref.name for draft in planned.updates] == ["z"]
    (asking,) = fleet.apply(host("h", zones=("z",), vtep_pool="four")).updates
    assert isinstance(asking.spec, HostSpec)
    assert asking.spec.vteps == ("192.0.2.1",)


def test_an_address_that_a_neighbour_in_the_request_names_is_not_given_away() -> None:
    fleet = ModelFleet()
    fleet.apply(vteps("four", "192.0.2.1-192.0.2.2"))
    planned = fleet.apply(host("a", vtep_pool="four"), host("b", "192.0.2.1"))
    specs = {d.ref.name: d.spec for d in planned.creates if isinstance(d.spec, HostSpec)}
    assert specs["a"].vteps == ("192.0.2.2",)


@pytest.mark.parametrize("selector", ["", " ", "rack in r1", "rack=r1,,", "=r1"])
def test_a_group_needs_a_selector_that_can_be_read(selector: str) -> None:
    found = refused(ModelFleet(), group("g", selector))
    assert found == [("/objects/0/spec/selector", "invalid_selector")]


def test_a_definition_that_is_in_use_is_deleted_only_with_its_users() -> None:
    fleet = ModelFleet()
    fleet.apply(zone("z"), host("h", "192.0.2.1", zones=("z",)))
    error = refusal(lambda: fleet.delete(removal(Kind.TRANSPORT_ZONE, "z")))
    assert faults(error) == [("", "still_in_use")]
    assert fleet.delete(removal(Kind.HOST, "h"), removal(Kind.TRANSPORT_ZONE, "z")).deletes
