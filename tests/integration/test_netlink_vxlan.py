"""Kernel vxlan devices, their forwarding tables and Linux bridges, made by the planner's steps."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable
from dataclasses import replace

import pytest

from agent.errors import ErrorKind, Failure
from agent.model import BROADCAST_FDB
from agent.netlink import Netlink, NetlinkSnapshot
from agent.netlink.netns import call_in
from agent.observed import FdbEntry, Vxlan
from agent.planner.plan import (
    AddFdb,
    CreateLinuxBridge,
    CreateVxlan,
    DeleteFdb,
    DeleteLink,
    NetlinkStep,
    SetLink,
)
from tests.support.netlink import execute, look, refused, with_netlink
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration

RESOURCE = "segment:1"
ALIAS = f"ovsfleet:fleet:{RESOURCE}"
TUNNEL = Vxlan(vni=7001, local_ip="192.0.2.1", dst_port=8472)
DEVICE = CreateVxlan(RESOURCE, "kx7001", ALIAS, TUNNEL, "0a:00:00:00:00:01", 1450)
BRIDGE = CreateLinuxBridge(RESOURCE, "br-v7001", ALIAS, "0a:00:00:00:00:02", 1450)
UP = SetLink(RESOURCE, None, "kx7001", up=True)

FLOODED = (FdbEntry(BROADCAST_FDB, "192.0.2.2"), FdbEntry(BROADCAST_FDB, "192.0.2.3"))
KNOWN = (FdbEntry("0a:01:00:00:00:02", "192.0.2.2"), FdbEntry("0a:01:00:00:00:03", "192.0.2.3"))


def add(*entries: FdbEntry) -> AddFdb:
    return AddFdb(RESOURCE, "kx7001", entries)


def delete(host: Namespace, *entries: FdbEntry) -> DeleteFdb:
    return DeleteFdb(RESOURCE, "kx7001", entries, look(host)[0]["kx7001"].ifindex)


def seen(host: Namespace) -> NetlinkSnapshot:
    found: list[NetlinkSnapshot] = []

    async def body(netlink: Netlink) -> None:
        found.append(await netlink.observe([]))

    with_netlink(host, body)
    return found[0]


def table(host: Namespace) -> frozenset[FdbEntry]:
    return seen(host).fdb["kx7001"]


def done(host: Namespace, *steps: NetlinkStep) -> None:
    assert execute(host, *steps) == [None] * len(steps)


def by_hand(host: Namespace, *arguments: str) -> None:
    subprocess.run(["bridge", "-n", host.name, "fdb", *arguments], check=True)


def messages(answers: Iterable[Failure | None]) -> str:
    return " ".join(each.message for each in answers if each is not None)


@pytest.mark.parametrize(
    "tunnel", [TUNNEL, replace(TUNNEL, local_ip="2001:db8::1")], ids=["ipv4", "ipv6"]
)
def test_a_vxlan_device_is_made_with_all_that_it_is(netns: Namespace, tunnel: Vxlan) -> None:
    done(netns, replace(DEVICE, vxlan=tunnel))
    link = look(netns)[0]["kx7001"]
    assert (link.kind, link.alias, link.mac, link.mtu) == ("vxlan", ALIAS, DEVICE.mac, 1450)
    assert link.vxlan == tunnel
    assert not link.up


def test_a_linux_bridge_is_made_with_all_that_it_is(netns: Namespace) -> None:
    done(netns, BRIDGE)
    link = look(netns)[0]["br-v7001"]
    assert (link.kind, link.alias, link.mac, link.mtu) == ("bridge", ALIAS, BRIDGE.mac, 1450)
    assert not link.up


def test_what_is_ours_already_is_made_no_second_time(netns: Namespace) -> None:
    done(netns, DEVICE, BRIDGE)
    before = look(netns)
    done(netns, DEVICE, BRIDGE)
    assert look(netns) == before


def test_the_host_gets_no_address_on_a_segment_by_itself(netns: Namespace) -> None:
    done(netns, BRIDGE, DEVICE, UP, replace(UP, name="br-v7001"))
    found = netns.ip_json("address", "show", "up")
    given = {each["ifname"]: each["addr_info"] for each in found if each["ifname"] != "lo"}
    assert given == {"kx7001": [], "br-v7001": []}


def test_a_device_too_small_for_ipv6_is_made_all_the_same(netns: Namespace) -> None:
    done(netns, replace(DEVICE, mtu=1200), replace(BRIDGE, mtu=1200), UP)
    assert look(netns)[0]["kx7001"].alias == ALIAS


@pytest.mark.parametrize("step", [DEVICE, BRIDGE], ids=["vxlan", "bridge"])
def test_a_foreign_device_with_our_name_is_a_conflict_and_stays(
    netns: Namespace, step: CreateVxlan | CreateLinuxBridge
) -> None:
    netns.ip("link", "add", step.name, "type", "bridge")
    before = look(netns)
    assert refused(execute(netns, step)) == (ErrorKind.CONFLICT, "NameTaken")
    assert look(netns) == before


def test_a_vni_that_another_device_has_is_named_with_that_device(netns: Namespace) -> None:
    netns.ip("link", "add", "theirs", "type", "vxlan", "id", "7001", "dstport", "8472")
    answers = execute(netns, DEVICE)
    assert refused(answers) == (ErrorKind.CONFLICT, "VniTaken")
    assert "theirs" in messages(answers)
    assert "kx7001" not in look(netns)[0]


def test_a_udp_port_that_another_device_has_is_named_with_that_device(netns: Namespace) -> None:
    netns.ip("link", "add", "theirs", "up", "type", "vxlan", "external", "dstport", "8472")
    done(netns, DEVICE)
    answers = execute(netns, UP)
    assert refused(answers) == (ErrorKind.CONFLICT, "UdpPortTaken")
    assert "UDP port 8472 is taken by vxlan theirs, which is not ours" in messages(answers)


def test_a_udp_port_that_a_program_has_is_named(netns: Namespace) -> None:
    def take() -> socket.socket:
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("", 8472))
        return taken

    done(netns, DEVICE)
    with call_in(netns.name, take):
        answers = execute(netns, UP)
    assert refused(answers) == (ErrorKind.CONFLICT, "UdpPortTaken")
    assert "ss -lunp 'sport = :8472'" in messages(answers)
    done(netns, UP)


# --- the forwarding table ------------------------------------------------------------------------


def test_entries_are_added_once_and_taken_away_one_by_one(netns: Namespace) -> None:
    done(netns, DEVICE, add(*FLOODED, *KNOWN), add(*FLOODED, *KNOWN))
    assert table(netns) == {*FLOODED, *KNOWN}
    listed = subprocess.run(
        ["bridge", "-n", netns.name, "fdb", "show", "dev", "kx7001"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(listed) == 4
    assert all("self extern_learn permanent" in line for line in listed)
    gone = delete(netns, FLOODED[0], KNOWN[1])
    done(netns, gone, gone)
    assert table(netns) == {FLOODED[1], KNOWN[0]}


def test_entries_lead_to_ipv6_addresses_as_well(netns: Namespace) -> None:
    far = (FdbEntry(BROADCAST_FDB, "2001:db8::2"), FdbEntry(KNOWN[0].mac, "2001:db8::2"))
    done(netns, replace(DEVICE, vxlan=replace(TUNNEL, local_ip="2001:db8::1")), add(*far))
    assert table(netns) == {*far}


def test_an_address_that_moved_leads_to_one_place(netns: Namespace) -> None:
    done(netns, DEVICE, add(*KNOWN))
    moved = replace(KNOWN[0], dst="192.0.2.3")
    done(netns, add(moved))
    assert table(netns) == {moved, KNOWN[1]}
    done(netns, delete(netns, KNOWN[0]))
    assert table(netns) == {moved, KNOWN[1]}


def test_an_entry_of_somebody_else_is_neither_ours_nor_replaced(netns: Namespace) -> None:
    done(netns, DEVICE)
    by_hand(netns, "add", KNOWN[0].mac, "dev", "kx7001", "dst", "192.0.2.9", "self")
    assert table(netns) == frozenset()
    answers = execute(netns, add(*KNOWN))
    assert refused(answers) == (ErrorKind.CONFLICT, "FdbEntryTaken")
    assert f"bridge fdb del {KNOWN[0].mac} dev kx7001 self" in messages(answers)
    assert table(netns) == {KNOWN[1]}
    by_hand(netns, "del", KNOWN[0].mac, "dev", "kx7001", "self")
    done(netns, add(*KNOWN))
    assert table(netns) == {*KNOWN}


def test_whatever_is_in_the_flood_list_is_seen_and_can_be_taken_away(netns: Namespace) -> None:
    done(netns, DEVICE, add(*FLOODED))
    by_hand(netns, "append", BROADCAST_FDB, "dev", "kx7001", "dst", "192.0.2.9", "self")
    extra = FdbEntry(BROADCAST_FDB, "192.0.2.9")
    assert table(netns) == {*FLOODED, extra}
    done(netns, delete(netns, extra))
    assert table(netns) == {*FLOODED}


def test_a_table_is_read_of_our_devices_only_and_without_what_their_bridge_learned(
    netns: Namespace,
) -> None:
    netns.ip("link", "add", "theirs", "type", "vxlan", "id", "9", "dstport", "4444")
    by_hand(netns, "add", KNOWN[0].mac, "dev", "theirs", "dst", "192.0.2.9", "self")
    placed = SetLink(RESOURCE, None, "kx7001", master="br-v7001")
    done(netns, BRIDGE, DEVICE, placed, replace(UP, name="br-v7001"), UP)
    by_hand(netns, "add", KNOWN[1].mac, "dev", "kx7001", "master", "dynamic")
    assert seen(netns).fdb == {"kx7001": frozenset()}


def test_a_table_of_ten_thousand_entries_is_written_and_read(netns: Namespace) -> None:
    macs = (f"0a:02:00:00:{n >> 8:02x}:{n & 255:02x}" for n in range(10_000))
    many = tuple(FdbEntry(mac, f"198.51.100.{n % 250 + 1}") for n, mac in enumerate(macs))

    async def body(netlink: Netlink) -> None:
        assert await netlink.apply(DEVICE) is None
        written = netlink.write_count
        assert await netlink.apply(add(*many)) is None
        assert netlink.write_count == written + len(many)
        assert (await netlink.observe([])).fdb["kx7001"] == {*many}
        assert netlink.write_count == written + len(many)

    with_netlink(netns, body)


def test_a_table_of_a_device_that_went_away_is_not_somebody_elses(netns: Namespace) -> None:
    done(netns, DEVICE)
    index = look(netns)[0]["kx7001"].ifindex
    done(netns, DeleteLink(RESOURCE, "kx7001", index, ALIAS))
    netns.ip("link", "add", "kx7001", "type", "vxlan", "id", "9", "dstport", "4444")
    for step in (
        AddFdb(RESOURCE, "kx7001", KNOWN, index),
        DeleteFdb(RESOURCE, "kx7001", KNOWN, index),
        add(*KNOWN),
    ):
        assert refused(execute(netns, step)) == (ErrorKind.TRANSIENT, "DeviceMissing")


# --- masters -------------------------------------------------------------------------------------


def test_a_device_is_enslaved_and_released(netns: Namespace) -> None:
    done(netns, BRIDGE, DEVICE, SetLink(RESOURCE, None, "kx7001", master="br-v7001"))
    assert look(netns)[0]["kx7001"].master == "br-v7001"
    done(netns, SetLink(RESOURCE, None, "kx7001", master=""))
    assert look(netns)[0]["kx7001"].master == ""


def test_a_device_that_something_else_receives_for_is_a_conflict_that_names_it(
    netns: Namespace,
) -> None:
    done(netns, BRIDGE, DEVICE)
    netns.ip("link", "add", "mv0", "link", "kx7001", "type", "macvlan")
    answers = execute(netns, SetLink(RESOURCE, None, "kx7001", master="br-v7001"))
    assert refused(answers) == (ErrorKind.CONFLICT, "DeviceBusy")
    assert "macvlan mv0 receives its frames" in messages(answers)


def test_a_foreign_bridge_is_no_master_for_a_device_of_ours(netns: Namespace) -> None:
    netns.ip("link", "add", "br-v7001", "type", "bridge")
    done(netns, DEVICE)
    answers = execute(netns, SetLink(RESOURCE, None, "kx7001", master="br-v7001"))
    assert refused(answers) == (ErrorKind.TRANSIENT, "DeviceMissing")
    assert look(netns)[0]["kx7001"].master == ""
