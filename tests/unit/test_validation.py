"""The rules of intent, one by one: what is refused, where it points, and what stays allowed."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from controller.domain.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    StaleError,
)
from controller.domain.intent import (
    AddressFamily,
    HostSpec,
    Kind,
    Manifest,
    Mode,
    PortSpec,
    PortType,
    Ref,
    SegmentSpec,
    VethPeerSpec,
)
from controller.domain.validation import plan_change
from tests.support.model_fleet import (
    ModelFleet,
    bridge,
    host,
    manifest,
    pointed,
    port,
    removal,
    segment,
)
from tests.support.refusals import faults, refusal, refused


def veth(
    name: str, on: str, netns: str = "ns1", device: str = "eth0", **fields: object
) -> Manifest:
    return port(name, on, type=PortType.VETH, peer=VethPeerSpec(netns, device), **fields)


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"segment": "red", "bridge": "lan"}, "bridge", "attachment_ambiguous"),
        ({}, "segment", "attachment_missing"),
        ({"segment": "blue"}, "segment", "unknown_segment"),
        ({"bridge": "wan"}, "bridge", "unknown_bridge"),
        ({"segment": "red", "tag": 7}, "tag", "tag_on_segment"),
        ({"bridge": "lan", "tag": 0}, "tag", "tag_out_of_range"),
        ({"bridge": "lan", "tag": 4095}, "tag", "tag_out_of_range"),
        ({"segment": "red", "interface": "a" * 16}, "interface", "interface_too_long"),
        ({"segment": "red", "interface": "é" * 8}, "interface", "interface_too_long"),
        ({"segment": "red", "interface": ""}, "interface", "invalid_interface"),
        ({"segment": "red", "interface": "a/b"}, "interface", "invalid_interface"),
        ({"segment": "red", "interface": "a b"}, "interface", "invalid_interface"),
        ({"segment": "red", "interface": "a:b"}, "interface", "invalid_interface"),
        ({"segment": "red", "interface": "eth%d"}, "interface", "invalid_interface"),
        ({"segment": "red", "interface": "a\0b"}, "interface", "invalid_interface"),
        ({"segment": "red", "interface": ".."}, "interface", "interface_reserved"),
        ({"segment": "red", "interface": "lo"}, "interface", "interface_reserved"),
        ({"segment": "red", "interface": "all"}, "interface", "interface_reserved"),
        ({"segment": "red", "interface": "vxlan_sys_4789"}, "interface", "interface_reserved"),
        ({"segment": "red", "interface": "br-int"}, "interface", "interface_reserved"),
        ({"segment": "red", "interface": "ovs-system"}, "interface", "interface_reserved"),
        ({"segment": "red", "mac": "02:00:00:00:00"}, "mac", "invalid_mac"),
        ({"segment": "red", "mac": "03:00:00:00:00:01"}, "mac", "invalid_mac"),
        ({"segment": "red", "mac": "ff:ff:ff:ff:ff:ff"}, "mac", "invalid_mac"),
        ({"segment": "red", "mac": "00:00:00:00:00:00"}, "mac", "invalid_mac"),
        ({"segment": "red", "addresses": ("10.0.0.5",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("10.0.0.0/24",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("10.0.0.255/24",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("224.0.0.1/24",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("0.0.0.0/0",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("127.0.0.1/8",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("fe80::1/64",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("2001:db8::/64",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "addresses": ("10.0.0.300/24",)}, "addresses/0", "invalid_address"),
        ({"segment": "red", "mtu": 67}, "mtu", "mtu_out_of_range"),
        ({"bridge": "lan", "mtu": 65536}, "mtu", "mtu_out_of_range"),
        ({"segment": "red", "mtu": 1451}, "mtu", "mtu_exceeds_segment"),
        (
            {"segment": "red", "mtu": 1279, "addresses": ("2001:db8::1/64",)},
            "mtu",
            "mtu_out_of_range",
        ),
        ({"segment": "red", "type": PortType.VETH}, "peer", "peer_missing"),
        ({"segment": "red", "peer": VethPeerSpec("n", "e")}, "peer", "peer_not_allowed"),
    ],
)
def test_a_port_that_breaks_a_rule_is_refused_where_it_breaks_it(
    fleet: ModelFleet, fields: dict[str, object], pointer: str, code: str
) -> None:
    assert refused(fleet, port("new", "h1", **fields)) == [(f"/objects/0/spec/{pointer}", code)]


@pytest.mark.parametrize("netns", ["", ".", "..", "a/b", "a\nb", "x" * 256])
def test_a_peer_goes_into_a_namespace_that_can_be_a_file_name(
    fleet: ModelFleet, netns: str
) -> None:
    found = refused(fleet, veth("new", "h1", netns=netns, segment="red"))
    assert found == [("/objects/0/spec/peer/netns", "invalid_netns")]


@pytest.mark.parametrize(
    "fields",
    [
        {"addresses": ("10.0.0.0/31",)},
        {"addresses": ("10.0.0.7/32",)},
        {"addresses": ("2001:db8::/127",)},
        {"mtu": 1450},
        {"mac": "02-00-00-00-00-AA"},
        {"interface": "a" * 15},
    ],
)
def test_values_at_the_edge_of_a_rule_are_accepted(
    fleet: ModelFleet, fields: dict[str, object]
) -> None:
    assert fleet.apply(port("new", "h1", segment="red", **fields)).creates


def test_spellings_are_brought_into_one_form(fleet: ModelFleet) -> None:
    spelled = port(
        "new", "h1", segment="red", mac="02-00-00-00-00-AA", addresses=("2001:DB8:0::5/64",)
    )
    (draft,) = fleet.apply(spelled).creates
    assert isinstance(draft.spec, PortSpec)
    assert (draft.spec.mac, draft.spec.addresses) == ("02:00:00:00:00:aa", ("2001:db8::5/64",))


@pytest.mark.parametrize(
    "vtep",
    [
        *("", "10.0.0.1/24", "0.0.0.0", "127.0.0.1", "169.254.0.1", "224.0.0.1"),  # noqa: S104
        *("255.255.255.255", "::", "::1", "fe80::1", "ff02::1", "::ffff:192.0.2.9"),
        "2001:db8::1%eth0",
    ],
)
def test_a_vtep_is_an_address_that_tunnels_can_start_from(fleet: ModelFleet, vtep: str) -> None:
    assert refused(fleet, host("h3", vtep)) == [("/objects/0/spec/vteps/0", "invalid_vtep")]


def test_a_host_has_one_vtep_of_each_family(fleet: ModelFleet) -> None:
    found = refused(fleet, host("h3", "192.0.2.3", "2001:db8::3", "192.0.2.4"))
    assert found == [("/objects/0/spec/vteps/2", "vtep_family_twice")]


def test_a_vtep_belongs_to_one_host_of_the_fleet(fleet: ModelFleet) -> None:
    assert refused(fleet, host("h3", "192.0.2.1")) == [("/objects/0/spec/vteps/0", "vtep_taken")]


def test_an_ipv6_vtep_needs_the_mtu_that_ipv6_needs(fleet: ModelFleet) -> None:
    found = refused(fleet, host("h3", "2001:db8::3", underlay_mtu=1279))
    assert found == [("/objects/0/spec/underlay_mtu", "mtu_out_of_range")]


def test_a_host_keeps_the_vtep_that_its_segments_need(fleet: ModelFleet) -> None:
    found = refused(fleet, host("h1", "2001:db8::1"))
    assert found == [("/objects/0/spec/vteps", "vtep_missing")]


def test_a_port_cannot_join_a_segment_whose_family_its_host_lacks(fleet: ModelFleet) -> None:
    six = segment("six", address_family=AddressFamily.IPV6)
    found = refused(fleet, six, port("new", "h2", segment="six"))
    assert found == [("/objects/1/spec/segment", "vtep_missing")]


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (port("new", "h1", segment="red", interface="web"), "interface_taken"),
        (port("new", "h1", segment="red", interface="lan"), "interface_taken"),
        (port("new", "h1", segment="red", interface="br-fleet"), "interface_taken"),
        (bridge("new", "h1", interface="br-fleet"), "interface_taken"),
    ],
)
def test_a_device_name_is_used_once_on_a_host(fleet: ModelFleet, new: Manifest, code: str) -> None:
    assert refused(fleet, new) == [("/objects/0/spec/interface", code)]


def test_a_device_name_may_be_used_on_two_hosts(fleet: ModelFleet) -> None:
    assert fleet.apply(port("new", "h2", segment="red", interface="web")).creates


def test_two_peers_cannot_be_one_device(fleet: ModelFleet) -> None:
    found = refused(fleet, veth("a", "h1", segment="red"), veth("b", "h1", segment="red"))
    assert found == [
        ("/objects/0/spec/peer/interface", "peer_taken"),
        ("/objects/1/spec/peer/interface", "peer_taken"),
    ]
    assert fleet.apply(veth("a", "h1", segment="red"), veth("b", "h2", segment="red")).creates


def test_mac_and_address_are_used_once_on_a_segment_across_hosts(fleet: ModelFleet) -> None:
    same = {"mac": "02:00:00:00:00:01", "addresses": ("10.0.0.1/16",)}
    assert refused(fleet, port("twin", "h2", segment="red", **same)) == [
        ("/objects/0/spec/mac", "mac_taken"),
        ("/objects/0/spec/addresses/0", "address_taken"),
    ]
    assert fleet.apply(segment("blue"), port("twin", "h2", segment="blue", **same)).creates


def test_a_name_that_its_host_still_carries_is_held(fleet: ModelFleet) -> None:
    manifests = pointed([port("new", "h1", segment="red", interface="old")])
    h1 = fleet.objects[Ref(Kind.HOST, "default", "h1")].uid
    world = replace(fleet.world(manifests, []), held_interfaces={h1: {"old": frozenset({h1})}})
    error = refusal(lambda: plan_change(world, manifests, []))
    assert isinstance(error, ConflictError)
    assert faults(error) == [("/objects/0/spec/interface", "interface_held")]


@pytest.mark.parametrize("name", ["", "Web", "-a", "a-", "a" * 64, "a b", str(UUID(int=7))])
def test_a_name_is_short_lower_case_and_no_uuid(fleet: ModelFleet, name: str) -> None:
    found = refused(fleet, manifest(Kind.SEGMENT, name, SegmentSpec()))
    assert found == [("/objects/0/metadata/name", "invalid_name")]


def test_labels_are_plain_words(fleet: ModelFleet) -> None:
    found = refused(fleet, replace(segment("new"), labels={"a/b~c": "x"}))
    assert found == [("/objects/0/metadata/labels/a~1b~0c", "invalid_label")]


def test_an_unknown_project_is_refused(fleet: ModelFleet) -> None:
    stray = Manifest(Ref(Kind.SEGMENT, "nowhere", "new"), SegmentSpec())
    assert refused(fleet, stray) == [("/objects/0/metadata/project", "unknown_project")]
    stray = Manifest(Ref(Kind.HOST, "nowhere", "new"), HostSpec())
    assert refused(fleet, stray) == [("/objects/0/metadata/project", "wrong_project")]


def test_an_object_is_named_once_in_a_request(fleet: ModelFleet) -> None:
    assert refused(fleet, segment("new"), segment("new")) == [("/objects/1", "duplicate_object")]


def test_kind_and_spec_agree(fleet: ModelFleet) -> None:
    assert refused(fleet, manifest(Kind.PORT, "new", SegmentSpec())) == [
        ("/objects/0/kind", "kind_mismatch")
    ]


def test_a_bridge_port_is_on_the_host_of_its_bridge(fleet: ModelFleet) -> None:
    assert refused(fleet, port("new", "h2", bridge="lan")) == [
        ("/objects/0/spec/bridge", "bridge_on_other_host")
    ]


def test_what_cannot_change_in_place_says_so(fleet: ModelFleet) -> None:
    found = refused(
        fleet,
        veth("web", "h2", segment="red", interface="other"),
        bridge("lan", "h2", interface="other"),
    )
    assert [code for _, code in found if code == "immutable"] == ["immutable"] * 4
    assert ("/objects/0/spec/interface", "immutable") in found
    assert ("/objects/1/spec/interface", "immutable") in found


def test_a_segment_in_use_keeps_what_its_tunnels_are_made_of(fleet: ModelFleet) -> None:
    assert refused(fleet, segment("red", vni=5)) == [("/objects/0/spec/vni", "immutable_in_use")]
    fleet.delete(removal(Kind.PORT, "web"))
    assert fleet.apply(segment("red", vni=5)).updates


def test_a_host_in_use_keeps_its_overlay_bridge(fleet: ModelFleet) -> None:
    assert refused(fleet, host("h1", "192.0.2.1", overlay_bridge="br-other")) == [
        ("/objects/0/spec/overlay_bridge", "immutable_in_use")
    ]
    assert fleet.apply(host("h2", "192.0.2.2", overlay_bridge="br-other")).updates


@pytest.mark.parametrize(
    ("kind", "name", "holders"),
    [
        (Kind.HOST, "h1", "Bridge lan, Port uplink, Port web"),
        (Kind.SEGMENT, "red", "Port web"),
        (Kind.BRIDGE, "lan", "Port uplink"),
    ],
)
def test_what_is_used_cannot_be_deleted_and_the_users_are_named(
    fleet: ModelFleet, kind: Kind, name: str, holders: str
) -> None:
    error = refusal(lambda: fleet.delete(removal(kind, name)))
    assert isinstance(error, ConflictError)
    assert holders in error.detail


def test_users_and_used_can_be_deleted_together_in_any_order(fleet: ModelFleet) -> None:
    gone = fleet.delete(
        removal(Kind.HOST, "h1"),
        removal(Kind.BRIDGE, "lan"),
        removal(Kind.PORT, "web"),
        removal(Kind.SEGMENT, "red"),
        removal(Kind.PORT, "uplink"),
    )
    assert len(gone.deletes) == 5
    assert [ref.name for ref in fleet.objects] == ["h2"]


def test_all_faults_of_a_request_are_named_at_once(fleet: ModelFleet) -> None:
    error = refusal(
        lambda: fleet.apply(
            host("h3", "nonsense"),
            segment("x", vni=0, mtu=1),
            port("y", "nowhere", segment="red", mac="x", tag=3),
        )
    )
    assert isinstance(error, InvalidError)
    assert len(error.violations) == 6


def test_create_replace_and_if_match_mean_what_they_say(fleet: ModelFleet) -> None:
    create = replace(segment("red"), mode=Mode.CREATE)
    assert isinstance(refusal(lambda: fleet.apply(create)), ConflictError)
    absent = replace(segment("blue"), mode=Mode.REPLACE)
    assert isinstance(refusal(lambda: fleet.apply(absent)), NotFoundError)
    stale = replace(segment("red", mtu=1400), expected_revision=99)
    assert isinstance(refusal(lambda: fleet.apply(stale)), StaleError)
    assert isinstance(refusal(lambda: fleet.delete(removal(Kind.PORT, "none"))), NotFoundError)
    planned = fleet.delete(replace(removal(Kind.PORT, "none"), missing_ok=True))
    assert planned.is_empty
    assert [ref.name for ref in planned.missing] == ["none"]


def test_a_taken_name_is_all_that_is_said_of_what_cannot_be_created_under_it(
    fleet: ModelFleet,
) -> None:
    fleet.apply(port("web", "h1", bridge="lan"))
    create = replace(port("web", "h2", segment="red", interface="other"), mode=Mode.CREATE)
    error = refusal(lambda: fleet.apply(create))
    assert isinstance(error, ConflictError)
    assert faults(error) == [("/objects/0/metadata/name", "already_exists")]


def test_thousands_of_claims_to_one_value_are_each_told_of_a_few_others(fleet: ModelFleet) -> None:
    mac = "02:00:00:00:00:07"
    same = [port(f"same-{n}", "h1", segment="red", interface=f"s{n}", mac=mac) for n in range(3000)]
    error = refusal(lambda: fleet.apply(*same))
    assert faults(error) == [(f"/objects/{n}/spec/mac", "mac_taken") for n in range(3000)]
    assert all(fault.detail.endswith("and 2994 more") for fault in error.violations)
