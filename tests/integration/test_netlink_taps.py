"""TAP devices on the real kernel: made with their mark, kept, given to somebody."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.errors import ErrorKind
from agent.model import Bridge, DatapathType, HostState, Port, PortType, TapOwner
from agent.netlink import taps
from agent.netlink.netns import call_in
from agent.planner import make_plan
from agent.planner.plan import CreateTap, DeleteLink, SetTapOwner
from tests.support.agent_contract import FLEET, RealHost, on_real
from tests.support.netlink import execute, look, refused
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

ALIAS = "ovsfleet:fleet:port:1"
TAP = CreateTap("port:1", "tap0", ALIAS, 1400, TapOwner(uid=107, gid=64055))


@contextmanager
def virtual_machine(host: Namespace, name: str) -> Iterator[int]:
    """Whoever has a TAP device open reads and writes its frames."""

    def attach() -> int:
        opened = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(opened, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))
        return opened

    device = call_in(host.name, attach)
    try:
        yield device
    finally:
        os.close(device)


def test_a_tap_is_made_marked_quiet_and_somebodys_and_outlives_its_maker(
    netns: Namespace,
) -> None:
    assert execute(netns, TAP, TAP) == [None, None]
    tap = look(netns)[0]["tap0"]
    assert (tap.kind, tap.alias, tap.mtu, tap.up, tap.quiet) == ("tun", ALIAS, 1400, False, True)
    assert tap.tap_owner == TAP.owner
    assert execute(netns, DeleteLink("port:1", "tap0", tap.ifindex, ALIAS)) == [None]
    assert "tap0" not in look(netns)[0]


def test_a_maker_that_is_killed_before_the_end_leaves_no_device_behind(netns: Namespace) -> None:
    def killed_half_way() -> None:
        with taps.new("tap0"):
            assert Namespace(netns.name).ip_json("link", "show", "tap0")

    call_in(netns.name, killed_half_way)
    assert "tap0" not in look(netns)[0]


def test_a_tap_of_somebody_else_is_neither_taken_nor_given_away(netns: Namespace) -> None:
    netns.ip("tuntap", "add", "tap0", "mode", "tap")
    assert refused(execute(netns, TAP)) == (ErrorKind.CONFLICT, "NameTaken")
    index = look(netns)[0]["tap0"].ifindex
    other = SetTapOwner("port:1", "tap0", TapOwner(uid=5), index + 1)
    assert refused(execute(netns, other)) == (ErrorKind.TRANSIENT, "DeviceMissing")
    assert look(netns)[0]["tap0"].tap_owner is None


def test_a_tap_changes_its_owner_unless_somebody_has_it_open(netns: Namespace) -> None:
    execute(netns, TAP)
    index = look(netns)[0]["tap0"].ifindex
    change = SetTapOwner("port:1", "tap0", TapOwner(uid=108), index)
    with virtual_machine(netns, "tap0"):
        assert refused(execute(netns, change)) == (ErrorKind.CONFLICT, "DeviceBusy")
    assert execute(netns, change) == [None]
    assert look(netns)[0]["tap0"].tap_owner == TapOwner(uid=108, gid=64055)


def test_a_virtual_machine_on_a_tap_reaches_the_other_ports_of_the_bridge(
    ovs: OpenVSwitch,
) -> None:
    desired = HostState(
        *(FLEET, 1, 1, b"1", "host-1", "h1"),
        bridges=(Bridge("bridge:1", "br1", DatapathType.NETDEV),),
        ports=(
            Port("port:1", "tap0", PortType.TAP, "br1", tag=5),
            Port("port:2", "tap1", PortType.TAP, "br1", trunks=frozenset({5}), vlan_mode="trunk"),
        ),
    )

    async def realize(real: RealHost) -> None:
        await real.run(make_plan(desired, await real.look()))
        assert make_plan(desired, await real.look()).is_empty

    on_real(ovs.netns, ovs.remote, desired, realize)
    frame = b"\xff" * 6 + bytes.fromhex("020000000009") + b"\x88\xb5" + b"hello".ljust(60, b"\0")
    with virtual_machine(ovs.netns, "tap0") as sender, virtual_machine(ovs.netns, "tap1") as other:

        def arrives() -> bool:
            os.write(sender, frame)
            try:
                received = os.read(other, 2048)
            except BlockingIOError:
                return False
            tagged = frame[:12] + struct.pack("!HH", 0x8100, 5) + frame[12:]
            return received == tagged

        eventually(arrives, within=60, what="the frame comes out of the trunk with its tag")
