"""Three hosts that carry one segment with the kernel backend, in network namespaces.

Two have a real Open vSwitch with the userspace datapath, one has none. The VTEP of the first is on
an Open vSwitch bridge above its underlay device, as also its tunnels would need it; the others'
are on the device itself. Each is driven by the agent's own loop and adapters; an underlay bridge
in a namespace of its own joins them, and is where a test sees what one host sends to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from agent.cache import StateCache
from agent.clock import SystemClock
from agent.confirm import Trials
from agent.controlplane import codec
from agent.drift import Drift
from agent.drift_events import DriftQueue
from agent.fragments import SegmentFragment, SegmentMember
from agent.host import adapters, boot_id
from agent.model import (
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    VethPeer,
    tunnel_id,
)
from agent.observability import Metrics
from agent.reconciler import Reconciler, Timing
from agent.report import Outcome, Report
from agent.round_trip import RoundTrip
from tests.support.agent_shell import seeded
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.ovs import OpenVSwitch, open_vswitch

T = TypeVar("T")

DEADLINE_S = 60.0
FLEET = "4f9c6e2a-0000-4000-8000-000000000001"
SEGMENT = "00000000-0000-4000-8000-00000000000a"
VNI, DST_PORT, MTU, LOCAL_VLAN = 7001, 8472, 1450, 2
DEVICE, LINUX_BRIDGE = f"kx{VNI}", f"br-v{VNI}"

Counts: TypeAlias = tuple[int, int]
"""Netlink requests and OVSDB transactions that wrote something."""


@dataclass(frozen=True)
class Running:
    """An agent's loop at work on one host."""

    loop: Reconciler
    reports: list[Report]
    writes: Callable[[], Counts]
    drift: DriftQueue

    async def realize(self, state: HostState) -> None:
        self.loop.offer(state)
        await self.settle()

    async def settle(self) -> None:
        """Turn until the host is as intended, without a failure."""
        async with asyncio.timeout(DEADLINE_S):
            delay = await self.loop.turn()
            while not _is_well(self.reports[-1]):
                await asyncio.sleep(min(delay, 0.2))
                delay = await self.loop.turn()


def _is_well(report: Report) -> bool:
    found = (report.outcome, report.applied_revision, report.failures)
    return found == (Outcome.APPLIED, report.observed_revision, ())


@dataclass(frozen=True)
class Host:
    """One host with a workload on the segment; ``ovs`` is None where there is none."""

    number: int
    netns: Namespace
    workload: Namespace
    ovs: OpenVSwitch | None
    state_dir: Path

    @property
    def uid(self) -> str:
        return f"00000000-0000-4000-8000-0000000000{self.number:02x}"

    @property
    def vtep(self) -> str:
        return f"192.0.2.{self.number}"

    @property
    def mac(self) -> str:
        return f"0a:01:00:00:00:{self.number:02x}"

    @property
    def address(self) -> str:
        return f"198.51.100.{self.number}"

    def drive(self, work: Callable[[Running], Awaitable[T]]) -> T:
        """Start the agent's loop on this host, from what its state directory has, for ``work``."""

        async def run() -> T:
            async with self._running() as running:
                return await work(running)

        return self.netns.run(run)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[Running]:
        ovsdb, kernel = adapters(
            None if self.ovs is None else self.ovs.remote,
            lambda: loop.wake(),  # noqa: PLW0108 - the loop is made of what is made here
        )
        reports: list[Report] = []
        drift = DriftQueue()
        cache = StateCache(
            self.state_dir, codec.dump_host_state, codec.load_host_state, version="1"
        )
        cache.load()
        loop = Reconciler(
            cache,
            ovsdb,
            kernel,
            Trials(cache, SystemClock(), RoundTrip(), boot_id()),
            on_report=reports.append,
            on_sighting=lambda _: None,
            clock=SystemClock(),
            rng=seeded(),
            metrics=Metrics(),
            timing=Timing(),
            drift=Drift(drift, SystemClock()),
        )
        await kernel.open()
        ovsdb.open()
        try:
            assert await ovsdb.ready(DEADLINE_S)
            writes = lambda: (kernel.write_count, ovsdb.transaction_count)  # noqa: E731
            yield Running(loop, reports, writes, drift)
        finally:
            await ovsdb.close()
            await kernel.close()


@dataclass
class Fabric:
    underlay: Namespace
    hosts: tuple[Host, ...]
    revision: int = 0
    """That of the newest state that was made for any host."""

    def state(self, host: Host, *, without: Host | None = None) -> HostState:
        """What the controller would send to ``host``; ``without`` leaves a host out."""
        self.revision += 1
        revision = self.revision
        members = tuple(
            SegmentMember(each.uid, f"h{each.number}", each.vtep, (each.mac,))
            for each in self.hosts
            if each is not without
        )
        fragment = SegmentFragment(b"fragment %d" % revision, SEGMENT, VNI, DST_PORT, MTU, members)
        bridge, tag = (LINUX_BRIDGE, 0) if host.ovs is None else ("br-fleet", LOCAL_VLAN)
        attachment = SegmentAttachment(
            SEGMENT,
            tag,
            fragment.hash,
            Backend.KERNEL,
            LINUX_BRIDGE if host.ovs is None else "",
        )
        port = Port(
            f"port:{host.number}",
            f"w{host.number}",
            PortType.VETH,
            bridge,
            tag=tag,
            mac=host.mac,
            mtu=MTU,
            addresses=frozenset({f"{host.address}/24"}),
            peer=VethPeer(host.workload.name, "eth0"),
        )
        overlay = Bridge("overlay", "br-fleet", DatapathType.NETDEV)
        return HostState(
            fleet_uid=FLEET,
            fleet_epoch=1,
            revision=revision,
            hash=b"hash of %d" % revision,
            host_uid=host.uid,
            host_name=f"h{host.number}",
            overlay=None if host.ovs is None else overlay,
            ports=(port,),
            attachments=(attachment,),
            fragments={fragment.hash: fragment},
            removed=frozenset({tunnel_id(SEGMENT, without.uid)} if without else ()),
        )


@contextmanager
def fabric(directory: Path) -> Iterator[Fabric]:
    """Hosts 1 and 2 with Open vSwitch, host 3 without, not yet driven by anything."""
    with ExitStack() as stack:
        underlay = stack.enter_context(namespace(unique_name("u")))
        underlay.ip("link", "add", "br0", "up", "type", "bridge")
        hosts = tuple(_host(stack, directory, underlay, number) for number in (1, 2, 3))
        yield Fabric(underlay, hosts)


def _host(stack: ExitStack, directory: Path, underlay: Namespace, number: int) -> Host:
    netns = stack.enter_context(namespace(unique_name("h")))
    workload = stack.enter_context(namespace(unique_name("w")))
    ovs = stack.enter_context(open_vswitch(netns)) if number < 3 else None
    state_dir = directory / f"h{number}"
    state_dir.mkdir()
    made = Host(number, netns, workload, ovs, state_dir)
    _wire(made, underlay)
    return made


def _wire(host: Host, underlay: Namespace) -> None:
    port = f"u{host.number}"
    peer = ("peer", "name", "eth0", "netns", host.netns.name)
    underlay.ip("link", "add", port, "up", "master", "br0", "type", "veth", *peer)
    host.netns.ip("link", "set", "eth0", "up")
    # What userspace forwards needs the checksums that a real network device would have filled in.
    underlay.exec("ethtool", "-K", port, "tx", "off")
    host.netns.exec("ethtool", "-K", "eth0", "tx", "off")
    device = "eth0"
    if host.ovs is not None and host.number == 1:
        device = "br-phy"
        host.ovs.vsctl(
            *("add-br", device, "--", "set", "Bridge", device, "datapath_type=netdev"),
            *("--", "add-port", device, "eth0"),
        )
    host.netns.ip("address", "add", f"{host.vtep}/24", "dev", device)
    host.netns.ip("link", "set", device, "up")
