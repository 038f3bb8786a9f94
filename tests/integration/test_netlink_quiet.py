"""Devices that carry a segment are nothing that a tenant reaches the host itself through."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from agent.model import BROADCAST_FDB
from agent.observed import FdbEntry, Vxlan
from agent.planner.plan import (
    AddFdb,
    CreateLinuxBridge,
    CreateVeth,
    CreateVxlan,
    NetlinkStep,
    SetLink,
)
from tests.support.agent_frames import BROADCAST, Tap, hear
from tests.support.agent_intrusion import HOST_ADDRESS, INTRUDER, Reaction, intrude, reaction
from tests.support.netlink import execute, look
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration

SEGMENT = "segment:1"
ALIAS = f"ovsfleet:fleet:{SEGMENT}"
BRIDGE = CreateLinuxBridge(SEGMENT, "br-v7001", ALIAS, "0a:00:00:00:00:01", 1450)
TUNNEL = Vxlan(vni=7001, local_ip=HOST_ADDRESS, dst_port=8472)
VXLAN = CreateVxlan(SEGMENT, "kx7001", ALIAS, TUNNEL, "0a:00:00:00:00:02", 1450)


def up(name: str, master: str | None = None) -> SetLink:
    return SetLink(SEGMENT, None, name, up=True, master=master)


@dataclass
class Scene:
    """A host with an address of its own, a tenant's device, and where the host would hear it."""

    host: Namespace
    device: str
    mac: str
    tenant: Tap
    ear: Tap

    def reaction(self) -> Reaction:
        """To all that a tenant can try, once the host has dealt with it."""
        self.tenant.heard()
        intrude(self.tenant, self.mac)
        self.tenant.send(INTRUDER, BROADCAST, "last")
        hear(self.ear, ["last"])
        return reaction(self.host, self.tenant)


def local(stack: ExitStack, host: Namespace, tenant: Namespace) -> Scene:
    """The tenant's port is on the segment's Linux bridge."""
    host.ip("link", "add", "mgmt", "up", "type", "veth", "peer", "name", "mgmtp")
    host.ip("link", "set", "mgmtp", "up")
    host.ip("address", "add", f"{HOST_ADDRESS}/24", "dev", "mgmt")
    port = CreateVeth("port:1", "ve0", "ovsfleet:fleet:port:1", 1450, tenant.name, "eth0", INTRUDER)
    done(host, BRIDGE, port, up("br-v7001"), up("ve0", "br-v7001"))
    done(host, SetLink("port:1", tenant.name, "eth0", up=True))
    return scene(stack, host, (tenant, "eth0"), BRIDGE.name, BRIDGE.mac)


def remote(stack: ExitStack, host: Namespace, tenant: Namespace) -> Scene:
    """The tenant's frames come out of the tunnel."""
    peer = ("peer", "name", "eth0", "netns", tenant.name)
    host.ip("link", "add", "mgmt", "up", "type", "veth", *peer)
    host.ip("address", "add", f"{HOST_ADDRESS}/24", "dev", "mgmt")
    tenant.ip("link", "set", "eth0", "up")
    tenant.ip("address", "add", "192.0.2.2/24", "dev", "eth0")
    words = "type vxlan id 7001 dstport 8472 local 192.0.2.2 remote"
    tenant.ip("link", "add", "vx", "up", *words.split(), HOST_ADDRESS)
    flood = FdbEntry(BROADCAST_FDB, "192.0.2.2")
    done(host, VXLAN, AddFdb(SEGMENT, VXLAN.name, (flood,)), up(VXLAN.name))
    return scene(stack, host, (tenant, "vx"), VXLAN.name, VXLAN.mac)


def scene(
    stack: ExitStack, host: Namespace, tenant: tuple[Namespace, str], device: str, mac: str
) -> Scene:
    taps = Tap(*tenant), Tap(host, device)
    for tap in taps:
        stack.callback(tap.close)
    return Scene(host, device, mac, *taps)


def done(host: Namespace, *steps: NetlinkStep) -> None:
    assert execute(host, *steps) == [None] * len(steps)


@pytest.fixture(params=[local, remote], ids=["a local port", "a tunnel"])
def there(
    request: pytest.FixtureRequest, netns: Namespace, workload_netns: Namespace
) -> Iterator[Scene]:
    make: Callable[[ExitStack, Namespace, Namespace], Scene] = request.param
    with ExitStack() as stack:
        yield make(stack, netns, workload_netns)


def test_a_host_neither_answers_nor_listens_to_what_a_tenant_sends(there: Scene) -> None:
    before = reaction(there.host)
    assert look(there.host)[0][there.device].quiet
    assert there.reaction() == before

    make_loud(there)
    assert not look(there.host)[0][there.device].quiet
    loud = there.reaction()
    assert loud.answered
    assert loud.took_packets > before.took_packets
    assert loud.routes != before.routes

    done(there.host, SetLink(SEGMENT, None, there.device, quiet=True))
    assert look(there.host)[0][there.device].quiet
    assert there.reaction() == Reaction(False, loud.took_packets, before.routes)


def make_loud(there: Scene) -> None:
    """Everything as the kernel has it for a device that nobody cares about."""
    ipv4, ipv6 = (f"net.{each}.conf.{there.device}" for each in ("ipv4", "ipv6"))
    settings = (f"{ipv4}.arp_ignore=0", f"{ipv4}.rp_filter=0", f"{ipv6}.disable_ipv6=0")
    there.host.exec("sysctl", "-qw", *settings)
    # An address that is still looked for elsewhere on the network is not used yet.
    there.host.ip("address", "add", "fe80::1/64", "dev", there.device, "nodad")


def test_a_device_that_cannot_be_kept_quiet_never_goes_up(netns: Namespace) -> None:
    read_only = "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys"
    agent = f'{sys.executable} -c "$1"'
    said = netns.exec("sh", "-c", f"{read_only} && exec {agent}", "sh", MAKE_AND_PUT_UP)
    assert said.split() == ["UNSUPPORTED", "DeviceNotQuiet"] * 2
    made = look(netns)[0][VXLAN.name]
    assert (made.up, made.quiet) == (False, False)
    done(netns, up(VXLAN.name))
    made = look(netns)[0][VXLAN.name]
    assert (made.up, made.quiet) == (True, True)


MAKE_AND_PUT_UP = f"""
import asyncio
from agent.observed import Vxlan
from agent.netlink import Netlink
from agent.planner.plan import CreateVxlan, SetLink

async def run():
    for step in ({VXLAN!r}, {SetLink(SEGMENT, None, VXLAN.name, up=True)!r}):
        failure = await Netlink().apply(step)
        print(failure.kind.name, failure.reason)
        assert "/proc/sys/net/ipv6/conf/kx7001/disable_ipv6: Read-only" in failure.message

asyncio.run(run())
"""


def test_a_device_that_grows_until_it_can_talk_ipv6_stays_quiet(netns: Namespace) -> None:
    done(netns, replace(BRIDGE, mtu=1200), up(BRIDGE.name))
    done(netns, SetLink(SEGMENT, None, BRIDGE.name, mtu=1400))
    assert look(netns)[0][BRIDGE.name].quiet
