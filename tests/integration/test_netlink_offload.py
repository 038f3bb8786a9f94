"""Real UDP through the userspace datapath: what checksum offload breaks, and that we prevent it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from agent.errors import Failure
from agent.netlink import Netlink
from agent.planner.plan import AddAddress, CreateVeth, NetlinkStep, SetLink
from tests.support.netlink import execute, look
from tests.support.netns import Namespace, namespace
from tests.support.ovs import OpenVSwitch

pytestmark = pytest.mark.integration

ANSWER = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("192.0.2.2", 9))
    print("ready", flush=True)
    _, sender = s.recvfrom(100)
    s.sendto(b"world", sender)
"""
ASK = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(0.25)
    s.connect(("192.0.2.2", 9))
    for _ in range(12):
        s.send(b"hello")
        try:
            print(s.recv(100).decode())
            break
        except TimeoutError:
            pass
"""


@pytest.fixture
def workloads() -> Iterator[tuple[Namespace, Namespace]]:
    with namespace() as one, namespace() as two:
        yield one, two


def attach(workload: Namespace, number: int, *, userspace: bool) -> list[NetlinkStep]:
    """The steps that make veth ``v<number>`` and dress its ends."""
    name, there = f"v{number}", workload.name
    return [
        CreateVeth("p", name, f"ovsfleet:f:port:{number}", 1400, there, "eth0"),
        AddAddress("p", there, "eth0", f"192.0.2.{number}/24"),
        SetLink("p", there, "eth0", up=True, userspace=userspace),
        SetLink("p", None, name, up=True, userspace=userspace),
    ]


def connect(ovs: OpenVSwitch, workloads: tuple[Namespace, Namespace], *, userspace: bool) -> None:
    steps = [
        step
        for number, workload in enumerate(workloads, 1)
        for step in attach(workload, number, userspace=userspace)
    ]

    async def run() -> list[Failure | None]:
        netlink = Netlink()
        return [await netlink.apply(step) for step in steps]

    assert ovs.netns.run(run) == [None] * len(steps)
    ovs.vsctl(
        *("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"),
        *("--", "add-port", "br0", "v1", "--", "add-port", "br0", "v2"),
    )


def answer(workloads: tuple[Namespace, Namespace]) -> str:
    """What the first namespace hears from the second when it asks by UDP, for three seconds."""
    first, second = workloads
    with subprocess.Popen(
        ["ip", "netns", "exec", second.name, sys.executable, "-c", ANSWER],
        stdout=subprocess.PIPE,
        text=True,
    ) as answering:
        assert answering.stdout is not None
        assert answering.stdout.readline() == "ready\n"
        heard = first.exec(sys.executable, "-c", ASK)
        answering.kill()
    return heard.strip()


def test_udp_passes_the_userspace_datapath(
    ovs: OpenVSwitch, workloads: tuple[Namespace, Namespace]
) -> None:
    connect(ovs, workloads, userspace=True)
    assert answer(workloads) == "world"


def test_offload_stays_on_for_the_kernels_datapath(
    ovs: OpenVSwitch, workloads: tuple[Namespace, Namespace]
) -> None:
    connect(ovs, workloads, userspace=False)
    assert "tx-checksumming: on" in workloads[0].exec("ethtool", "-k", "eth0")
    # Which is why it must be off here: every checksum is wrong and nothing is received.
    assert answer(workloads) == ""


def test_offload_is_off_after_a_kill_between_creation_and_up(
    ovs: OpenVSwitch, workloads: tuple[Namespace, Namespace]
) -> None:
    """The pair was made, the agent died; the next plan only brings it up."""
    connect(ovs, workloads, userspace=False)
    steps = attach(workloads[0], 1, userspace=True)[2:]

    async def run() -> list[Failure | None]:
        netlink = Netlink()
        return [await netlink.apply(step) for step in steps]

    assert ovs.netns.run(run) == [None, None]
    assert "tx-checksumming: off" in workloads[0].exec("ethtool", "-k", "eth0")
    assert "tx-checksumming: off" in ovs.netns.exec("ethtool", "-k", "v1")


def test_offload_of_somebody_elses_device_is_left_on(ovs: OpenVSwitch) -> None:
    ovs.netns.ip("link", "add", "card", "type", "veth", "peer", "name", "cable")
    index = look(ovs.netns)[0]["card"].ifindex
    step = SetLink("p", None, "card", up=True, userspace=True, ifindex=index)
    assert execute(ovs.netns, step) == [None]
    assert "tx-checksumming: on" in ovs.netns.exec("ethtool", "-k", "card")
