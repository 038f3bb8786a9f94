"""What is foreign on a host, as it is told to the controller; and what the host lacks."""

from __future__ import annotations

import asyncio
import errno
import gzip
import platform
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from ovsfleet.v1 import agent_pb2

from agent.capabilities import capabilities, missing_columns
from agent.controlplane.inventory_codec import LARGEST, encode_inventory
from agent.errors import ErrorKind
from agent.fragments import SegmentFragment, SegmentMember
from agent.host import Sighting
from agent.inventory_report import HASTE_S, MOST_HASTY, PAUSE_S, InventoryReport
from agent.model import (
    BOUND_KEY,
    ID_KEY,
    OWNER_KEY,
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    Tunnel,
)
from agent.netlink import wire
from agent.netlink.features import kernel_features
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort
from agent.ovsdb.snapshot import OvsdbSnapshot
from agent.planner import make_plan
from agent.planner.foreign import MOST_BRIDGES, MOST_PORTS, foreign
from agent.state_features import SESSION_FEATURES, STATE_FEATURES
from tests.support.agent_shell import HandClock
from tests.support.hosts import FLEET, OWN_HOST, bare_host

OURS = {OWNER_KEY: FLEET, ID_KEY: "overlay"}
GUEST = {"iface-id": "vif-1", "attached-mac": "02:00:00:00:00:09", "vm-id": "vm-1"}


def port(name: str, tag: int | None = None, **interface: object) -> OvsPort:
    return OvsPort(name, (OvsInterface(name, **interface),), tag)  # type: ignore[arg-type]


def bridge(name: str, *ports: OvsPort, **columns: object) -> OvsBridge:
    local = port(name, type="internal")
    return OvsBridge(name, (local, *ports), **columns)  # type: ignore[arg-type]


def host(*bridges: OvsBridge, links: tuple[Link, ...] = ()) -> ObservedState:
    return bare_host(
        bridges={each.name: each for each in bridges}, links={each.name: each for each in links}
    )


def told(observed: ObservedState) -> agent_pb2.Inventory:
    return encode_inventory(foreign(observed, FLEET))


def test_a_guests_port_is_told_with_all_that_it_is_recognised_by() -> None:
    tunnel = port("gre0", type="gre", options={"remote_ip": "203.0.113.9"}, error="no route")
    guest = port("tap1", tag=7, external_ids=GUEST)
    found = told(host(bridge("br-int", tunnel, guest, datapath_type="system", fail_mode="secure")))
    (row,) = found.bridges
    assert (row.name, row.datapath_type, row.fail_mode, row.is_ours) == (
        *("br-int", "system", "secure"),
        False,
    )
    assert [(each.name, each.tag) for each in row.ports] == [("gre0", 0), ("tap1", 7)]
    assert row.ports[0].interfaces[0] == agent_pb2.ForeignInterface(
        name="gre0", type="gre", error="no route", remote_ip="203.0.113.9"
    )
    assert row.ports[1].interfaces[0] == agent_pb2.ForeignInterface(
        name="tap1", iface_id="vif-1", attached_mac="02:00:00:00:00:09", vm_id="vm-1"
    )


def test_a_bridge_of_ours_is_told_only_for_what_others_put_on_it() -> None:
    ours = bridge("br-fleet", port("tap1", tag=3), external_ids=OURS)
    assert [each.is_ours for each in told(host(ours)).bridges] == [True]
    alone = told(host(bridge("br-fleet", external_ids=OURS)))
    assert (list(alone.bridges), alone.bridges_total) == ([], 0)


def test_a_device_is_told_unless_it_is_the_loopback_or_made_by_open_vswitch() -> None:
    card = Link("eth0", 2, mac="02:00:00:00:00:01", up=True, addresses=frozenset({"192.0.2.1/24"}))
    others = (
        Link("lo", 1),
        Link("br-int", 3, "tun"),
        Link("ovs-netdev", 4, "tun"),
        Link("ovs-system", 5, "openvswitch"),
        Link("vxlan_sys_4789", 6, "vxlan"),
        Link("genev_sys_6081", 7, "geneve"),
    )
    found = told(host(bridge("br-int"), links=(card, *others)))
    assert list(found.links) == [
        agent_pb2.ForeignLink(
            name="eth0", mac="02:00:00:00:00:01", mtu=1500, up=True, addresses=["192.0.2.1/24"]
        )
    ]


def test_what_is_too_much_is_counted_and_what_is_on_our_bridges_is_left_out_last() -> None:
    many = tuple(port(f"tap{number}") for number in range(MOST_PORTS - 1))
    ours = bridge("br-fleet", port("x1"), port("x2"), external_ids=OURS)
    empty = tuple(bridge(f"b{number}") for number in range(MOST_BRIDGES))
    found = told(host(bridge("a-first", *many), ours, *empty))
    assert [len(each.ports) for each in found.bridges[:2]] == [2, MOST_PORTS - 2]
    assert found.bridges[0].is_ours
    assert (len(found.bridges), found.bridges_total) == (MOST_BRIDGES, MOST_BRIDGES + 2)
    assert found.ports_total == MOST_PORTS + 1


def test_an_inventory_of_very_long_words_still_fits_into_a_message() -> None:
    ids = {"iface-id": "x" * 4000, "vm-id": "y" * 4000}
    interfaces = tuple(OvsInterface(f"tap{number}", external_ids=ids) for number in range(16_000))
    found = told(host(bridge("br-int", *(OvsPort(each.name, (each,) * 8) for each in interfaces))))
    assert 0 < found.ByteSize() <= LARGEST
    assert found.ports_total == 16_000


def test_a_port_of_very_many_interfaces_still_fits_into_a_message() -> None:
    ids = dict.fromkeys(GUEST, "y" * 253)
    interfaces = tuple(OvsInterface(f"tap{number}", external_ids=ids) for number in range(3_000))
    found = told(host(bridge("br-int", OvsPort("bond", interfaces))))
    assert 0 < found.ByteSize() <= LARGEST


class HeldClock(HandClock):
    """Whoever waits does so until what he waits for happens, or the test lets the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.passed: asyncio.Queue[None] = asyncio.Queue()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        waiting = [asyncio.create_task(self.passed.get()), asyncio.create_task(event.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting[0].done():
            self.time += seconds
        for each in waiting:
            each.cancel()


@asynccontextmanager
async def reporting() -> AsyncIterator[tuple[InventoryReport, HeldClock, asyncio.Queue[str]]]:
    """The names of the ports, or the bridge, of each inventory that is told."""
    said: asyncio.Queue[str] = asyncio.Queue()

    def say(inventory: agent_pb2.Inventory) -> None:
        (row,) = inventory.bridges
        said.put_nowait(" ".join(each.name for each in row.ports) or row.name)

    clock = HeldClock()
    report = InventoryReport(FLEET, say, clock)
    async with asyncio.timeout(60):
        task = asyncio.create_task(report.run())
        yield report, clock, said
    task.cancel()


async def test_an_inventory_is_told_at_once_and_the_newest_one_after_a_pause() -> None:
    async with reporting() as (report, clock, said):
        report.see(host(bridge("one")))
        assert await said.get() == "one"
        for name in ("two", "three"):
            report.see(host(bridge(name)))
            assert await clock.asked.get() == PAUSE_S
        clock.passed.put_nowait(None)
        assert await said.get() == "three"
        assert said.empty()


def guests(number: int) -> ObservedState:
    taps = [port(f"t{each:02}", external_ids={"iface-id": f"vif-{each}"}) for each in range(number)]
    return host(bridge("br-int", *taps))


async def test_a_guest_that_is_plugged_in_does_not_wait_unless_there_is_a_flood() -> None:
    async with reporting() as (report, clock, said):
        report.see(guests(1))
        assert await said.get() == "t00"
        for number in range(2, MOST_HASTY + 2):
            report.see(guests(number))
            assert await clock.asked.get() == HASTE_S
            clock.passed.put_nowait(None)
            assert (await said.get()).split()[-1] == f"t{number - 1:02}"
        report.see(guests(0))
        assert await clock.asked.get() == PAUSE_S
        clock.passed.put_nowait(None)
        assert await said.get() == "br-int"
        report.see(guests(1))  # what passed has made room
        assert await clock.asked.get() == HASTE_S


async def test_a_guest_that_comes_during_a_pause_cuts_it_short() -> None:
    async with reporting() as (report, clock, said):
        report.see(guests(1))
        await said.get()
        report.see(host(bridge("br-int", port("t00", tag=3, external_ids={"iface-id": "vif-0"}))))
        assert await clock.asked.get() == PAUSE_S
        report.see(guests(2))
        assert await clock.asked.get() == HASTE_S
        clock.passed.put_nowait(None)
        assert await said.get() == "t00 t01"


async def test_a_guest_that_comes_while_iface_ids_are_compared_is_not_overlooked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with reporting() as (report, clock, said):
        report.see(guests(1))
        await said.get()
        aside = asyncio.to_thread

        async def meanwhile(work: object, seen: ObservedState) -> object:
            monkeypatch.setattr(asyncio, "to_thread", aside)
            report.see(guests(2))
            return await aside(work, seen)  # type: ignore[arg-type]

        monkeypatch.setattr(asyncio, "to_thread", meanwhile)
        report.see(guests(1))
        assert await clock.asked.get() == PAUSE_S
        assert await clock.asked.get() == HASTE_S


def test_a_port_is_told_as_bound_while_it_is_in_the_vlan_that_intent_has_for_it() -> None:
    marked = replace(
        port("tap1", tag=7, external_ids=GUEST), external_ids={BOUND_KEY: f"{FLEET}/port:x"}
    )
    wish = Port("port:x", "", PortType.BOUND, "br-fleet", 7, iface_id="vif-1")
    for ports, bound in (
        ((wish,), True),
        ((replace(wish, tag=8),), False),  # it is to leave, and nobody is to get VLAN 7 till then
        ((replace(wish, iface_id="vif-2"),), False),
        ((), False),
    ):
        seen = host(bridge("br-fleet", marked, external_ids=OURS))
        (row,) = encode_inventory(foreign(seen, FLEET, ports)).bridges
        assert [(each.tag, each.interfaces[0].bound) for each in row.ports] == [(7, bound)]


def sighting(observed: ObservedState, **snapshot: object) -> Sighting:
    fields = {
        "bridges": {},
        "vswitchd_running": True,
        "datapath_types": frozenset({"system", "netdev"}),
        "iface_types": frozenset({"vxlan"}),
        "ovs_version": "3.1.0",
        "seqno": 0,
    }
    return Sighting(observed, OvsdbSnapshot(**(fields | snapshot)))  # type: ignore[arg-type]


def test_capabilities_name_what_the_host_has_and_which_columns_it_lacks() -> None:
    columns = dict(bare_host().columns)
    columns["Port"] -= {"cvlans"}
    seen = sighting(
        replace(bare_host(), columns=columns, ipv6=False),
        db_version="8.3.1",
        dpdk=True,
        hw_offload=True,
        tc_policy="skip_sw",
    )
    said = capabilities(seen, {"vxlan", "bridge"})
    assert said == agent_pb2.Capabilities(
        ovs_version="3.1.0",
        datapath_types=["netdev", "system"],
        iface_types=["vxlan"],
        kernel_release=platform.release(),
        ipv4=True,
        ipv6=False,
        ovsdb_schema="8.3.1",
        dpdk=True,
        hw_offload=True,
        tc_policy="skip_sw",
        missing_columns=["Port.cvlans"],
        kernel_features=["bridge", "vxlan"],
        state_features=sorted(STATE_FEATURES),
        session_features=sorted(SESSION_FEATURES),
    )
    assert missing_columns(bare_host()) == []


def test_features_are_those_that_the_kernel_says_it_has(tmp_path: Path) -> None:
    shipped = tmp_path / "lib/modules" / platform.release()
    shipped.mkdir(parents=True)
    (shipped / "modules.dep").write_text(
        "kernel/net/8021q/8021q.ko.xz: kernel/net/802/garp.ko.xz kernel/drivers/net/tun.ko\n"
    )
    (shipped / "modules.builtin").write_text("kernel/drivers/net/veth.ko\n")
    (tmp_path / "sys/module/openvswitch").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    config = b"CONFIG_BRIDGE=y\nCONFIG_BRIDGE_VLAN_FILTERING=y\nCONFIG_BONDING=m\n# CONFIG_TUN\n"
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(config))
    found = kernel_features(tmp_path) - {"ifa_proto"}
    assert found == {"bridge", "bridge_vlan_filtering", "openvswitch", "veth", "vlan"}


def test_a_kernel_that_tells_nothing_is_known_for_nothing(tmp_path: Path) -> None:
    assert kernel_features(tmp_path) <= {"ifa_proto"}


V6 = SegmentFragment(
    b"f", "S", 10001, 4789, 1450, (SegmentMember(OWN_HOST, OWN_HOST, "2001:db8::1"),)
)
SEGMENT_OF_V6 = HostState(
    FLEET,
    1,
    1,
    b"any",
    OWN_HOST,
    OWN_HOST,
    overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
    attachments=(SegmentAttachment("S", 2, b"f"),),
    fragments={b"f": V6},
)
LAN = Bridge("bridge:a", "br-a", DatapathType.NETDEV)
TUNNEL = Tunnel("tunnel:x", "br-a", "2001:db8::1", "2001:db8::9", 20001, 4789)


@pytest.mark.parametrize(
    "desired",
    [
        SEGMENT_OF_V6,
        replace(SEGMENT_OF_V6, attachments=(SegmentAttachment("S", 2, b"f", Backend.KERNEL),)),
        replace(
            SEGMENT_OF_V6, attachments=(SegmentAttachment("S", 0, b"f", Backend.KERNEL, "br-v1"),)
        ),
        replace(SEGMENT_OF_V6, attachments=(), fragments={}, bridges=(LAN,), tunnels=(TUNNEL,)),
    ],
    ids=["by Open vSwitch", "by the kernel", "on a Linux bridge", "explicit"],
)
def test_an_ipv6_vtep_is_unsupported_where_the_kernel_has_no_ipv6(desired: HostState) -> None:
    assert make_plan(desired, bare_host()).failures == ()
    (failure,) = make_plan(desired, bare_host(ipv6=False)).failures
    assert (failure.kind, failure.reason) == (ErrorKind.UNSUPPORTED, "Ipv6Unavailable")
    assert "2001:db8::1" in failure.message


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"CONFIG_TUN=y", mtime=0)[:-9]],
    ids=["empty", "no gzip", "cut off"],
)
def test_a_configuration_that_cannot_be_unpacked_tells_nothing(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(content)
    assert kernel_features(tmp_path) <= {"ifa_proto"}


def test_addresses_that_cannot_be_read_keep_nothing_from_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(wire, "conversation", refused)
    assert kernel_features(tmp_path) == frozenset()
