"""Rules of what segments say of their meshes: topologies, profiles, ways out, subnets."""

from __future__ import annotations

from typing import Any

import pytest

from controller.domain.definitions import Bfd, QosPolicySpec, TunnelProfileSpec
from controller.domain.intent import (
    Backend,
    BridgeType,
    DatapathType,
    Kind,
    Manifest,
    PortType,
    SegmentSpec,
    TunnelEnd,
    VethPeerSpec,
)
from controller.domain.settings import PatchSpec, PortSettings
from controller.domain.topology import ArpMode, Topology
from controller.domain.validation.after import After
from tests.support.model_fleet import (
    ModelFleet,
    bridge,
    host,
    manifest,
    pointed,
    port,
    removal,
    segment,
    tunnel,
)
from tests.support.refusals import faults, refusal, refused

AT = "/objects/0/spec"


@pytest.fixture
def fleet(fleet: ModelFleet) -> ModelFleet:
    """The small fleet, with h3, h4 without Open vSwitch, and a bridge more on h1 and on h2."""
    linux = host("h4", "192.0.2.4", overlay_bridge_type=BridgeType.LINUX)
    fleet.apply(host("h3", "192.0.2.3"), linux, bridge("near", "h1"), bridge("far", "h2"))
    return fleet


def profile(name: str = "wan", **fields: Any) -> Manifest:
    return manifest(Kind.TUNNEL_PROFILE, name, TunnelProfileSpec(**fields))


def hubs(name: str, *names: str, **fields: Any) -> Manifest:
    return segment(name, topology=Topology.HUB_SPOKE, hubs=names, **fields)


def linked(name: str, *links: tuple[str, str]) -> Manifest:
    return segment(name, topology=Topology.EXPLICIT, links=links)


def attachment(name: str, on: str, to: str, at: str, tag: int | None = None) -> Manifest:
    patch = PortSettings(patch=PatchSpec(at, f"{name}-far", tag))
    return port(name, on, segment=to, type=PortType.PATCH, settings=patch)


def veth(name: str, on: str, to: str) -> Manifest:
    peer = VethPeerSpec(f"ns-{name}", "eth0")
    return port(name, on, segment=to, type=PortType.VETH, peer=peer)


def warned(fleet: ModelFleet, *manifests: Manifest) -> list[str]:
    return [warning.code for warning in fleet.apply(*manifests).warnings]


# --- topologies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "where", "code"),
    [
        ({"hubs": ("h1",)}, "hubs", "not_in_topology"),
        ({"links": (("h1", "h2"),)}, "links", "not_in_topology"),
        ({"topology": Topology.HUB_SPOKE}, "hubs", "hubs_missing"),
        ({"topology": Topology.EXPLICIT, "links": (("h1", "h1"),)}, "links", "same_host"),
        (
            {"topology": Topology.EXPLICIT, "links": (("h1", "h2"), ("h2", "h3"), ("h3", "h1"))},
            "links",
            "flooding_loop",
        ),
        ({"topology": Topology.HUB_SPOKE, "hubs": ("gone",)}, "hubs", "unknown_host"),
        ({"external_vteps": ("2001:db8::9",)}, "external_vteps", "wrong_address_family"),
        ({"external_vteps": ("192.0.2.2",)}, "external_vteps", "vtep_of_host"),
        ({"subnets": ("10.0.0.1/24",)}, "subnets", "invalid_subnet"),
        ({"subnets": ("10.0.0.0/8", "10.1.0.0/16")}, "subnets", "subnets_overlap"),
        ({"tunnel_profile": "gone"}, "tunnel_profile", "unknown_tunnelprofile"),
    ],
)
def test_what_a_segment_cannot_say_is_refused(
    fleet: ModelFleet, fields: dict[str, Any], where: str, code: str
) -> None:
    assert refused(fleet, segment("new", **fields)) == [(f"{AT}/{where}", code)]


def test_frames_pass_from_tunnel_to_tunnel_on_open_vswitch_alone(fleet: ModelFleet) -> None:
    fleet.apply(hubs("star", "h1"))
    assert refused(fleet, veth("p4", "h4", "star")) == [(f"{AT}/segment", "topology_needs_ovs")]
    assert refused(fleet, hubs("kernel", "h1", backend=Backend.KERNEL)) == [
        (f"{AT}/topology", "topology_needs_ovs")
    ]


def test_members_that_do_not_reach_the_others_are_told_of(fleet: ModelFleet) -> None:
    fleet.apply(hubs("star", "h3"), port("s1", "h1", segment="star"))
    assert warned(fleet, port("s2", "h2", segment="star")) == ["no_hub_is_member"]
    assert warned(fleet, port("s3", "h3", segment="star")) == []
    gone = fleet.delete(removal(Kind.PORT, "s3"))
    assert [warning.code for warning in gone.warnings] == ["no_hub_is_member"]
    fleet.apply(linked("chain", ("h1", "h2"), ("h2", "h3")), port("c1", "h1", segment="chain"))
    assert warned(fleet, port("c3", "h3", segment="chain")) == ["segment_partitioned"]
    assert warned(fleet, port("c2", "h2", segment="chain")) == []


def test_links_in_use_change_in_steps(fleet: ModelFleet) -> None:
    fleet.apply(linked("chain", ("h1", "h2"), ("h2", "h3")), port("c1", "h1", segment="chain"))
    fleet.apply(linked("chain", ("h2", "h3")))
    closing = linked("chain", ("h1", "h3"), ("h2", "h3"))
    assert refused(fleet, closing) == [(f"{AT}/links", "flooding_loop_pending")]
    fleet.apply(hubs("star", "h1"), port("s1", "h1", segment="star"))
    assert refused(fleet, hubs("star", "h2")) == [(f"{AT}/hubs", "flooding_loop_pending")]
    fleet.apply(hubs("star", "h1", "h2"))


def test_a_topology_that_is_there_already_may_be_asked_for_again(fleet: ModelFleet) -> None:
    fleet.apply(hubs("star", "h1"))
    chain = linked("star", ("h1", "h2"), ("h2", "h3"))
    assert not fleet.apply(chain).is_empty
    assert fleet.apply(chain).is_empty


def test_a_host_that_a_topology_names_is_not_deleted(fleet: ModelFleet) -> None:
    fleet.apply(hubs("star", "h3"))
    error = refusal(lambda: fleet.delete(removal(Kind.HOST, "h3")))
    assert faults(error) == [("", "still_in_use")]


def test_a_host_does_not_get_an_address_that_is_outside_for_a_segment(fleet: ModelFleet) -> None:
    fleet.apply(segment("wide", external_vteps=("192.0.2.77",)))
    assert refused(fleet, host("h5", "192.0.2.77")) == [(f"{AT}/vteps", "vtep_of_host")]
    end = TunnelEnd("h1", "near", "192.0.2.77"), TunnelEnd(ip="203.0.113.1")
    assert refused(fleet, tunnel("t", *end)) == [(f"{AT}/ends", "vtep_of_host")]


@pytest.mark.parametrize(
    ("mode", "on", "code"),
    [
        (ArpMode.STRICT, "h1", None),
        (ArpMode.SUPPRESS, "h1", "arp_mode_needs_linux_bridge"),
        (ArpMode.SUPPRESS, "h4", None),
    ],
)
def test_who_answers_for_addresses_is_what_its_members_have(
    fleet: ModelFleet, mode: ArpMode, on: str, code: str | None
) -> None:
    fleet.apply(segment("quiet", arp_mode=mode))
    joining = veth("q", on, "quiet")
    if code is None:
        fleet.apply(joining)
    else:
        assert refused(fleet, joining) == [(f"{AT}/segment", code)]
    by_ovs = segment("loud", arp_mode=ArpMode.STRICT, backend=Backend.OVS)
    assert refused(fleet, by_ovs) == [(f"{AT}/arp_mode", "arp_mode_needs_kernel")]


def test_who_answers_for_ipv4_alone_has_no_port_with_an_ipv6_address(fleet: ModelFleet) -> None:
    strict = segment("quiet", arp_mode=ArpMode.STRICT, backend=Backend.KERNEL)
    six = port("six", "h1", segment="quiet", addresses=("2001:db8::7/64",))
    fleet.apply(strict)
    assert refused(fleet, six) == [(f"{AT}/addresses", "arp_mode_strict_ipv4_only")]
    fleet.apply(segment("quiet", backend=Backend.KERNEL), six)
    assert refused(fleet, strict) == [(f"{AT}/arp_mode", "arp_mode_strict_ipv4_only")]


def test_no_packet_is_marked_where_the_userspace_datapath_loses_it(fleet: ModelFleet) -> None:
    in_userspace = host("h3", "192.0.2.3", datapath_type=DatapathType.NETDEV)
    fleet.apply(profile(), in_userspace, segment("far", tunnel_profile="wan"))
    joining, marking = port("f3", "h3", segment="far"), profile(egress_pkt_mark=7)
    code = "unsupported_on_datapath"
    fleet.apply(joining, port("f1", "h1", segment="far"))
    assert refused(fleet, marking) == [(f"{AT}/egress_pkt_mark", code)]
    fleet.delete(removal(Kind.PORT, "f3"))
    fleet.apply(marking)
    assert refused(fleet, joining) == [(f"{AT}/segment", code)]


def test_addresses_of_ports_are_in_the_segment_s_subnets(fleet: ModelFleet) -> None:
    fleet.apply(segment("red", subnets=("10.0.0.0/24",)))
    outside = port("new", "h2", segment="red", addresses=("10.1.0.1/24",))
    assert refused(fleet, outside) == [(f"{AT}/addresses/0", "address_outside_subnets")]
    narrowed = segment("red", subnets=("10.9.0.0/24",))
    assert refused(fleet, narrowed) == [(f"{AT}/subnets", "address_outside_subnets")]


# --- profiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "where", "code"),
    [
        ({"ttl": 0}, "ttl", "ttl_out_of_range"),
        ({"flow_label": 2**20}, "flow_label", "out_of_range"),
        ({"source_port_min": 9}, "source_port_max", "source_port_missing"),
        ({"source_port_min": 9, "source_port_max": 8}, "source_port_min", "source_ports_reversed"),
        ({"bfd": Bfd(mult=0)}, "bfd/mult", "out_of_range"),
        ({"bfd": Bfd(decay_min_rx_ms=500)}, "bfd/decay_min_rx_ms", "decay_too_short"),
        ({"bfd": Bfd(bfd_src_ip="2001:db8::1")}, "bfd/bfd_src_ip", "invalid_address"),
    ],
)
def test_what_a_profile_cannot_say_is_refused(
    fleet: ModelFleet, fields: dict[str, Any], where: str, code: str
) -> None:
    assert refused(fleet, profile(**fields)) == [(f"{AT}/{where}", code)]


def test_a_profile_is_one_that_every_member_can_have(fleet: ModelFleet) -> None:
    fleet.apply(profile(egress_pkt_mark=7), segment("marked", tunnel_profile="wan"))
    joining = veth("m4", "h4", "marked")
    assert refused(fleet, joining) == [(f"{AT}/segment", "unsupported_on_backend")]
    fleet.apply(port("m1", "h1", segment="marked"))
    labelled = profile(flow_label=9)
    assert (f"{AT}/flow_label", "unsupported_on_backend") in refused(fleet, labelled)
    assert refused(
        fleet,
        profile("six", flow_label=9),
        segment("k", backend=Backend.KERNEL, tunnel_profile="six"),
    ) == [("/objects/0/spec/flow_label", "unsupported_on_family")]


def test_what_both_ends_need_at_once_stays_while_a_segment_has_ports(fleet: ModelFleet) -> None:
    fleet.apply(profile(dst_port=4790), segment("far", tunnel_profile="wan"))
    assert spec_of(fleet, "far").dst_port == 4790
    fleet.apply(port("f1", "h1", segment="far"))
    assert refused(fleet, profile(dst_port=4791)) == [(f"{AT}/dst_port", "immutable_in_use")]
    assert refused(fleet, profile(dst_port=4790, gbp=True)) == [(f"{AT}/gbp", "immutable_in_use")]
    fleet.apply(profile("other", dst_port=4792), profile("grouped", gbp=True))
    switched = refused(fleet, segment("far", tunnel_profile="other"))
    assert switched == [(f"{AT}/dst_port", "immutable_in_use")]
    switched = refused(fleet, segment("far", tunnel_profile="grouped"))
    assert switched == [(f"{AT}/tunnel_profile", "immutable_in_use")]
    fleet.apply(profile(dst_port=4790, ttl=5))


def test_a_profile_does_not_say_another_udp_port_than_its_segments_have(fleet: ModelFleet) -> None:
    fleet.apply(profile(dst_port=4790), segment("idle", tunnel_profile="wan"))
    own = segment("own", tunnel_profile="wan", dst_port=4795)
    fleet.apply(own, port("o1", "h1", segment="own"))
    moved = profile(dst_port=4791)
    assert refused(fleet, moved) == [(f"{AT}/dst_port", "immutable_in_use")]
    assert refused(fleet, profile()) == [(f"{AT}/dst_port", "immutable_in_use")]
    fleet.apply(moved, segment("idle", tunnel_profile="wan", dst_port=4791))
    fleet.commit([profile(dst_port=4795)], [removal(Kind.SEGMENT, "idle")])
    assert spec_of(fleet, "own").dst_port == 4795


def test_a_udp_port_of_a_host_has_the_group_policy_extension_or_has_not(fleet: ModelFleet) -> None:
    fleet.apply(profile(gbp=True), segment("grouped", tunnel_profile="wan"))
    joining = port("g1", "h1", segment="grouped")
    assert refused(fleet, joining) == [(f"{AT}/segment", "gbp_port_clash")]
    fleet.apply(port("g2", "h2", segment="grouped"))
    drawn = tunnel("t", TunnelEnd("h2", "far"), TunnelEnd(ip="203.0.113.1"))
    assert refused(fleet, drawn) == [(f"{AT}/dst_port", "gbp_port_clash")]


def test_a_profile_in_use_is_not_deleted(fleet: ModelFleet) -> None:
    fleet.apply(profile(), segment("far", tunnel_profile="wan"))
    error = refusal(lambda: fleet.delete(removal(Kind.TUNNEL_PROFILE, "wan")))
    assert faults(error) == [("", "still_in_use")]


def spec_of(fleet: ModelFleet, name: str) -> SegmentSpec:
    spec = next(o.spec for o in fleet.of_kind(Kind.SEGMENT) if o.name == name)
    assert isinstance(spec, SegmentSpec)
    return spec


# --- provider attachments ------------------------------------------------------------------------


def test_a_segment_leaves_the_fleet_at_one_place_unless_others_prevent_loops(
    fleet: ModelFleet,
) -> None:
    fleet.apply(attachment("out", "h1", "red", "near", 100))
    second = attachment("out2", "h2", "red", "far", 100)
    assert refused(fleet, second) == [(f"{AT}/segment", "provider_attached")]
    fleet.apply(segment("red", provider_loop_safe=True), second)
    unsafe = segment("red")
    assert refused(fleet, unsafe) == [(f"{AT}/provider_loop_safe", "provider_attached")]


def test_attachments_and_tunnels_that_close_a_circle_are_refused(fleet: ModelFleet) -> None:
    fleet.apply(segment("red", provider_loop_safe=True))
    fleet.apply(attachment("out", "h1", "red", "near", 100))
    fleet.apply(attachment("out2", "h2", "red", "far", 100))
    ends = TunnelEnd("h1", "near"), TunnelEnd("h2", "far")
    error = refusal(lambda: fleet.apply(tunnel("t", *ends)))
    assert faults(error) == [(f"{AT}/ends", "flooding_loop")]
    assert "Segment 'red'" in error.violations[0].detail
    fleet.apply(tunnel("t", TunnelEnd("h1", "near", tag=5), TunnelEnd("h2", "far", tag=5)))


def test_two_segments_meet_on_one_vlan_of_a_bridge_but_once(fleet: ModelFleet) -> None:
    fleet.apply(segment("blue"), attachment("out", "h1", "red", "near", 100))
    fleet.apply(attachment("blue-out", "h1", "blue", "near", 100))
    fleet.apply(segment("blue", provider_loop_safe=True))
    again = attachment("again", "h1", "blue", "near", 100)
    assert refused(fleet, again) == [(f"{AT}/patch", "flooding_loop")]
    fleet.apply(attachment("again", "h1", "blue", "near", 101))


def test_a_port_that_a_circle_may_go_through_is_counted_once(fleet: ModelFleet) -> None:
    fleet.apply(attachment("out", "h1", "red", "near"), bridge("third", "h3"))
    fleet.apply(
        tunnel("a", TunnelEnd("h1", "near"), TunnelEnd("h2", "far")),
        tunnel("c", TunnelEnd("h3", "third"), TunnelEnd(ip="203.0.113.1")),
    )
    more = tunnel("b", TunnelEnd("h2", "far"), TunnelEnd("h3", "third"))
    assert fleet.apply(more, segment("red", mtu=1300)).creates


def test_a_port_that_refers_to_a_policy_is_counted_once(fleet: ModelFleet) -> None:
    policy, red = manifest(Kind.QOS_POLICY, "slow", QosPolicySpec()), segment("red")
    fleet.apply(policy, port("p3", "h3", segment="red", type=PortType.TAP, qos_policy="slow"))
    after = After(fleet.world(pointed([policy, red]), []), {}, {})
    assert len(after.ports_of(red.ref)) + after.elsewhere(red.ref).ports == 2
    assert len(after.hosts_before(red.ref)) + after.elsewhere(red.ref).hosts == 2
