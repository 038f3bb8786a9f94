"""Zones, states and management interfaces of hosts: what they let on a host, and when it counts."""

from __future__ import annotations

import pytest

from controller.domain.definitions import MirrorSpec, TransportZoneSpec
from controller.domain.intent import Kind, Lifecycle, Manifest, PortType, TunnelEnd
from controller.domain.settings import BondSpec, PatchSpec, PortSettings
from controller.domain.topology import Topology
from tests.support.model_fleet import (
    ModelFleet,
    bridge,
    host,
    manifest,
    port,
    removal,
    segment,
    tunnel,
)
from tests.support.refusals import fleet, refused

__all__ = ["fleet"]

LEAVING = Lifecycle.DECOMMISSIONING


def zone(name: str) -> Manifest:
    return manifest(Kind.TRANSPORT_ZONE, name, TransportZoneSpec())


@pytest.fixture
def zoned() -> ModelFleet:
    """Segment s in zone z, with a port on h1; h2 is in z too, h3 is not."""
    fleet = ModelFleet()
    fleet.apply(
        zone("z"),
        zone("y"),
        host("h1", "192.0.2.1", zones=("z",)),
        host("h2", "192.0.2.2", zones=("z", "y")),
        host("h3", "192.0.2.3", zones=("y",)),
        segment("s", zone="z"),
        port("p1", "h1", segment="s"),
    )
    return fleet


def test_a_segment_takes_ports_on_hosts_of_its_zone_alone(zoned: ModelFleet) -> None:
    assert zoned.apply(port("p2", "h2", segment="s")).creates
    found = refused(zoned, port("p3", "h3", segment="s"))
    assert found == [("/objects/0/spec/segment", "host_not_in_zone")]
    assert zoned.apply(host("h3", "192.0.2.3", zones=("y", "z")), port("p3", "h3", segment="s"))


def test_a_host_stays_in_the_zones_of_its_segments(zoned: ModelFleet) -> None:
    found = refused(zoned, host("h1", "192.0.2.1", zones=("y",)))
    assert found == [("/objects/0/spec/zones", "host_not_in_zone")]
    assert zoned.commit([host("h1", "192.0.2.1")], [removal(Kind.PORT, "p1")]).updates


def test_a_segment_moves_to_a_zone_that_all_of_its_hosts_are_in(zoned: ModelFleet) -> None:
    found = refused(zoned, segment("s", zone="y"))
    assert found == [("/objects/0/spec/zone", "host_not_in_zone")]
    assert zoned.apply(segment("s", zone="y"), host("h1", "192.0.2.1", zones=("y",))).updates
    assert zoned.apply(segment("s")).updates
    assert zoned.apply(port("p3", "h3", segment="s")).creates


def test_a_host_names_each_of_its_zones_once(zoned: ModelFleet) -> None:
    found = refused(zoned, host("h2", "192.0.2.2", zones=("z", "z")))
    assert found == [("/objects/0/spec/zones/1", "zone_twice")]


def test_nothing_new_comes_to_a_host_that_is_decommissioned(fleet: ModelFleet) -> None:
    fleet.apply(host("h1", "192.0.2.1", state=LEAVING), bridge("far", "h2"))
    found = refused(
        fleet,
        bridge("new", "h1"),
        port("new", "h1", segment="red"),
        tunnel("t", TunnelEnd("h2", "far"), TunnelEnd("h1", "lan")),
        manifest(Kind.MIRROR, "m", MirrorSpec("h1", "lan", select_all=True, output_vlan=9)),
    )
    assert [pointer for pointer, code in found if code == "host_decommissioning"] == [
        "/objects/0/spec/host",
        "/objects/1/spec/host",
        "/objects/2/spec/ends/1/host",
        "/objects/3/spec/host",
    ]
    assert fleet.apply(port("uplink", "h1", bridge="lan", tag=8)).updates
    assert fleet.delete(removal(Kind.PORT, "uplink")).deletes
    assert fleet.apply(host("h1", "192.0.2.1"), bridge("new", "h1")).creates


def test_no_topology_names_a_host_anew_that_is_decommissioned(fleet: ModelFleet) -> None:
    spokes = segment("star", topology=Topology.HUB_SPOKE, hubs=("h1",))
    fleet.apply(spokes)
    fleet.apply(host("h1", "192.0.2.1", state=LEAVING))
    chain = segment("chain", topology=Topology.EXPLICIT, links=(("h1", "h2"),))
    other = segment("other", topology=Topology.HUB_SPOKE, hubs=("h1", "h2"))
    assert refused(fleet, chain, other) == [
        ("/objects/0/spec/links", "host_decommissioning"),
        ("/objects/1/spec/hubs", "host_decommissioning"),
    ]
    assert fleet.apply(segment("star", topology=Topology.HUB_SPOKE, hubs=("h1", "h2"))).updates


@pytest.mark.parametrize("managed", ["eth0", "eth0.10", "eth0.10.20"])
@pytest.mark.parametrize(
    ("taker", "place"),
    [
        (port("p", "h1", bridge="lan", type=PortType.SYSTEM, interface="eth0"), "interface"),
        (
            port(
                "p",
                "h1",
                bridge="lan",
                type=PortType.BOND,
                settings=PortSettings(bond=BondSpec(members=("eth0", "eth1"))),
            ),
            "bond/members",
        ),
        (
            port(
                "p",
                "h1",
                bridge="lan",
                type=PortType.PATCH,
                settings=PortSettings(patch=PatchSpec("lan2", "eth0")),
            ),
            "patch/interface",
        ),
        (bridge("p", "h1", interface="eth0"), "interface"),
    ],
)
def test_nothing_takes_the_device_that_the_agent_is_reached_through(
    fleet: ModelFleet, taker: Manifest, place: str, managed: str
) -> None:
    fleet.apply(bridge("lan2", "h1"))
    reached = host("h1", "192.0.2.1", management_interface=managed)
    bare = ModelFleet(dict(fleet.objects), fleet.revision)
    fleet.apply(reached)
    assert refused(fleet, taker) == [(f"/objects/0/spec/{place}", "management_interface_taken")]
    bare._uids = fleet._uids
    bare.apply(taker)
    found = refused(bare, reached)
    assert found == [("/objects/0/spec/management_interface", "management_interface_taken")]


def test_a_management_interface_is_a_device_name_and_not_the_overlay_bridge() -> None:
    at = "/objects/0/spec/management_interface"
    too_long = host("h", management_interface="a-name-that-is-too-long")
    assert refused(ModelFleet(), too_long) == [(at, "interface_too_long")]
    overlay = host("h", management_interface="br-fleet")
    assert refused(ModelFleet(), overlay) == [(at, "management_interface_taken")]
