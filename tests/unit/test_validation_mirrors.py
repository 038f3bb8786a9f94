"""Mirrors: what they select, where copies go, and what must stay while they are there."""

from __future__ import annotations

from typing import Any

import pytest

from controller.domain.definitions import MirrorTunnelSpec, MirrorTunnelType
from controller.domain.intent import BridgeType, Kind, Manifest, PortType, Removal
from tests.support.model_fleet import ModelFleet, bridge, host, port, removal, segment
from tests.support.refusals import faults, fleet, refusal, refused
from tests.support.watchers import mirror

__all__ = ["fleet"]

ERSPAN = MirrorTunnelType.ERSPAN
GRE = MirrorTunnelType.GRE


def away(remote_ip: str = "198.51.100.1", **fields: Any) -> MirrorTunnelSpec:
    return MirrorTunnelSpec(**{"type": GRE, "remote_ip": remote_ip, **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"select_all": True}, [("output_port", "output_missing")]),
        ({"output_port": "uplink"}, [("select_all", "selection_missing")]),
        ({"select_all": True, "output_port": "uplink", "tunnel": away()},
         [("tunnel", "output_ambiguous")]),
        ({"select_src_ports": ("uplink",), "output_port": "default/uplink"},
         [("output_port", "output_selected")]),
        ({"select_all": True, "select_dst_ports": ("uplink",), "tunnel": away()},
         [("select_all", "selection_ambiguous")]),
        ({"select_vlans": (4096,), "tunnel": away()},
         [("select_vlans/0", "value_out_of_range")]),
        ({"select_segments": ("red",), "tunnel": away()},
         [("select_segments", "segments_not_on_bridge")]),
        ({"select_vlans": (5,), "output_vlan": 5}, [("output_vlan", "output_selected")]),
        ({"select_all": True, "output_vlan": 0}, [("output_vlan", "tag_out_of_range")]),
        ({"select_all": True, "tunnel": away(), "snaplen": 13, "ttl_s": 59},
         [("snaplen", "value_out_of_range"), ("ttl_s", "value_out_of_range")]),
        ({"select_all": True, "tunnel": away("224.0.0.1", local_ip="2001:db8::1")},
         [("tunnel/remote_ip", "invalid_vtep"), ("tunnel/local_ip", "wrong_address_family")]),
        ({"select_all": True, "tunnel": away(erspan_ver=1)},
         [("tunnel/erspan_ver", "setting_not_on_type")]),
        ({"select_all": True, "tunnel": away(type=ERSPAN, key=1024, erspan_hwid=1)},
         [("tunnel/key", "value_out_of_range"), ("tunnel/erspan_hwid", "setting_not_on_type")]),
        ({"select_all": True, "tunnel": away("192.0.2.1")}, [("tunnel", "mirror_to_itself")]),
        ({"select_all": True, "tunnel": away("2001:db8::9")}, [("tunnel", "vtep_missing")]),
        ({"select_all": True, "output_port": "web"}, [("output_port", "port_not_on_bridge")]),
        ({"select_src_ports": ("none",), "tunnel": away()},
         [("select_src_ports/0", "unknown_port")]),
    ],
)  # fmt: skip
def test_a_mirror_that_open_vswitch_could_not_have_is_refused(
    fleet: ModelFleet, fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = refused(fleet, mirror("m", "h1", bridge="lan", **fields))
    assert found == [(f"/objects/0/spec/{where}", code) for where, code in expected]


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("h2", {"bridge": "lan"}, ("bridge", "bridge_on_other_host")),
        ("h9", {}, ("host", "unknown_host")),
        ("h1", {"bridge": "none"}, ("bridge", "unknown_bridge")),
        ("h1", {"select_vlans": (5,)}, ("select_vlans", "vlan_needs_bridge")),
        ("h1", {"select_segments": ("none",)}, ("select_segments/0", "unknown_segment")),
        ("h3", {}, ("bridge", "mirror_needs_ovs")),
        ("h3", {"bridge": "lin"}, ("bridge", "mirror_needs_ovs")),
    ],
)
def test_a_mirror_is_at_a_bridge_that_its_host_has(
    fleet: ModelFleet, name: str, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    fleet.apply(
        host("h3", "192.0.2.3", overlay_bridge_type=BridgeType.LINUX),
        bridge("lin", "h3", type=BridgeType.LINUX),
    )
    given = {"select_all": True, "tunnel": away(), **fields}
    where, code = expected
    assert refused(fleet, mirror("m", name, **given)) == [(f"/objects/0/spec/{where}", code)]


def test_what_there_is_nothing_to_copy_of_yet_is_warned_of(fleet: ModelFleet) -> None:
    fleet.apply(segment("blue"))
    on_h1 = mirror("m1", "h1", select_segments=("blue", "red"), tunnel=away(key=1))
    on_h2 = mirror("m2", "h2", select_all=True, tunnel=away(key=2))
    found = [(w.pointer, w.code) for w in fleet.apply(on_h1, on_h2).warnings]
    assert found == [
        ("/objects/0/spec/select_segments/0", "nothing_to_mirror"),
        ("/objects/1/spec/bridge", "nothing_to_mirror"),
    ]


def test_copies_into_a_vlan_are_warned_of(fleet: ModelFleet) -> None:
    planned = fleet.apply(mirror("m", "h1", bridge="lan", select_all=True, output_vlan=99))
    assert [w.code for w in planned.warnings] == ["mirror_floods_vlan"]


def card(name: str = "card", **fields: Any) -> Manifest:
    return port(name, "h1", bridge="lan", type=PortType.SYSTEM, **fields)


def warned(fleet: ModelFleet, *manifests: Manifest) -> list[tuple[str, str]]:
    return [(w.pointer, w.code) for w in fleet.apply(*manifests).warnings]


def test_copies_that_may_leave_by_what_is_copied_are_warned_of(fleet: ModelFleet) -> None:
    all_of_it = mirror("all", "h1", bridge="lan", select_all=True, tunnel=away())
    what_enters = mirror("in", "h1", bridge="lan", select_src_ports=("card",), tunnel=away(key=2))
    what_leaves = mirror("out", "h1", bridge="lan", select_dst_ports=("card",), tunnel=away(key=3))
    assert warned(fleet, all_of_it) == []
    assert warned(fleet, card()) == [("/objects/0/spec", "mirror_may_copy_itself")]
    assert warned(fleet, what_enters) == []
    assert warned(fleet, what_leaves) == [("/objects/0/spec/tunnel", "mirror_may_copy_itself")]
    again = mirror("all", "h1", bridge="lan", select_all=True, tunnel=away(), snaplen=64)
    assert warned(fleet, again) == [("/objects/0/spec/tunnel", "mirror_may_copy_itself")]


def test_a_port_with_a_use_of_its_own_that_gets_copies_is_warned_of(fleet: ModelFleet) -> None:
    cut = "output_port_cut_off"
    to_card = mirror("m", "h1", bridge="lan", select_src_ports=("uplink",), output_port="card")
    assert warned(fleet, card(), to_card) == [("/objects/1/spec/output_port", cut)]
    to_web = mirror("w", "h1", select_segments=("red",), output_port="web")
    assert warned(fleet, to_web) == [("/objects/0/spec/output_port", cut)]
    plain = port("tap", "h1", segment="red")
    assert warned(fleet, plain, mirror("t", "h1", select_all=True, output_port="tap")) == []
    used = port("tap", "h1", segment="red", addresses=("10.0.0.9/24",))
    assert warned(fleet, used) == [("/objects/0/spec", cut)]


def test_what_gets_the_copies_of_one_mirror_is_not_copied_by_another(fleet: ModelFleet) -> None:
    fleet.apply(port("a", "h1", bridge="lan"), port("b", "h1", bridge="lan"))
    first = mirror("m1", "h1", bridge="lan", select_src_ports=("uplink",), output_port="a")
    fleet.apply(first)
    second = mirror("m2", "h1", bridge="lan", select_dst_ports=("a",), output_port="b")
    assert refused(fleet, second) == [("/objects/0/spec/select_dst_ports/0", "output_selected")]
    fleet.apply(mirror("m2", "h1", bridge="lan", select_all=True, output_port="b"))
    fleet.apply(mirror("m3", "h1", bridge="lan", select_src_ports=("uplink",), output_port="a"))
    onto = mirror("m1", "h1", bridge="lan", select_src_ports=("b",), output_port="uplink")
    found = refused(fleet, onto)
    assert found == [
        ("/objects/0/spec/select_src_ports/0", "output_selected"),
        ("/objects/0/spec/output_port", "output_selected"),
    ]


def test_a_bridge_has_room_for_32_mirrors(fleet: ModelFleet) -> None:
    fields = {"bridge": "lan", "select_all": True, "output_port": "uplink"}
    fleet.apply(*(mirror(f"m{i}", "h1", **fields) for i in range(32)))
    found = refused(fleet, mirror("one-more", "h1", **fields))
    assert found == [("/objects/0/spec/bridge", "too_many_mirrors")]
    fleet.apply(mirror("m3", "h1", **{**fields, "snaplen": 64}))


def test_two_tunnels_of_one_host_that_are_alike_are_refused(fleet: ModelFleet) -> None:
    fleet.apply(mirror("m1", "h1", select_all=True, tunnel=away(key=7)))
    same = away(local_ip="192.0.2.1", key=7)
    found = refused(fleet, mirror("m2", "h1", bridge="lan", select_all=True, tunnel=same))
    assert found == [("/objects/0/spec/tunnel", "mirror_tunnel_taken")]
    fleet.apply(mirror("m2", "h1", bridge="lan", select_all=True, tunnel=away(key=8)))
    fleet.apply(mirror("m3", "h1", select_all=True, tunnel=away()))
    zero = mirror("m4", "h1", select_all=True, tunnel=away(key=0))
    assert refused(fleet, zero) == [("/objects/0/spec/tunnel", "mirror_tunnel_taken")]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Kind.PORT, "web"), (Kind.PORT, "tap"), (Kind.SEGMENT, "red"), (Kind.HOST, "h1")],
)
def test_what_a_mirror_needs_cannot_be_deleted(fleet: ModelFleet, kind: Kind, name: str) -> None:
    fleet.apply(port("tap", "h1", segment="red"))
    watching = {"select_src_ports": ("web",), "select_segments": ("red",), "output_port": "tap"}
    fleet.apply(mirror("m", "h1", **watching))
    error = refusal(lambda: fleet.delete(removal(kind, name)))
    assert faults(error) == [("", "still_in_use")]
    assert "Mirror m" in str(error)


def test_a_bridge_with_a_mirror_stays(fleet: ModelFleet) -> None:
    fleet.apply(mirror("m", "h1", bridge="lan", select_all=True, tunnel=away()))
    error = refusal(lambda: fleet.delete(removal(Kind.BRIDGE, "lan"), removal(Kind.PORT, "uplink")))
    assert "Mirror m" in str(error)
    fleet.delete(*(Removal(ref) for ref in fleet.objects))


def test_a_port_that_is_mirrored_stays_at_the_bridge(fleet: ModelFleet) -> None:
    fleet.apply(bridge("wan", "h1"), mirror("m", "h1", bridge="lan", select_src_ports=("uplink",),
                                            tunnel=away()))  # fmt: skip
    found = refused(fleet, port("uplink", "h1", bridge="wan", tag=7))
    assert found == [("/objects/0/spec", "port_not_on_bridge")]


@pytest.mark.parametrize(
    ("where", "fields"),
    [
        ("select_src_ports/0", {"select_src_ports": ("vm",), "tunnel": away()}),
        ("select_dst_ports/0", {"select_dst_ports": ("vm",), "tunnel": away()}),
        ("output_port", {"select_segments": ("red",), "output_port": "vm"}),
    ],
)
def test_a_mirror_names_no_port_whose_device_a_hypervisor_names(
    fleet: ModelFleet, where: str, fields: dict[str, Any]
) -> None:
    guest = port("vm", "", host=None, interface="", type=PortType.BOUND, segment="red",
                 iface_id="if:h1")  # fmt: skip
    fleet.apply(guest)
    found = refused(fleet, mirror("m", "h1", **fields))
    assert found == [(f"/objects/0/spec/{where}", "port_is_bound")]
    fleet.apply(mirror("m", "h1", select_segments=("red",), tunnel=away()))


def test_a_mirrored_port_does_not_become_one_that_a_hypervisor_names(fleet: ModelFleet) -> None:
    fleet.apply(mirror("m", "h1", select_src_ports=("web",), tunnel=away()))
    guest = port("web", "", host=None, interface="", type=PortType.BOUND, segment="red",
                 iface_id="if:h1")  # fmt: skip
    assert ("/objects/0/spec/type", "immutable") in refused(fleet, guest)


def test_a_host_keeps_the_address_that_its_copies_start_from(fleet: ModelFleet) -> None:
    fleet.apply(mirror("m", "h2", bridge=None, select_all=True, tunnel=away()))
    assert refused(fleet, host("h2")) == [("/objects/0/spec/vteps", "vtep_missing")]
    moved = refused(fleet, host("h2", "198.51.100.1"))
    assert moved == [("/objects/0/spec/vteps", "mirror_to_itself")]


def test_a_mirror_stays_on_its_host_and_bridge(fleet: ModelFleet) -> None:
    fleet.apply(mirror("m", "h1", select_all=True, tunnel=away()))
    found = refused(fleet, mirror("m", "h2", select_all=True, tunnel=away()))
    assert found == [("/objects/0/spec/host", "immutable")]


def test_names_and_addresses_are_stored_in_one_spelling(fleet: ModelFleet) -> None:
    sloppy = mirror("m", "h1", bridge="lan", select_src_ports=("default/uplink", "uplink"),
                    tunnel=away(remote_ip="2001:DB8::9", local_ip="2001:db8:0::8"))  # fmt: skip
    fleet.apply(sloppy)
    assert not fleet.apply(sloppy).updates
    spec: Any = fleet.objects[sloppy.ref].spec
    assert spec.select_src_ports == ("uplink",)
    assert (spec.tunnel.remote_ip, spec.tunnel.local_ip) == ("2001:db8::9", "2001:db8::8")
