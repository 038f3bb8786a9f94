"""The in-memory switch against the real host: segments that the kernel carries."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from agent.fragments import ArpMode, Neighbour, SegmentFragment, SegmentMember, TunnelOptions
from agent.model import (
    BROADCAST_FDB,
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    VethPeer,
)
from agent.observed import FdbEntry, Vxlan
from agent.planner.assembly import make_plan
from agent.planner.plan import (
    AddFdb,
    CreateLinuxBridge,
    CreateVxlan,
    DeleteFdb,
    NetlinkStep,
    Plan,
    SetLink,
    Stage,
)
from tests.support.agent_contract import FLEET, MACS, RealHost, compare, on_real
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.ovs import OpenVSwitch

pytestmark = pytest.mark.integration

KNOWN = ("0a:01:00:00:00:02", "0a:01:00:00:00:03", "0a:01:00:00:00:04")
WITHOUT = "without"


@pytest.fixture(params=["with Open vSwitch", WITHOUT])
def remote(request: pytest.FixtureRequest) -> str | None:
    """Where the host's ovsdb-server listens; None on a host that has none."""
    if request.param == WITHOUT:
        return None
    switch: OpenVSwitch = request.getfixturevalue("ovs")
    return switch.remote


def state(
    workload: str,
    remote: str | None,
    *members: SegmentMember,
    own: str = "192.0.2.1",
    **other: object,
) -> HostState:
    """A segment with one port here; ``other`` says what of the segment is not as usual."""
    here = SegmentMember("host-1", "h1", own, (MACS[0],))
    usual = SegmentFragment(b"f", "seg-1", 7001, 8472, 1400, (here, *members))
    fragment = replace(usual, **other)  # type: ignore[arg-type]
    linux_bridge = "" if remote else f"br-v{fragment.vni}"
    tag = 5 if remote else 0
    bridge = linux_bridge or "br-fleet"
    peer = VethPeer(workload, "eth0")
    port = Port("port:1", "ve0", PortType.VETH, bridge, tag, MACS[0], fragment.mtu, peer=peer)
    attachment = SegmentAttachment("seg-1", tag, b"f", Backend.KERNEL, linux_bridge)
    return replace(
        bare(),
        overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV) if remote else None,
        ports=(port,),
        attachments=(attachment,),
        fragments={b"f": fragment},
    )


def bare() -> HostState:
    return HostState(FLEET, 1, 1, b"1", "host-1", "h1")


def histories(workload: str, remote: str | None) -> Iterator[HostState]:
    second = SegmentMember("host-2", "h2", "192.0.2.2", KNOWN[:2])
    third = SegmentMember("host-3", "h3", "192.0.2.3", KNOWN[2:])
    yield state(workload, remote, second, third)
    # An address moves to the third host; then the second leaves.
    moved = (replace(second, macs=KNOWN[:1]), replace(third, macs=KNOWN[1:]))
    yield state(workload, remote, *moved)
    yield state(workload, remote, moved[1])
    yield state(workload, remote, moved[1], mtu=1300)
    # What the tunnels are like: a part of it changes in place, for the rest the device is new.
    options = TunnelOptions(ttl="inherit", tos="4", csum=False, source_ports=(40000, 50000))
    yield state(workload, remote, moved[1], options=options, external_vteps=("192.0.2.7",))
    options = replace(options, tos="inherit", df_default=True)
    yield state(workload, remote, moved[1], options=options, own="192.0.2.9")
    # Who answers ARP: the device, or the bridge where that is a Linux bridge.
    told = replace(moved[1], neighbours=(Neighbour("198.51.100.3", moved[1].macs[0]),))
    for mode in (ArpMode.STRICT, ArpMode.FLOOD if remote else ArpMode.SUPPRESS):
        yield state(workload, remote, told, options=options, arp_mode=mode)
    # What makes the device what it is changes: it has to be made anew.
    yield state(workload, remote, moved[1], dst_port=8473)
    yield state(workload, remote, moved[1], vni=7002)
    yield replace(bare(), removed=frozenset({"segment:seg-1", "port:1", "overlay"}))


def test_plans_for_kernel_segments_lead_to_the_same_on_both(
    netns: Namespace, workload_netns: Namespace, remote: str | None
) -> None:
    async def body(real: RealHost) -> None:
        for desired in histories(workload_netns.name, remote):
            plan = make_plan(desired, await real.look())
            assert not plan.is_empty
            assert plan.failures == ()
            after = await compare(real, plan)
            again = make_plan(desired, after)
            assert again.is_empty, again.describe()
        assert (await real.look()).links == {}

    on_real(netns, remote, state(workload_netns.name, remote), body)


def test_what_somebody_does_to_a_kernel_segment_is_undone_alike_on_both(
    netns: Namespace, workload_netns: Namespace, remote: str | None
) -> None:
    desired = next(histories(workload_netns.name, remote))
    bridge_deeds = (
        "ip link set kx7001 nomaster",
        "sysctl -qw net.ipv6.conf.br-v7001.disable_ipv6=0",
        "ip link delete br-v7001",
    )
    flood = (BROADCAST_FDB, "dev", "kx7001", "dst")
    deeds = (
        f"bridge fdb del {KNOWN[0]} dev kx7001 dst 192.0.2.2 self",
        f"bridge fdb append {' '.join(flood)} 192.0.2.9 self",
        f"bridge fdb del {' '.join(flood)} 192.0.2.3 self",
        "ip link set kx7001 down",
        "ip link set kx7001 mtu 1280",
        "sysctl -qw net.ipv4.conf.kx7001.arp_ignore=0",
        "sysctl -qw net.ipv6.conf.kx7001.disable_ipv6=0",
        "ip link delete kx7001",
        "ip link delete ve0",
        *(() if remote else bridge_deeds),
    )

    async def body(real: RealHost) -> None:
        await compare(real, make_plan(desired, await real.look()))
        for deed in deeds:
            netns.exec(*deed.split())
            plan = make_plan(desired, await real.look())
            assert not plan.is_empty, deed
            again = make_plan(desired, await compare(real, plan))
            assert again.is_empty, (deed, again.describe())

    on_real(netns, remote, state(workload_netns.name, remote), body)


# --- what the kernel refuses ---------------------------------------------------------------------

ALIAS = f"ovsfleet:{FLEET}:segment:1"
DEVICE = CreateVxlan("segment:1", "kx1", ALIAS, Vxlan(1, "192.0.2.1", 8472), MACS[0], 1400)
BRIDGE = CreateLinuxBridge("segment:1", "br-v1", ALIAS, MACS[1], 1400)
UP = SetLink("segment:1", None, "kx1", up=True)
ENTRY = FdbEntry(KNOWN[0], "192.0.2.2")


@contextmanager
def prepared(*commands: str) -> Iterator[Namespace]:
    with namespace(unique_name("r")) as host:
        for command in commands:
            subprocess.run(["ip", "-n", host.name, *command.split()], check=True)
        yield host


@pytest.mark.parametrize(
    ("commands", "steps"),
    [
        (("link add theirs up type vxlan external dstport 8472",), (DEVICE, UP)),
        (("link add theirs type vxlan id 1 nolearning dstport 8472",), (DEVICE,)),
        (("link add kx1 type bridge",), (DEVICE,)),
        (("link add br-v1 type veth peer name other",), (BRIDGE,)),
        ((), (DEVICE, SetLink("segment:1", None, "kx1", master="br-v1"))),
        ((), (DEVICE, BRIDGE, SetLink("segment:1", None, "kx1", master="br-v1", up=True))),
        ((), (AddFdb("segment:1", "kx1", (ENTRY,)),)),
        ((), (DEVICE, AddFdb("segment:1", "kx1", (ENTRY,)), DeleteFdb("segment:1", "kx1", (), 1))),
        ((), (DEVICE, AddFdb("segment:1", "kx1", (ENTRY, replace(ENTRY, dst="192.0.2.3"))))),
    ],
    ids=[
        "udp port of another kind",
        "vni",
        "name of the device",
        "name of the bridge",
        "no such master",
        "a master",
        "no such device",
        "another device's index",
        "two places for one address",
    ],
)
def test_what_the_kernel_refuses_is_refused_on_both(
    commands: tuple[str, ...], steps: tuple[NetlinkStep, ...]
) -> None:
    async def body(real: RealHost) -> None:
        for step in steps:
            await compare(real, Plan((Stage(pre=(step,)),)))

    with prepared(*commands) as host:
        on_real(host, None, bare(), body)
