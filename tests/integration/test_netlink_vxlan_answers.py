"""What kernel vxlan devices are told besides their tables: attributes, and who has an address."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from agent.errors import ErrorKind
from agent.fragments import ArpMode, Neighbour, SegmentFragment, SegmentMember
from agent.model import Backend, HostState, Port, PortType, SegmentAttachment, VethPeer
from agent.observed import FdbEntry, Vxlan
from agent.planner import make_plan
from agent.planner.bridge_steps import SetBridgePort
from agent.planner.plan import (
    AddFdb,
    AddNeighbours,
    CreateVxlan,
    DeleteNeighbours,
    SetLink,
    SetVxlan,
)
from agent.vxlan_attributes import FIXED, VXLAN
from tests.integration.test_netlink_vxlan import BRIDGE, DEVICE, RESOURCE, UP, done, seen
from tests.support.agent_contract import FLEET, RealHost, on_real
from tests.support.agent_frames import BROADCAST, Tap
from tests.support.netlink import execute, look, refused
from tests.support.netns import Namespace
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

V4 = {
    "IFLA_VXLAN_TTL": 32,
    "IFLA_VXLAN_TOS": 1,
    "IFLA_VXLAN_DF": 1,
    "IFLA_VXLAN_UDP_CSUM": 0,
    "IFLA_VXLAN_GBP": 1,
    "IFLA_VXLAN_PORT_RANGE": 40000 << 16 | 50000,
}
V6 = {
    "IFLA_VXLAN_TTL_INHERIT": 1,
    "IFLA_VXLAN_LABEL": 77,
    "IFLA_VXLAN_UDP_ZERO_CSUM6_TX": 1,
}
"""Between both, all that there are."""
OWN_MAC, OWN_IP = "0a:01:00:00:00:01", "198.51.100.1"
KNOWN, UNKNOWN = Neighbour("198.51.100.2", "0a:01:00:00:00:02"), "198.51.100.9"


def made(local_ip: str, attributes: dict[str, int]) -> CreateVxlan:
    vxlan = Vxlan(7001, local_ip, 8472, proxy=True, attributes=attributes)
    return replace(DEVICE, vxlan=vxlan)


def shown(host: Namespace) -> dict[str, object]:
    """What ip(8) says of the device."""
    (link,) = host.ip_json("link", "show", "kx7001")
    return dict(link["linkinfo"]["info_data"])


def test_every_attribute_is_made_and_read_back(netns: Namespace) -> None:
    assert V4.keys() | V6.keys() == VXLAN.keys()
    done(netns, made("192.0.2.1", V4))
    assert look(netns)[0]["kx7001"].vxlan == made("192.0.2.1", V4).vxlan
    found = shown(netns)
    assert (found["ttl"], found["tos"], found["df"]) == (32, "0x1", "set")
    assert (found["gbp"], found["udp_csum"], found["proxy"]) == (True, False, True)
    assert found["port_range"] == {"low": 40000, "high": 50000}


def test_what_is_only_for_ipv6_is_made_and_read_back(netns: Namespace) -> None:
    done(netns, made("2001:db8::1", V6))
    assert look(netns)[0]["kx7001"].vxlan == made("2001:db8::1", V6).vxlan
    found = shown(netns)
    assert (found["label"], found["udp_zero_csum6_tx"]) == ("0x4d", True)


def test_a_living_device_changes_its_address_and_what_it_sends(netns: Namespace) -> None:
    done(netns, made("192.0.2.1", {"IFLA_VXLAN_TTL": 32}), UP)
    before = look(netns)[0]["kx7001"]
    wanted = {"IFLA_VXLAN_TTL": 0, "IFLA_VXLAN_TOS": 4, "IFLA_VXLAN_DF": 2}
    done(netns, SetVxlan(RESOURCE, "kx7001", before.ifindex, wanted, "192.0.2.9"))
    attributes = {"IFLA_VXLAN_TOS": 4, "IFLA_VXLAN_DF": 2}
    after = replace(made("192.0.2.9", attributes).vxlan)
    assert look(netns)[0]["kx7001"] == replace(before, vxlan=after)


@pytest.mark.parametrize("name", sorted(V4.keys() & FIXED.keys()))
def test_what_a_living_device_lets_nobody_change_is_refused(netns: Namespace, name: str) -> None:
    """So that a kernel which allows it one day is noticed."""
    done(netns, made("192.0.2.1", {}))
    index = look(netns)[0]["kx7001"].ifindex
    (failure,) = execute(netns, SetVxlan(RESOURCE, "kx7001", index, {name: V4[name]}))
    assert failure is not None
    assert failure.resource == RESOURCE


# --- neighbours ----------------------------------------------------------------------------------


def test_neighbours_come_change_and_go_and_those_of_others_stay(netns: Namespace) -> None:
    done(netns, DEVICE, UP)
    index = look(netns)[0]["kx7001"].ifindex
    other, theirs = Neighbour("198.51.100.3", KNOWN.mac), Neighbour("198.51.100.4", KNOWN.mac)
    netns.ip("neigh", "add", theirs.ip, "lladdr", "0a:09:00:00:00:09", "dev", "kx7001")
    add = AddNeighbours(RESOURCE, "kx7001", (KNOWN, other))
    done(netns, add, add)
    assert seen(netns).neighbours == {"kx7001": {KNOWN, other}}
    moved = replace(KNOWN, mac="0a:01:00:00:00:07")
    done(netns, replace(add, entries=(moved,)))
    assert seen(netns).neighbours == {"kx7001": {moved, other}}
    answers = execute(netns, replace(add, entries=(theirs,)))
    assert refused(answers) == (ErrorKind.CONFLICT, "NeighbourTaken")
    done(netns, DeleteNeighbours(RESOURCE, "kx7001", (moved, theirs), index))
    assert seen(netns).neighbours == {"kx7001": {other}}
    assert "0a:09:00:00:00:09" in netns.ip("neigh", "show", theirs.ip)


def test_a_bridge_is_told_what_is_behind_a_device_until_it_learns_better(netns: Namespace) -> None:
    behind = FdbEntry(KNOWN.mac, "")
    placed = SetLink(RESOURCE, None, "kx7001", master="br-v7001")
    done(netns, BRIDGE, DEVICE, placed, replace(UP, name="br-v7001"), UP)
    done(netns, AddFdb(RESOURCE, "kx7001", (behind,)))
    assert seen(netns).fdb == {"kx7001": {behind}}
    done(netns, replace(placed, master=""))
    assert seen(netns).fdb == {"kx7001": frozenset()}


def test_what_a_bridge_has_learned_elsewhere_stays_there(netns: Namespace) -> None:
    behind = FdbEntry(KNOWN.mac, "")
    placed = SetLink(RESOURCE, None, "kx7001", master="br-v7001")
    done(netns, BRIDGE, DEVICE, placed, replace(UP, name="br-v7001"), UP)
    index = look(netns)[0]["kx7001"].ifindex
    done(netns, SetBridgePort(RESOURCE, "kx7001", (("IFLA_BRPORT_NEIGH_SUPPRESS", 1),), index))
    netns.ip("link", "add", "near", "type", "veth", "peer", "name", "far")
    netns.ip("link", "set", "near", "master", "br-v7001", "up")
    netns.ip("link", "set", "far", "up")
    learn = ("bridge", "fdb", "replace", KNOWN.mac, "master", "dynamic", "dev")
    netns.exec(*learn, "near")
    assert KNOWN.mac in seen(netns).learned["kx7001"]
    done(netns, AddFdb(RESOURCE, "kx7001", (behind,)))
    assert seen(netns).fdb == {"kx7001": frozenset()}
    assert "near" in netns.exec("bridge", "fdb", "get", KNOWN.mac, "br", "br-v7001")
    netns.exec(*learn, "kx7001")
    assert KNOWN.mac not in seen(netns).learned["kx7001"]
    done(netns, AddFdb(RESOURCE, "kx7001", (behind,)))
    assert seen(netns).fdb == {"kx7001": {behind}}


# --- who answers ---------------------------------------------------------------------------------


def state(workload: Namespace, mode: ArpMode) -> HostState:
    """A segment on a Linux bridge, with one port here and one on another host."""
    own = SegmentMember("h1", "h1", "192.0.2.1", (OWN_MAC,), (Neighbour(OWN_IP, OWN_MAC),))
    other = SegmentMember("h2", "h2", "192.0.2.2", (KNOWN.mac,), (KNOWN,))
    name = f"f{mode}".encode()
    fragment = SegmentFragment(name, "s", 7001, 8472, 1400, (own, other), arp_mode=mode)
    peer = VethPeer(workload.name, "eth0")
    port = Port("port:1", "ve0", PortType.VETH, "br-v7001", mac=OWN_MAC, mtu=1400, peer=peer)
    attachment = SegmentAttachment("s", 0, name, Backend.KERNEL, "br-v7001")
    bare = HostState(FLEET, 1, 1, name, "h1", "h1")
    return replace(bare, ports=(port,), attachments=(attachment,), fragments={name: fragment})


def realize(host: Namespace, desired: HostState) -> None:
    async def body(real: RealHost) -> None:
        assert await real.run(make_plan(desired, await real.look())) == ()
        assert make_plan(desired, await real.look()).describe() == ()

    on_real(host, None, desired, body)


def request(ip: str) -> bytes:
    """Who has ``ip``? (RFC 826)"""
    mac = bytes.fromhex(OWN_MAC.replace(":", ""))
    head = bytes.fromhex(BROADCAST.replace(":", "")) + mac + struct.pack("!H", 0x0806)
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + socket.inet_aton(OWN_IP)
    return (head + body + bytes(6) + socket.inet_aton(ip)).ljust(60, b"\0")


class Asking:
    """A workload that asks, and whoever hears of it on the wire between the hosts."""

    def __init__(self, inside: Tap, wire: Tap) -> None:
        self._inside, self._wire = inside, wire

    def is_answered(self, ip: str) -> bool:
        self._inside.send_raw(request(ip))
        reply = struct.pack("!H", 2) + bytes.fromhex(KNOWN.mac.replace(":", ""))
        found: list[bytes] = []

        def arrived() -> bool:
            found.extend(self._inside.heard())
            return any(reply + socket.inet_aton(ip) in frame for frame in found)

        eventually(arrived, within=60, what=f"an answer for {ip}")
        return not self._passed(ip)

    def is_flooded(self, ip: str) -> bool:
        """A frame for an unknown host follows, so that nothing is left on its way."""
        self._inside.send_raw(request(ip))
        marker = b"last word"
        self._inside.send(OWN_MAC, BROADCAST, marker.decode())
        frames: list[bytes] = []

        def passed() -> bool:
            frames.extend(self._wire.heard())
            return any(marker.split()[0] in frame for frame in frames)

        eventually(passed, within=60, what="the frame that follows")
        return any(socket.inet_aton(ip) in frame for frame in frames)

    def _passed(self, ip: str) -> bool:
        return any(socket.inet_aton(ip) in frame for frame in self._wire.heard())


@contextmanager
def asking(host: Namespace, workload: Namespace) -> Iterator[Asking]:
    inside, wire = Tap(workload, "eth0"), Tap(host, "u1")
    try:
        yield Asking(inside, wire)
    finally:
        inside.close()
        wire.close()


@pytest.fixture
def underlay(netns: Namespace) -> Namespace:
    """The host, with a way to the other one."""
    netns.ip("link", "add", "u0", "type", "veth", "peer", "name", "u1")
    netns.ip("address", "add", "192.0.2.1/24", "dev", "u0")
    for name in ("u0", "u1"):
        netns.ip("link", "set", name, "up")
    netns.ip("neigh", "add", "192.0.2.2", "lladdr", "0a:02:00:00:00:02", "dev", "u0")
    return netns


def test_a_known_address_is_answered_here_and_an_unknown_one_goes_as_the_mode_says(
    underlay: Namespace, workload_netns: Namespace
) -> None:
    for mode, is_flooded in (
        (ArpMode.SUPPRESS, True),
        (ArpMode.STRICT, False),
        (ArpMode.SUPPRESS, True),
    ):
        realize(underlay, state(workload_netns, mode))
        with asking(underlay, workload_netns) as asked:
            assert asked.is_answered(KNOWN.ip)
            assert asked.is_flooded(UNKNOWN) == is_flooded
    realize(underlay, state(workload_netns, ArpMode.FLOOD))
    with asking(underlay, workload_netns) as asked:
        assert asked.is_flooded(KNOWN.ip)
    assert seen(underlay).neighbours == {}


def test_neighbours_that_somebody_deleted_come_back(
    underlay: Namespace, workload_netns: Namespace
) -> None:
    desired = state(workload_netns, ArpMode.SUPPRESS)
    realize(underlay, desired)
    underlay.ip("neigh", "del", KNOWN.ip, "dev", "br-v7001")
    underlay.ip("link", "set", "kx7001", "type", "bridge_slave", "neigh_suppress", "off")
    realize(underlay, desired)
    assert seen(underlay).neighbours == {"br-v7001": {KNOWN}}
