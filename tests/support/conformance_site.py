"""One host of each sort in namespaces, brought by the agent's own loop to what a column intends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.controlplane import codec
from agent.model import HostState
from agent.report import Report
from controller.compiler import compile_host, host_state
from tests.support.agent_backends import Counts, Host, Running
from tests.support.conformance_bridges import CARDS
from tests.support.conformance_guests import GUEST, IFACE_ID
from tests.support.conformance_segments import OVERLAY
from tests.support.model_fleet import ModelFleet
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.ovs import OpenVSwitch, open_vswitch

DEADLINE_S = 30.0
KERNEL_LACKS = frozenset({"QdiscMissing", "PolicingMissing"})
"""What comes about only once somebody gives the kernel a module."""
VTEPS = ("192.0.2.1/24", "2001:db8::1/64")


@contextmanager
def site(directory: Path, *, ovs: bool, userspace: bool = False) -> Iterator[Host]:
    """Make a host with cards of its own and both VTEPs.

    In userspace its VTEPs are on a bridge of Open vSwitch, as tunnels there need them."""
    with ExitStack() as stack:
        netns = stack.enter_context(namespace(unique_name("h")))
        workload = stack.enter_context(namespace(unique_name("w")))
        switch = stack.enter_context(open_vswitch(netns)) if ovs else None
        if switch is not None:  # Customer VLANs are told apart from two headers on.
            switch.vsctl("set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
        for name in ("eth0", *CARDS):
            far = ("peer", "name", f"far-{name}", "netns", workload.name)
            netns.ip("link", "add", name, "type", "veth", *far)
            workload.ip("link", "set", f"far-{name}", "up")
            netns.ip("link", "set", name, "up")
        device = _physical_bridge(switch) if switch is not None and userspace else "eth0"
        for vtep in VTEPS:
            netns.ip("address", "add", vtep, "dev", device, *(("nodad",) if ":" in vtep else ()))
        netns.ip("link", "set", device, "up")
        yield Host(1, netns, workload, switch, directory)


def _physical_bridge(ovs: OpenVSwitch) -> str:
    ovs.vsctl(
        *("add-br", "br-phy", "--", "set", "Bridge", "br-phy", "datapath_type=netdev"),
        *("--", "add-port", "br-phy", "eth0"),
    )
    return "br-phy"


def told(fleet: ModelFleet) -> HostState:
    """What the controller sends to host h1, as the agent understands it."""
    intent = fleet.host_intent("h1")
    return codec.decode_host_state(host_state(compile_host(intent), intent, ()), {})


def realize(host: Host, state: HostState, *, plugs: bool = True) -> Mapping[str, str]:
    """Bring the host to its state as far as it can be; reasons by resource of what cannot.

    ``plugs`` a guest in between, which has to be done once."""

    async def work(running: Running) -> Mapping[str, str]:
        running.loop.offer(state)
        await running.loop.turn()
        if plugs and host.ovs is not None:
            _plug(host.netns, host.ovs)
        await settle(running)
        return {each.resource: each.reason for each in running.reports[-1].failures}

    return host.drive(work)


def _plug(netns: Namespace, ovs: OpenVSwitch) -> None:
    """Plug a guest as libvirt does, into the bridge that the agent has made for it."""
    netns.ip("tuntap", "add", GUEST, "mode", "tap")
    netns.ip("link", "set", GUEST, "up")
    ids = ("set", "Interface", GUEST, f'external_ids:iface-id="{IFACE_ID}"')
    ovs.vsctl("add-port", OVERLAY, GUEST, "--", *ids)


def restart(host: Host) -> Counts:
    """Start the agent again on what it has; what it wrote until it was at rest."""

    async def work(running: Running) -> Counts:
        await settle(running)
        return running.writes()

    return host.drive(work)


async def settle(running: Running) -> None:
    give_up = time.monotonic() + DEADLINE_S
    delay = await running.loop.turn()
    while not _at_rest(running.reports[-1]):
        assert time.monotonic() < give_up, running.reports[-1].failures
        await asyncio.sleep(min(delay, 0.2))
        delay = await running.loop.turn()


def _at_rest(report: Report) -> bool:
    """Whether nothing is left that may still come about by itself."""
    is_applied = report.applied_revision == report.observed_revision > 0
    waiting = (each for each in report.failures if each.kind.may_retry)
    return is_applied and all(each.reason in KERNEL_LACKS for each in waiting)
