"""A segment with the kernel backend on three hosts, one of them without Open vSwitch.

The agent's own loop brings about everything; packets are counted where they leave a host.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from agent.model import BROADCAST_FDB as FLOODED
from agent.netlink.netns import call_in
from tests.support.agent_backends import DEVICE, LINUX_BRIDGE, Counts, Fabric, Host, Running, fabric
from tests.support.agent_frames import BROADCAST, Tap, hear
from tests.support.agent_streams import CONTENT, transfer
from tests.support.netns import Namespace
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

PACKETS = 20
RTNL_GROUPS = 0x1 | 0x4 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_NEIGH, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""
RTM_NEWNEIGH, RTM_DELNEIGH = 28, 29
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """With the segment realized on every host."""
    with fabric(tmp_path_factory.mktemp("fabric")) as made:
        for host in made.hosts:
            realize(made, host)
        yield made


def realize(lab: Fabric, host: Host, *, without: Host | None = None) -> Counts:
    """Bring a host to a new state; what that took to write."""

    async def work(running: Running) -> Counts:
        await running.realize(lab.state(host, without=without))
        return running.writes()

    return host.drive(work)


def restart(host: Host) -> Counts:
    """Start the agent again on what it has; what it wrote until all is well."""

    async def work(running: Running) -> Counts:
        await running.settle()
        return running.writes()

    return host.drive(work)


class Ears:
    """Taps at every workload, and where the underlay receives from every host."""

    def __init__(self, lab: Fabric, stack: ExitStack) -> None:
        self.lab = lab
        self.workloads = {
            host.number: self._tap(stack, host.workload, "eth0") for host in lab.hosts
        }
        self._underlay = [self._tap(stack, lab.underlay, f"u{host.number}") for host in lab.hosts]

    @staticmethod
    def _tap(stack: ExitStack, where: Namespace, device: str) -> Tap:
        tap = Tap(where, device)
        stack.callback(tap.close)
        return tap

    def on_the_wire(self) -> Counter[tuple[str, str, str]]:
        return sum((tap.encapsulated() for tap in self._underlay), Counter())


@contextmanager
def listening(lab: Fabric) -> Iterator[Ears]:
    with ExitStack() as stack:
        ears = Ears(lab, stack)
        for host in lab.hosts:  # whose neighbours are known by now waits for nobody
            say(ears, host, BROADCAST, f"first{host.number}", 1)
        for host in lab.hosts:
            awaited = [f"first{other.number}-0" for other in others(lab, host)]
            hear(ears.workloads[host.number], awaited)
        ears.on_the_wire()
        yield ears


def say(ears: Ears, host: Host, destination: str, word: str, count: int = PACKETS) -> None:
    for number in range(count):
        ears.workloads[host.number].send(host.mac, destination, f"{word}-{number}")


def others(lab: Fabric, host: Host) -> list[Host]:
    return [each for each in lab.hosts if each is not host]


def test_a_broadcast_goes_to_every_remote_host_exactly_once(lab: Fabric) -> None:
    with listening(lab) as ears:
        for host in lab.hosts:
            say(ears, host, BROADCAST, f"from{host.number}")
            expected = [f"from{host.number}-{number}" for number in range(PACKETS)]
            for other in others(lab, host):
                assert hear(ears.workloads[other.number], expected[-1:]) == expected
        assert ears.on_the_wire() == Counter(
            (host.vtep, other.vtep, f"from{host.number}-{number}")
            for host in lab.hosts
            for other in others(lab, host)
            for number in range(PACKETS)
        )
        assert {n: tap.received() for n, tap in ears.workloads.items()} == {1: [], 2: [], 3: []}


def test_a_known_address_is_sent_to_its_own_host_only(lab: Fabric) -> None:
    pairs = [(host, other) for host in lab.hosts for other in others(lab, host)]
    with listening(lab) as ears:
        for host, other in pairs:
            say(ears, host, other.mac, f"to{other.number}")
            expected = [f"to{other.number}-{number}" for number in range(PACKETS)]
            assert hear(ears.workloads[other.number], expected[-1:]) == expected
        assert ears.on_the_wire() == Counter(
            (host.vtep, other.vtep, f"to{other.number}-{number}")
            for host, other in pairs
            for number in range(PACKETS)
        )
        assert {n: tap.received() for n, tap in ears.workloads.items()} == {1: [], 2: [], 3: []}


def test_an_idle_restart_writes_nothing(lab: Fabric) -> None:
    for host in lab.hosts:
        await_quiet(host)
        recorded = host.ovs.transactions() if host.ovs is not None else 0
        with listener(host) as heard:
            assert restart(host) == (0, 0)
            assert changes(heard) == []
        assert recorded == (host.ovs.transactions() if host.ovs is not None else 0)


def test_a_member_that_leaves_and_comes_back_changes_nothing_but_tables(lab: Fabric) -> None:
    leaver = lab.hosts[1]
    for host in (lab.hosts[0], lab.hosts[2]):
        whole = table(host)
        entries = {(mac, each.vtep) for each in others(lab, host) for mac in (FLOODED, each.mac)}
        assert whole == entries
        assert realize(lab, host, without=leaver) == (2, 0)
        assert table(host) == {(mac, dst) for mac, dst in whole if dst != leaver.vtep}
        assert realize(lab, host) == (2, 0)
        assert table(host) == whole


def test_a_stream_of_tcp_passes_between_hosts_of_both_kinds(lab: Fabric) -> None:
    first, second, last = lab.hosts
    for server, client in ((first, last), (last, first), (second, last), (last, second)):
        assert transfer(server.workload, server.address, client.workload) == CONTENT


def test_what_somebody_undoes_by_hand_comes_back(lab: Fabric) -> None:
    for host in (lab.hosts[0], lab.hosts[2]):
        done = deeds(host, others(lab, host)[0])
        # Three for each life of an agent: somebody who comes a fourth time is not fought.
        for some in (done[:3], done[3:6], done[6:]):
            host.drive(lambda running: undo_all(running, host, some))  # noqa: B023
        assert restart(host) == (0, 0)
    with listening(lab):
        pass  # what carries no packets was not brought back


async def undo_all(running: Running, host: Host, some: Sequence[tuple[str, ...]]) -> None:
    await running.settle()
    looping = asyncio.create_task(running.loop.run())
    intended = table(host)
    for deed in some:
        await asyncio.to_thread(host.netns.exec, *deed)
        await asyncio.to_thread(
            eventually,
            lambda: is_in_place(host) and table(host) == intended,
            within=DEADLINE_S,
            what=f"undone: {' '.join(deed)}",
        )
    looping.cancel()


def deeds(host: Host, remote: Host) -> list[tuple[str, ...]]:
    fdb, link = ("bridge", "fdb"), ("ip", "link")
    common = [
        (*fdb, "del", remote.mac, "dev", DEVICE, "dst", remote.vtep, "self"),
        (*fdb, "del", FLOODED, "dev", DEVICE, "dst", remote.vtep, "self"),
        (*fdb, "append", FLOODED, "dev", DEVICE, "dst", "192.0.2.9", "self"),
        (*link, "set", DEVICE, "down"),
        (*link, "delete", DEVICE),
    ]
    if host.ovs is not None:
        return common
    return [*common, (*link, "set", DEVICE, "nomaster"), (*link, "delete", LINUX_BRIDGE)]


# --- looks at a host, with the tools an operator has ---------------------------------------------


def table(host: Host) -> set[tuple[str, str]]:
    """MAC address and remote VTEP of everything in the forwarding table of the segment's device."""
    listed = shown_by(host, "bridge", "-j", "fdb", "show", "dev", DEVICE)
    return {(each["mac"], each["dst"]) for each in listed if "dst" in each}


def is_in_place(host: Host) -> bool:
    """Whether the device is up, and where frames reach it."""
    shown = shown_by(host, "ip", "-j", "link", "show", "up")
    devices = {each["ifname"]: each for each in shown if each}
    if host.ovs is not None:
        return DEVICE in devices and DEVICE in host.ovs.vsctl("list-ports", "br-fleet").split()
    return LINUX_BRIDGE in devices and devices.get(DEVICE, {}).get("master") == LINUX_BRIDGE


def shown_by(host: Host, *command: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ("ip", "netns", "exec", host.netns.name, *command),
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout or "[]") if done.returncode == 0 else []


def await_quiet(host: Host) -> None:
    """The kernel has ended its own search for duplicates of IPv6 link-local addresses."""

    def is_quiet() -> bool:
        devices = host.netns.ip_json("address", "show", "tentative")
        return not any(each["addr_info"] for each in devices)

    eventually(is_quiet, within=DEADLINE_S, what="no address is tentative")


@contextmanager
def listener(host: Host) -> Iterator[socket.socket]:
    """A socket that is told of every change of links, addresses and forwarding entries."""

    def listening() -> socket.socket:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        made.bind((0, RTNL_GROUPS))
        made.setblocking(False)
        return made

    with call_in(host.netns.name, listening) as made:
        yield made


def changes(heard: socket.socket) -> list[bytes]:
    """What was told, without what ARP and IPv6 find out of neighbours all the time."""
    told = []
    with suppress(BlockingIOError):
        while True:
            told.append(heard.recv(65536))
    return [each for each in told if not is_about_a_neighbour(each)]


def is_about_a_neighbour(message: bytes) -> bool:
    kind, family = struct.unpack_from("=H", message, 4)[0], message[16]
    return kind in (RTM_NEWNEIGH, RTM_DELNEIGH) and family != socket.AF_BRIDGE
