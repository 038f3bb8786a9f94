"""Who encapsulates a segment: what is chosen, what is refused, and what a host without OVS can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.domain.allocation import derive_mac
from controller.domain.errors import DomainError
from controller.domain.intent import (
    DEFAULT_PROJECT,
    KERNEL_VXLAN_PORT,
    VXLAN_PORT,
    Backend,
    BridgeType,
    Kind,
    Manifest,
    PortSpec,
    PortType,
    Ref,
    Removal,
    SegmentSpec,
    TunnelEnd,
    VethPeerSpec,
)
from controller.domain.topology import Topology
from controller.domain.validation import Draft, Elsewhere, Planned, plan_change
from tests.support.model_fleet import (
    ModelFleet,
    bridge,
    host,
    pointed,
    port,
    removal,
    segment,
    tunnel,
)
from tests.support.refusals import faults, refusal, refused

HOSTS = ("h1", "h2")
TOO_LARGE = [("/objects/0/spec/segment", "mesh_too_large")]


def veth(name: str, on: str, **fields: object) -> Manifest:
    return port(name, on, type=PortType.VETH, peer=VethPeerSpec("ns", f"e-{name}"), **fields)


@pytest.fixture
def fleet(fleet: ModelFleet) -> ModelFleet:
    """The small fleet, with two hosts that have no Open vSwitch."""
    for number in (3, 4):
        linux = BridgeType.LINUX
        fleet.apply(host(f"h{number}", f"192.0.2.{number}", overlay_bridge_type=linux))
    return fleet


def stored(planned: Planned, name: str) -> SegmentSpec:
    (draft,) = (d for d in written(planned) if d.ref.kind is Kind.SEGMENT and d.ref.name == name)
    assert isinstance(draft.spec, SegmentSpec)
    return draft.spec


def written(planned: Planned) -> tuple[Draft, ...]:
    return planned.creates + planned.updates


@pytest.mark.parametrize(
    ("hosts", "backend", "dst_port"),
    [
        ((), Backend.OVS, VXLAN_PORT),
        (("h1", "h2"), Backend.OVS, VXLAN_PORT),
        (("h1", "h3"), Backend.OVS, VXLAN_PORT),
        (("h3", "h4"), Backend.KERNEL, KERNEL_VXLAN_PORT),
    ],
)
def test_a_new_segment_has_the_kernels_backend_when_none_of_its_hosts_has_open_vswitch(
    fleet: ModelFleet, hosts: tuple[str, ...], backend: Backend, dst_port: int
) -> None:
    ports = [veth(f"p-{name}", name, segment="new") for name in hosts]
    spec = stored(fleet.apply(segment("new"), *ports), "new")
    assert (spec.backend, spec.dst_port) == (backend, dst_port)


def many(count: int) -> list[Manifest]:
    return [host(f"m{n}", f"198.51.{n // 250}.{n % 250 + 1}") for n in range(count)]


@pytest.mark.parametrize(("members", "backend"), [(251, Backend.OVS), (252, Backend.KERNEL)])
def test_a_large_mesh_gets_the_kernels_backend(members: int, backend: Backend) -> None:
    fleet = ModelFleet()
    fleet.apply(*many(members))
    ports = [port(f"p{n}", f"m{n}", segment="new") for n in range(members)]
    assert stored(fleet.apply(segment("new"), *ports), "new").backend is backend


@pytest.mark.parametrize(
    ("tunnels", "backends"),
    [(1998, ["ovs", "ovs"]), (1999, ["ovs", "kernel"]), (2000, ["kernel", "kernel"])],
)
def test_a_host_that_has_many_tunnels_gets_no_more_of_them(
    fleet: ModelFleet, tunnels: int, backends: list[str]
) -> None:
    request = [segment("one"), segment("two")]
    request += [port(f"{on}-{s.ref.name}", on, segment=s.ref.name) for s in request for on in HOSTS]
    h1 = fleet.objects[Ref(Kind.HOST, DEFAULT_PROJECT, "h1")].uid
    world = replace(fleet.world(request, []), mesh_tunnels={h1: tunnels})
    planned = plan_change(world, pointed(request), [])
    assert [stored(planned, name).backend for name in ("one", "two")] == backends


@pytest.mark.parametrize(
    ("before", "backend"),
    [
        ({}, Backend.KERNEL),
        ({"topology": Topology.EXPLICIT, "links": (("h1", "h2"),)}, Backend.OVS),
        ({"topology": Topology.HUB_SPOKE, "hubs": ("h1",)}, Backend.KERNEL),
        ({"topology": Topology.HUB_SPOKE, "hubs": ("h2",)}, Backend.OVS),
    ],
)
def test_tunnels_beside_a_new_segment_count_as_their_topologies_say(
    fleet: ModelFleet, before: dict[str, Any], backend: Backend
) -> None:
    """h1 has 1998 tunnels besides those of the segment that the request makes first."""
    fleet.apply(host("h5", "192.0.2.5"))
    hosts = (*HOSTS, "h5")
    request = [segment("one", **before), segment("two")]
    request += [port(f"one-{on}", on, segment="one") for on in hosts]
    request += [port(f"two-{on}", on, segment="two") for on in HOSTS]
    h1 = fleet.objects[Ref(Kind.HOST, DEFAULT_PROJECT, "h1")].uid
    world = replace(fleet.world(request, []), mesh_tunnels={h1: 1998})
    planned = plan_change(world, pointed(request), [])
    assert stored(planned, "two").backend is backend


def test_a_backend_is_kept_and_fixed_while_in_use(fleet: ModelFleet) -> None:
    fleet.apply(segment("new"), veth("p", "h3", segment="new"))
    assert fleet.apply(segment("new")).is_empty
    assert refused(fleet, segment("new", backend=Backend.OVS)) == [
        ("/objects/0/spec/dst_port", "immutable_in_use"),
        ("/objects/0/spec/backend", "immutable_in_use"),
    ]
    assert refused(fleet, segment("red", dst_port=4790)) == [
        ("/objects/0/spec/dst_port", "immutable_in_use")
    ]
    fleet.delete(removal(Kind.PORT, "p"))
    moved = stored(fleet.apply(segment("new", backend=Backend.OVS)), "new")
    assert (moved.backend, moved.dst_port) == (Backend.OVS, VXLAN_PORT)


def test_two_backends_never_share_a_udp_port_of_a_host(fleet: ModelFleet) -> None:
    fleet.apply(segment("fast", backend=Backend.KERNEL, dst_port=VXLAN_PORT))
    joining = port("p", "h1", segment="fast")
    error = refusal(lambda: fleet.apply(joining))
    assert faults(error) == [("/objects/0/spec/segment", "backend_port_clash")]
    for word in ("Segment fast (backend kernel)", "Segment red (backend ovs)", "'h1'", "4789"):
        assert word in error.detail
    assert fleet.apply(port("p", "h2", segment="fast")).creates
    fleet.apply(bridge("far", "h2"))
    new = tunnel("t", TunnelEnd("h2", "far"), TunnelEnd(ip="198.51.100.9"))
    assert refused(fleet, new) == [("/objects/0/spec/dst_port", "backend_port_clash")]
    # Where there is no Open vSwitch, both are the kernel's.
    red, fast = veth("a", "h3", segment="red"), veth("b", "h3", segment="fast")
    assert fleet.apply(red, fast).creates


def test_a_clash_within_one_request_is_named_on_both_sides(fleet: ModelFleet) -> None:
    fast = segment("fast", backend=Backend.KERNEL, dst_port=4000)
    slow = segment("slow", backend=Backend.OVS, dst_port=4000)
    both = [port("a", "h2", segment="fast"), port("b", "h2", segment="slow")]
    assert refused(fleet, fast, slow, *both) == [
        ("/objects/0/spec/dst_port", "backend_port_clash"),
        ("/objects/1/spec/dst_port", "backend_port_clash"),
    ]


def test_a_mesh_of_open_vswitch_has_a_largest_size() -> None:
    fleet = ModelFleet()
    fleet.apply(*many(852), segment("wide", backend=Backend.OVS))
    fleet.apply(*(port(f"p{n}", f"m{n}", segment="wide") for n in range(851)))
    error = refusal(lambda: fleet.apply(port("one-more", "m851", segment="wide")))
    assert faults(error) == [("/objects/0/spec/segment", "mesh_too_large")]
    assert "kernel" in error.violations[0].fix
    assert fleet.apply(segment("wide", mtu=1400)).updates


@pytest.mark.parametrize(
    ("hosts", "new", "found"),
    [
        (850, veth("new", "h2", segment="red"), []),
        (851, veth("new", "h2", segment="red"), TOO_LARGE),
        (851, veth("new", "h3", segment="red"), TOO_LARGE),
        (900, port("new", "h1", segment="red"), []),
    ],
)
def test_a_mesh_beyond_its_largest_size_is_refused_to_hosts_that_join_it(
    fleet: ModelFleet, hosts: int, new: Manifest, found: list[tuple[str, str]]
) -> None:
    assert verdict(fleet, "red", Elsewhere(hosts, hosts, has_ovs=True), new) == found


def test_a_member_of_a_mesh_that_is_too_large_can_be_replaced(fleet: ModelFleet) -> None:
    gone, new = removal(Kind.PORT, "web"), port("new", "h2", segment="red")
    assert verdict(fleet, "red", Elsewhere(900, 900, has_ovs=True), new, gone) == []


def test_a_mesh_of_open_vswitch_without_any_open_vswitch_has_no_largest_size(
    fleet: ModelFleet,
) -> None:
    fleet.apply(segment("empty"))
    without, with_ovs = veth("new", "h3", segment="empty"), veth("new", "h2", segment="empty")
    assert verdict(fleet, "empty", Elsewhere(900, 900), without) == []
    assert verdict(fleet, "empty", Elsewhere(900, 900), with_ovs) == TOO_LARGE
    assert verdict(fleet, "empty", Elsewhere(900, 900, has_ovs=True), without) == TOO_LARGE


def verdict(
    fleet: ModelFleet, segment: str, far: Elsewhere, new: Manifest, *gone: Removal
) -> list[tuple[str, str]]:
    """What is wrong with something new on a segment that has so many members elsewhere."""
    uid = fleet.objects[Ref(Kind.SEGMENT, DEFAULT_PROJECT, segment)].uid
    world = replace(fleet.world([new], gone), elsewhere={uid: far})
    try:
        plan_change(world, pointed([new]), gone)
    except DomainError as error:
        return faults(error)
    return []


@pytest.mark.parametrize(
    ("new", "pointer", "code"),
    [
        (port("p", "h3", segment="red"), "type", "internal_needs_ovs"),
        (bridge("b", "h3"), "host", "host_without_ovs"),
    ],
)
def test_a_host_without_open_vswitch_carries_veth_ports_of_segments_alone(
    fleet: ModelFleet, new: Manifest, pointer: str, code: str
) -> None:
    assert refused(fleet, new) == [(f"/objects/0/spec/{pointer}", code)]


def test_a_host_that_needs_open_vswitch_cannot_be_without(fleet: ModelFleet) -> None:
    at = "/objects/0/spec/overlay_bridge_type"
    bare = host("h1", "192.0.2.1", overlay_bridge_type=BridgeType.LINUX)
    error = refusal(lambda: fleet.apply(bare))
    assert sorted(faults(error)) == [(at, "host_without_ovs"), (at, "immutable_in_use")]
    assert any("Bridge lan" in violation.detail for violation in error.violations)


def test_names_that_segments_need_for_their_devices_are_reserved(fleet: ModelFleet) -> None:
    for device in ("kx7", "br-v16777215"):
        new = veth("p", "h3", segment="red", interface=device)
        assert refused(fleet, new) == [("/objects/0/spec/interface", "interface_reserved")]
    assert fleet.apply(veth("p", "h3", segment="red", interface="br-fleet")).creates


def named_before_it_was_reserved(fleet: ModelFleet) -> list[Manifest]:
    old = [
        bridge("old", "h1", interface="br-v10"),
        port("vpn", "h1", bridge="old", interface="kx7"),
        host("h2", "192.0.2.2", overlay_bridge="kx8"),
    ]
    for each in old:
        fleet._write(Draft(each.ref, each.spec, each.labels, "", fleet.objects.get(each.ref)))
    return old


def test_a_device_that_was_named_before_the_name_was_reserved_keeps_it(fleet: ModelFleet) -> None:
    old = named_before_it_was_reserved(fleet)
    assert fleet.apply(*old).is_empty
    assert fleet.apply(replace(old[1], labels={"a": "b"})).updates
    moved = host("h2", "192.0.2.2", overlay_bridge="kx9")
    assert refused(fleet, moved) == [("/objects/0/spec/overlay_bridge", "interface_reserved")]


def test_a_segment_cannot_have_a_device_whose_name_is_in_use(fleet: ModelFleet) -> None:
    named_before_it_was_reserved(fleet)
    seven = segment("seven", vni=7, backend=Backend.KERNEL)
    joining = port("p7", "h1", segment="seven")
    error = refusal(lambda: fleet.apply(seven, joining))
    assert faults(error) == [("/objects/0/spec/vni", "interface_taken")]
    assert "Port vpn" in error.detail
    fleet.apply(seven, port("elsewhere", "h2", segment="seven"))
    assert refused(fleet, joining) == [("/objects/0/spec/segment", "interface_taken")]
    # Open vSwitch needs no such devices, nor a Linux bridge beside it.
    fleet.apply(segment("eight", vni=8), port("p8", "h2", segment="eight"))
    ten = segment("ten", vni=10, backend=Backend.KERNEL)
    assert fleet.apply(ten, port("p10", "h1", segment="ten")).creates


def mac_of(fleet: ModelFleet, name: str) -> str | None:
    return next(spec.mac for found, spec in fleet.ports() if found.name == name)


def test_a_port_of_a_segment_is_given_a_mac_and_keeps_it(fleet: ModelFleet) -> None:
    fleet.apply(port("new", "h1", segment="red"))
    given = mac_of(fleet, "new")
    assert given == derive_mac("default", "red", "new")
    assert given.startswith("0a:")
    assert fleet.apply(port("new", "h1", segment="red")).is_empty
    fleet.apply(segment("blue"))
    fleet.apply(port("new", "h1", segment="blue"))
    assert mac_of(fleet, "new") == given
    named = port("new", "h1", segment="blue", mac="02:00:00:00:00:77")
    fleet.apply(named)
    fleet.apply(port("new", "h1", segment="blue", mtu=1400))
    assert mac_of(fleet, "new") == "02:00:00:00:00:77"
    assert mac_of(fleet, "uplink") is None


def test_a_mac_that_a_port_brings_along_may_be_taken_where_it_comes_to(fleet: ModelFleet) -> None:
    fleet.apply(segment("blue"), port("there", "h2", segment="blue", mac="02:00:00:00:00:01"))
    assert refused(fleet, port("web", "h1", segment="blue", addresses=())) == [
        ("/objects/0/spec/mac", "mac_taken")
    ]


def test_a_port_from_before_macs_were_given_keeps_having_none(fleet: ModelFleet) -> None:
    (before,) = (found for found, _ in fleet.ports() if found.name == "web")
    assert isinstance(before.spec, PortSpec)
    fleet._write(Draft(before.ref, PortSpec("h1", "web", segment="red"), {}, "", before))
    fleet.apply(port("web", "h1", segment="red", mtu=1400))
    assert mac_of(fleet, "web") is None
