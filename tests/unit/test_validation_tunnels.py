"""Rules of explicit tunnels: ends, addresses, keys, MTU, and circles of floods."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.intent import (
    AddressFamily,
    Kind,
    Manifest,
    PortSpec,
    TunnelEnd,
    TunnelSpec,
)
from controller.domain.validation import plan_change
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

LAN = TunnelEnd("h1", "lan", tag=7)
FAR = TunnelEnd("h2", "far", tag=7)
OUTSIDE = TunnelEnd(ip="198.51.100.9")


@pytest.fixture
def fleet(fleet: ModelFleet) -> ModelFleet:
    """The small fleet, with a bridge on each of four hosts and a tunnel between two."""
    fleet.apply(
        host("h3", "192.0.2.3"),
        host("h4", "192.0.2.4"),
        bridge("far", "h2"),
        bridge("third", "h3"),
        bridge("fourth", "h4"),
        port("uplink", "h1", bridge="lan", tag=7, mtu=1400),
    )
    fleet.apply(tunnel("t1", LAN, FAR, key=500))
    return fleet


def at(name: str, on: str, tag: int | None = None) -> TunnelEnd:
    return TunnelEnd(on, name, tag=tag)


def spec_of(fleet: ModelFleet, name: str) -> TunnelSpec:
    (found,) = (o.spec for o in fleet.of_kind(Kind.TUNNEL) if o.name == name)
    assert isinstance(found, TunnelSpec)
    return found


@pytest.mark.parametrize(
    ("ends", "pointer", "code"),
    [
        ((OUTSIDE, LAN), "ends/0/host", "host_missing"),
        ((LAN, TunnelEnd()), "ends/1/ip", "end_missing"),
        ((LAN, TunnelEnd("h2")), "ends/1/bridge", "bridge_missing"),
        ((LAN, replace(OUTSIDE, bridge="far")), "ends/1/bridge", "not_on_outside_end"),
        ((LAN, replace(OUTSIDE, tag=7)), "ends/1/tag", "not_on_outside_end"),
        ((LAN, replace(FAR, tag=4095)), "ends/1/tag", "tag_out_of_range"),
        ((LAN, replace(OUTSIDE, ip="224.0.0.1")), "ends/1/ip", "invalid_vtep"),
        ((LAN, replace(OUTSIDE, ip="127.0.0.1")), "ends/1/ip", "invalid_vtep"),
        ((LAN, replace(OUTSIDE, ip="nonsense")), "ends/1/ip", "invalid_vtep"),
        ((LAN, replace(OUTSIDE, ip="2001:db8::9")), "ends/1/ip", "wrong_address_family"),
        ((LAN, at("gone", "h2")), "ends/1/bridge", "unknown_bridge"),
        ((LAN, at("lan", "h9")), "ends/1/host", "unknown_host"),
        ((LAN, at("far", "h3")), "ends/1/bridge", "bridge_on_other_host"),
        ((LAN, replace(OUTSIDE, ip="192.0.2.3")), "ends/1/ip", "vtep_of_host"),
        ((LAN, TunnelEnd("h3", "third", "192.0.2.4", 8)), "ends/1/ip", "vtep_of_host"),
    ],
)
def test_an_end_is_a_bridge_of_a_host_or_an_address_outside(
    fleet: ModelFleet, ends: tuple[TunnelEnd, TunnelEnd], pointer: str, code: str
) -> None:
    assert (f"/objects/0/spec/{pointer}", code) in refused(fleet, tunnel("new", *ends))


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"key": 0}, "key", "vni_out_of_range"),
        ({"dst_port": 65536}, "dst_port", "dst_port_out_of_range"),
        ({"ttl": 0}, "ttl", "ttl_out_of_range"),
        ({"ttl": "sixty"}, "ttl", "ttl_out_of_range"),
        ({"tos": 256}, "tos", "tos_out_of_range"),
        ({"key": 10_000}, "key", "vni_taken"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    fleet: ModelFleet, fields: dict[str, object], pointer: str, code: str
) -> None:
    new = tunnel("new", LAN, OUTSIDE, **fields)
    assert refused(fleet, new) == [(f"/objects/0/spec/{pointer}", code)]


def test_options_at_the_edge_of_a_rule_are_accepted(fleet: ModelFleet) -> None:
    options = {"ttl": 255, "tos": "inherit", "csum": False, "df_default": True}
    assert fleet.apply(tunnel("new", LAN, OUTSIDE, **options)).creates


def test_a_tunnel_goes_to_another_host(fleet: ModelFleet) -> None:
    fleet.apply(bridge("two", "h1"))
    found = refused(fleet, tunnel("new", at("two", "h1"), replace(LAN, tag=8)))
    assert ("/objects/0/spec/ends/1/host", "same_host") in found


def test_an_end_needs_a_vtep_of_the_family_or_an_address_of_its_own(fleet: ModelFleet) -> None:
    six = AddressFamily.IPV6
    out = TunnelEnd(ip="2001:db8::9")
    found = refused(fleet, tunnel("new", replace(LAN, tag=8), out, address_family=six))
    assert found == [("/objects/0/spec/ends/0/host", "vtep_missing")]
    own = replace(LAN, tag=8, ip="2001:db8::1")
    assert fleet.apply(tunnel("new", own, out, address_family=six)).creates
    assert refused(fleet, host("h2")) == [("/objects/0/spec/vteps", "vtep_missing")]


def test_a_key_is_given_to_a_tunnel_that_names_none_and_then_kept(fleet: ModelFleet) -> None:
    fleet.apply(tunnel("new", LAN, OUTSIDE))
    given = spec_of(fleet, "new").key
    assert given is not None
    assert fleet.apply(tunnel("new", LAN, OUTSIDE)).is_empty
    (draft,) = fleet.apply(tunnel("new", LAN, OUTSIDE, ttl=9)).updates
    assert isinstance(draft.spec, TunnelSpec)
    assert draft.spec.key == given


def test_segments_and_tunnels_share_one_space_of_numbers(fleet: ModelFleet) -> None:
    assert refused(fleet, segment("new", vni=500)) == [("/objects/0/spec/vni", "vni_taken")]
    both = [segment("new", vni=600), tunnel("new", LAN, OUTSIDE, key=600)]
    assert refused(fleet, *both) == [
        ("/objects/0/spec/vni", "vni_taken"),
        ("/objects/1/spec/key", "vni_taken"),
    ]


def test_the_key_of_a_deleted_tunnel_is_held_from_segments_and_not_from_a_new_tunnel(
    fleet: ModelFleet,
) -> None:
    fleet.delete(removal(Kind.TUNNEL, "t1"))
    error = refusal(lambda: fleet.apply(segment("new", vni=500)))
    assert faults(error) == [("/objects/0/spec/vni", "vni_taken")]
    assert "deleted tunnel" in error.detail
    assert fleet.apply(tunnel("t1", LAN, FAR, key=500)).creates


def test_the_vni_that_hosts_carry_for_a_deleted_segment_is_no_key(fleet: ModelFleet) -> None:
    manifests = pointed([tunnel("new", LAN, OUTSIDE, key=9)])
    world = replace(fleet.world(manifests, []), vnis={9: None})
    error = refusal(lambda: plan_change(world, manifests, []))
    assert faults(error) == [("/objects/0/spec/key", "vni_taken")]


def test_tunnels_that_a_switch_could_not_tell_apart_are_refused(fleet: ModelFleet) -> None:
    twin = tunnel("twin", replace(LAN, tag=8), replace(FAR, tag=8), key=500)
    assert ("/objects/0/spec/key", "tunnel_taken") in refused(fleet, twin)
    assert fleet.apply(tunnel("other", *spec_of(fleet, "t1").ends[:1], OUTSIDE, key=500)).creates


def test_what_is_applied_again_as_it_is_is_not_at_fault(fleet: ModelFleet) -> None:
    """The file that made the fleet, with one more object that cannot be."""
    lan, third, fourth = at("lan", "h1"), at("third", "h3"), at("fourth", "h4")
    same = [tunnel("t-ab", lan, third), tunnel("t-bc", third, fourth)]
    out = tunnel("t-out", LAN, OUTSIDE)
    fleet.apply(*same, out)
    circle = tunnel("new", fourth, lan)
    assert refused(fleet, *same, circle) == [("/objects/2/spec/ends", "flooding_loop")]
    first = tunnel("t1", LAN, FAR)
    twin = tunnel("new", replace(LAN, tag=8), replace(FAR, tag=8), key=500)
    assert refused(fleet, first, twin) == [("/objects/1/spec/key", "tunnel_taken")] * 2
    host_of_ip = host("h9", "198.51.100.9")
    assert refused(fleet, out, host_of_ip) == [("/objects/1/spec/vteps/0", "vtep_of_host")]


def test_only_a_host_that_moves_is_at_fault_when_tunnels_become_alike(fleet: ModelFleet) -> None:
    own, far = replace(LAN, tag=8, ip="192.0.2.99"), replace(FAR, tag=8)
    fleet.apply(tunnel("own", own, far, key=500))
    found = refused(fleet, host("h2", "192.0.2.2"), host("h1", "192.0.2.99"))
    assert found == [("/objects/1/spec/vteps", "tunnel_taken")] * 2


def test_an_outside_address_cannot_become_a_hosts(fleet: ModelFleet) -> None:
    fleet.apply(tunnel("new", LAN, OUTSIDE))
    assert refused(fleet, host("h4", "198.51.100.9")) == [
        ("/objects/0/spec/vteps/0", "vtep_of_host")
    ]
    inside = TunnelEnd("h3", "third", "198.51.100.9", 8)
    found = refused(fleet, tunnel("more", inside, TunnelEnd(ip="198.51.100.10")))
    assert found == [("/objects/0/spec/ends/0/ip", "vtep_of_host")]


def test_what_a_tunnel_is_cannot_change_and_its_options_can(fleet: ModelFleet) -> None:
    assert refused(fleet, tunnel("t1", LAN, replace(FAR, tag=8), key=501, dst_port=4790)) == [
        ("/objects/0/spec/ends", "immutable"),
        ("/objects/0/spec/key", "immutable"),
        ("/objects/0/spec/dst_port", "immutable"),
    ]
    assert fleet.apply(tunnel("t1", LAN, FAR, ttl="inherit")).updates


@pytest.mark.parametrize(("kind", "name"), [(Kind.BRIDGE, "far"), (Kind.HOST, "h2")])
def test_a_tunnel_keeps_its_bridge_and_host(fleet: ModelFleet, kind: Kind, name: str) -> None:
    error = refusal(lambda: fleet.delete(removal(kind, name)))
    assert "Tunnel t1" in error.detail
    assert fleet.delete(removal(Kind.BRIDGE, "far"), removal(Kind.TUNNEL, "t1")).deletes


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (port("uplink", "h1", bridge="lan", tag=7, mtu=1451), "mtu"),
        (port("uplink", "h1", bridge="lan", tag=7), "mtu"),
        (host("h2", "192.0.2.2", underlay_mtu=1449), "underlay_mtu"),
        (tunnel("all", at("lan", "h1"), at("third", "h3")), "ends/0/bridge"),
    ],
)
def test_a_port_sends_no_more_than_its_tunnel_can_carry(
    fleet: ModelFleet, change: Manifest, pointer: str
) -> None:
    widest = fleet.apply(port("uplink", "h1", bridge="lan", tag=7, mtu=1450)).updates[0].spec
    assert isinstance(widest, PortSpec)
    found = refused(fleet, change)
    assert found == [(f"/objects/0/spec/{pointer}", "mtu_exceeds_underlay")]


def test_a_port_whose_frames_do_not_enter_the_tunnel_may_send_more(fleet: ModelFleet) -> None:
    assert fleet.apply(port("other", "h1", bridge="lan", tag=8, mtu=1500)).creates


def test_a_circle_is_refused_and_told_in_its_order(fleet: ModelFleet) -> None:
    fleet.delete(removal(Kind.TUNNEL, "t1"))
    fleet.delete(removal(Kind.PORT, "uplink"))
    fleet.apply(tunnel("t12", at("lan", "h1"), at("far", "h2")))
    fleet.apply(tunnel("t23", at("far", "h2"), at("third", "h3")))
    fleet.apply(tunnel("t34", at("third", "h3"), at("fourth", "h4")))
    closing = tunnel("t41", at("fourth", "h4"), at("lan", "h1"))
    error = refusal(lambda: fleet.apply(closing))
    assert faults(error) == [("/objects/0/spec/ends", "flooding_loop")]
    assert (
        "Bridge 'fourth' on host 'h4' (untagged) - Tunnel 't34' - Bridge 'third' on host 'h3'"
        " (untagged) - Tunnel 't23' - Bridge 'far' on host 'h2' (untagged) - Tunnel 't12'"
        " - Bridge 'lan' on host 'h1' (untagged) - Tunnel 't41'"
        " - and back to Bridge 'fourth' on host 'h4' (untagged)"
    ) in error.detail
    assert fleet.commit(pointed([closing]), [removal(Kind.TUNNEL, "t34")]).creates


def test_an_outside_vtep_closes_a_circle_that_no_bridge_shows(fleet: ModelFleet) -> None:
    fleet.apply(tunnel("a", LAN, OUTSIDE, key=9), tunnel("b", FAR, OUTSIDE, key=8))
    third = at("third", "h3", 7)
    fleet.apply(tunnel("c", third, OUTSIDE, key=8))
    assert refused(fleet, tunnel("d", LAN, third)) == [("/objects/0/spec/ends", "flooding_loop")]
    assert fleet.apply(tunnel("d", LAN, at("fourth", "h4", 7))).creates


def test_a_circle_over_two_vlans_of_one_bridge_is_one(fleet: ModelFleet) -> None:
    fleet.apply(tunnel("t2", replace(FAR, tag=8), replace(LAN, tag=8)))
    fleet.apply(tunnel("t3", replace(LAN, tag=8), at("third", "h3", 1)))
    fleet.apply(tunnel("t4", at("third", "h3", 1), at("fourth", "h4")))
    assert refused(fleet, tunnel("t5", at("fourth", "h4"), replace(FAR, tag=8))) == [
        ("/objects/0/spec/ends", "flooding_loop")
    ]
    assert fleet.apply(tunnel("t5", at("fourth", "h4"), FAR)).creates
