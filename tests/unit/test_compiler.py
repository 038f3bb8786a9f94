"""What one host is told, in full, for an intent that has one of everything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf import text_format
from ovsfleet.v1 import state_pb2

from controller.compiler import compile_host, compile_hosts, host_state
from controller.domain.host_intent import Grants
from controller.domain.intent import (
    AddressFamily,
    Backend,
    BridgeType,
    DatapathType,
    Kind,
    PortType,
    TunnelEnd,
    VethPeerSpec,
)
from controller.southbound import dispatcher
from tests.support.model_fleet import ModelFleet, bridge, host, port, removal, segment, tunnel


@pytest.fixture
def fleet() -> ModelFleet:
    fleet = ModelFleet()
    fleet.apply(
        host("h1", "192.0.2.1", "2001:db8::1", datapath_type=DatapathType.NETDEV),
        host("h2", "2001:db8::2", underlay_mtu=1400),
        bridge("lan", "h1"),
        segment("red", vni=77, address_family=AddressFamily.IPV6, dst_port=8472),
        port("up", "h1", bridge="lan", tag=9),
        port("web", "h1", segment="red", mac="02:00:00:00:00:0A", addresses=("10.0.0.1/24",)),
        port("db", "h1", segment="red", type=PortType.VETH, peer=VethPeerSpec("ns", "eth0")),
        port("far", "h2", segment="red"),
    )
    return fleet


EXPECTED = """
host_uid: "00000000-0000-0000-0000-000000000001"
host_name: "h1"
overlay { name: "br-fleet" datapath_type: DATAPATH_TYPE_NETDEV }
bridges {
  id: "bridge:00000000-0000-0000-0000-000000000003"
  name: "lan"
  datapath_type: DATAPATH_TYPE_SYSTEM
  type: BRIDGE_TYPE_OVS
}
ports {
  id: "port:00000000-0000-0000-0000-000000000005"
  interface: "up" type: PORT_TYPE_INTERNAL bridge: "lan" tag: 9 mtu: 1500
}
ports {
  id: "port:00000000-0000-0000-0000-000000000006"
  interface: "web" type: PORT_TYPE_INTERNAL bridge: "br-fleet" tag: 1 mtu: 1330
  mac: "02:00:00:00:00:0a" addresses: "10.0.0.1/24"
}
ports {
  id: "port:00000000-0000-0000-0000-000000000007"
  interface: "db" type: PORT_TYPE_VETH bridge: "br-fleet" tag: 1 mtu: 1330
  mac: "0a:fa:68:74:bc:07"
  peer { netns: "ns" interface: "eth0" }
}
attachments {
  segment_uid: "00000000-0000-0000-0000-000000000004" local_vlan: 1 backend: BACKEND_OVS
}
"""

FRAGMENT = """
segment_uid: "00000000-0000-0000-0000-000000000004"
vni: 77
dst_port: 8472
mtu: 1330
members {
  host_uid: "00000000-0000-0000-0000-000000000001" host_name: "h1" vtep: "2001:db8::1"
}
members {
  host_uid: "00000000-0000-0000-0000-000000000002" host_name: "h2" vtep: "2001:db8::2"
}
"""


def test_a_host_is_told_its_own_part_and_the_fragments_it_refers_to(fleet: ModelFleet) -> None:
    intent = fleet.host_intent("h1")
    state = host_state(compile_host(intent), intent, ())
    (fragment,) = state.fragments
    assert state.host.attachments[0].fragment_hash == fragment.hash
    state.host.attachments[0].ClearField("fragment_hash")
    fragment.ClearField("hash")
    assert state.host == text_format.Parse(EXPECTED, state_pb2.HostPart())
    assert fragment == text_format.Parse(FRAGMENT, state_pb2.SegmentFragment())
    assert (state.revision, state.fleet_epoch, list(state.removed)) == (1, 1, [])


def test_a_host_without_segments_has_no_overlay_and_is_told_to_remove_the_one_it_had(
    fleet: ModelFleet,
) -> None:
    confirmed = fleet.revision
    fleet.delete(removal(Kind.PORT, "web"), removal(Kind.PORT, "db"))
    compiled = compile_host(fleet.host_intent("h1", confirmed=confirmed))
    assert not compiled.part.HasField("overlay")
    assert compiled.removed == (
        "overlay",
        "port:00000000-0000-0000-0000-000000000006",
        "port:00000000-0000-0000-0000-000000000007",
        "segment:00000000-0000-0000-0000-000000000004",
    )


def test_the_hash_follows_what_is_told_and_nothing_else(fleet: ModelFleet) -> None:
    before = compile_host(fleet.host_intent("h1")).hash
    fleet.apply(segment("unrelated"), host("h3", "192.0.2.3"))
    assert compile_host(fleet.host_intent("h1")).hash == before
    fleet.apply(host("h2", "2001:db8::22", underlay_mtu=1400))
    assert compile_host(fleet.host_intent("h1")).hash != before


def test_a_host_that_cannot_be_compiled_holds_up_nobody(fleet: ModelFleet) -> None:
    good, broken = fleet.host_intent("h1"), replace(fleet.host_intent("h2"), local_vlans={})
    assert dispatcher._compile([broken, good]) == compile_hosts([good])


LINUX_PART = """
host_uid: "00000000-0000-0000-0000-000000000001"
host_name: "h1"
ports {
  id: "port:00000000-0000-0000-0000-000000000004"
  interface: "web" type: PORT_TYPE_VETH bridge: "br-v77" mtu: 1450 mac: "02:00:00:00:00:01"
  peer { netns: "ns" interface: "eth0" }
}
attachments {
  segment_uid: "00000000-0000-0000-0000-000000000003"
  backend: BACKEND_KERNEL linux_bridge: "br-v77"
}
"""


def test_a_host_without_open_vswitch_has_a_linux_bridge_and_knows_every_mac() -> None:
    fleet = ModelFleet()
    fleet.apply(
        host("h1", "192.0.2.1", overlay_bridge_type=BridgeType.LINUX),
        host("h2", "192.0.2.2"),
        segment("red", vni=77),
    )
    peer = VethPeerSpec("ns", "eth0")
    web = port("web", "h1", segment="red", type=PortType.VETH, mac="02:00:00:00:00:01", peer=peer)
    fleet.apply(web, port("far", "h2", segment="red", mac="02:00:00:00:00:02"))
    both = compile_hosts([fleet.host_intent("h1"), fleet.host_intent("h2")]).values()
    parts = {each.part.host_name: each.part for each in both}
    fragments = {each.part.host_name: next(iter(each.fragments.values())) for each in both}
    assert [m.macs for m in fragments["h1"].members] == [
        ["02:00:00:00:00:01"],
        ["02:00:00:00:00:02"],
    ]
    assert [m.macs for m in fragments["h2"].members] == [[], []]
    assert parts["h2"].attachments[0].backend == state_pb2.BACKEND_OVS
    parts["h1"].attachments[0].ClearField("fragment_hash")
    assert parts["h1"] == text_format.Parse(LINUX_PART, state_pb2.HostPart())


def test_a_new_port_changes_what_kernel_members_are_told_and_nobody_else(
    fleet: ModelFleet,
) -> None:
    fleet.apply(host("h3", "2001:db8::3", overlay_bridge_type=BridgeType.LINUX))
    peer = VethPeerSpec("ns", "eth0")
    fleet.apply(port("third", "h3", segment="red", type=PortType.VETH, peer=peer))
    names = ("h1", "h2", "h3")
    before = [compile_host(fleet.host_intent(name)).hash for name in names]
    fleet.apply(port("more", "h2", segment="red"))
    after = [compile_host(fleet.host_intent(name)).hash for name in names]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False]


TUNNEL = """
id: "tunnel:00000000-0000-0000-0000-00000000000a"
bridge: "lan" tag: 9
local_ip: "2001:db8::1" remote_ip: "2001:db8::2"
vni: 500 dst_port: 4790 ttl: "64" tos: "inherit" csum: false
"""


def test_both_ends_of_a_tunnel_are_told_from_their_own_side(fleet: ModelFleet) -> None:
    fleet.apply(bridge("far", "h2", interface="br-far"))
    fleet.apply(
        port("up", "h1", bridge="lan", tag=9, mtu=1300),
        tunnel(
            "wire",
            TunnelEnd("h1", "lan", tag=9),
            TunnelEnd("h2", "far"),
            key=500,
            dst_port=4790,
            address_family=AddressFamily.IPV6,
            ttl=64,
            tos="inherit",
            csum=False,
        ),
    )
    (near,) = compile_host(fleet.host_intent("h1")).part.tunnels
    (far,) = compile_host(fleet.host_intent("h2")).part.tunnels
    expected = text_format.Parse(TUNNEL, state_pb2.Tunnel())
    assert near == expected
    expected.local_ip, expected.remote_ip = expected.remote_ip, expected.local_ip
    expected.bridge, expected.tag = "br-far", 0
    assert far == expected
    confirmed = fleet.revision
    fleet.delete(removal(Kind.TUNNEL, "wire"))
    for name in ("h1", "h2"):
        assert compile_host(fleet.host_intent(name, confirmed=confirmed)).removed == (near.id,)


def test_a_segment_that_came_back_with_the_kernel_takes_its_old_tunnels_away() -> None:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1"), host("h2", "192.0.2.2"), segment("red"))
    ports = [port("a", "h1", segment="red"), port("b", "h2", segment="red")]
    fleet.apply(*ports)
    confirmed = fleet.revision
    fleet.delete(*(removal(Kind.PORT, name) for name in "ab"))
    fleet.apply(segment("red", backend=Backend.KERNEL))
    fleet.apply(*ports)
    compiled = compile_host(fleet.host_intent("h1", confirmed=confirmed))
    red, h2 = "00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-000000000002"
    assert f"tunnel:{red}/{h2}" in compiled.removed
    assert f"segment:{red}" not in compiled.removed


def test_what_was_let_go_of_is_not_taken_away_once_it_is_intended_again(fleet: ModelFleet) -> None:
    intent = fleet.host_intent("h1")
    compiled = compile_host(intent)
    mesh = f"tunnel:{compiled.part.attachments[0].segment_uid}/{fleet.host_intent('h2').host.uid}"
    there = {mesh, "overlay", *(each.id for each in compiled.part.ports)}
    grants = Grants(1, removals=frozenset(there | {"port:gone"}))
    assert compile_host(replace(intent, grants=grants)).removed == ("port:gone",)
