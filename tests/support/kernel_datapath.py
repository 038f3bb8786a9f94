"""Three hosts on the kernel's own datapath, each told what the controller compiles for it.

Hosts 1 and 2 have a real Open vSwitch with ``datapath_type=system``, host 3 has none. Segment red
is carried by Open vSwitch where there is one, segment blue by the kernel everywhere; on host 3 both
are the kernel's. Each host has one workload on each segment. This needs the openvswitch module:
tests/kernel runs in the guest of deploy/guest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.controlplane import codec
from agent.model import HostState
from controller.compiler import compile_host, host_state
from controller.domain.intent import Backend, BridgeType, DatapathType, PortType, VethPeerSpec
from tests.support import model_fleet
from tests.support.agent_backends import Counts, Host, Running
from tests.support.agent_frames import BROADCAST, Tap, hear
from tests.support.model_fleet import ModelFleet
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.ovs import open_vswitch
from tests.support.waiting import eventually

RED, BLUE = "red", "blue"
SUBNETS = {RED: "198.51.100", BLUE: "203.0.113"}
RED_DEVICE, BLUE_DEVICE = "vxlan_sys_4789", "kx7001"
_PROCESSORS_KNOWN_S = 10.0


@dataclass(frozen=True)
class Workload:
    """One that is on a segment, behind the device of the segment's name."""

    host: Host
    segment: str

    @property
    def mac(self) -> str:
        return f"0a:{list(SUBNETS).index(self.segment):02x}:00:00:00:{self.host.number:02x}"

    @property
    def address(self) -> str:
        return f"{SUBNETS[self.segment]}.{self.host.number}"

    @property
    def name(self) -> str:
        return f"{self.segment}{self.host.number}"

    def ping(self, other: Workload) -> str:
        """Two echoes; what ping says of them."""
        options = ("-n", "-q", "-c", "2", "-i", "0.2", "-W", "5", "-I", self.segment)
        return self.host.workload.exec("ping", *options, other.address)


@dataclass(frozen=True)
class KernelLab:
    underlay: Namespace
    hosts: tuple[Host, ...]
    fleet: ModelFleet = field(default_factory=ModelFleet)

    def state(self, host: Host) -> HostState:
        """What the controller sends to ``host`` now, as the agent understands it."""
        intent = self.fleet.host_intent(f"h{host.number}")
        return codec.decode_host_state(host_state(compile_host(intent), intent, ()), {})

    def realize(self, host: Host) -> Counts:
        """Bring a host to its state; what that took to write."""
        state = self.state(host)

        async def work(running: Running) -> Counts:
            await running.realize(state)
            return running.writes()

        return host.drive(work)

    def refusals(self, host: Host, state: HostState) -> dict[str, str]:
        """What is reported of a state that cannot be realized: reasons by resource."""

        async def work(running: Running) -> dict[str, str]:
            running.loop.offer(state)
            await running.loop.turn()
            return {each.resource: each.reason for each in running.reports[-1].failures}

        return host.drive(work)

    def workloads(self, segment: str) -> list[Workload]:
        return [Workload(host, segment) for host in self.hosts]


def restart(host: Host) -> Counts:
    """Start the agent again on what it has; what it wrote until all is well."""

    async def work(running: Running) -> Counts:
        await running.settle()
        return running.writes()

    return host.drive(work)


@contextmanager
def kernel_lab(directory: Path) -> Iterator[KernelLab]:
    """With both segments realized on every host."""
    _await_processors()
    with ExitStack() as stack:
        underlay = stack.enter_context(namespace(unique_name("u")))
        underlay.ip("link", "add", "br0", "up", "type", "bridge")
        hosts = tuple(_host(stack, directory, underlay, number) for number in (1, 2, 3))
        lab = KernelLab(underlay, hosts)
        _intend(lab)
        for host in hosts:
            lab.realize(host)
        yield lab


def _await_processors() -> None:
    """ovs-vswitchd counts processors at most every 10 s, by a clock that starts with the kernel.

    Up to then it takes them to be none, starts no thread for what the kernel has no flow for, and
    forwards nothing for as long as it lives.
    """

    def are_known() -> bool:
        return float(Path("/proc/uptime").read_text().split()[0]) > _PROCESSORS_KNOWN_S

    eventually(are_known, within=2 * _PROCESSORS_KNOWN_S, what="the kernel runs for 10 s")


def _host(stack: ExitStack, directory: Path, underlay: Namespace, number: int) -> Host:
    netns = stack.enter_context(namespace(unique_name("h")))
    workload = stack.enter_context(namespace(unique_name("w")))
    ovs = stack.enter_context(open_vswitch(netns)) if number < 3 else None
    state_dir = directory / f"h{number}"
    state_dir.mkdir()
    host = Host(number, netns, workload, ovs, state_dir)
    peer = ("peer", "name", "eth0", "netns", netns.name)
    underlay.ip("link", "add", f"u{number}", "up", "master", "br0", "type", "veth", *peer)
    netns.ip("address", "add", f"{host.vtep}/24", "dev", "eth0")
    netns.ip("link", "set", "eth0", "up")
    return host


def _intend(lab: KernelLab) -> None:
    kinds = (BridgeType.OVS, BridgeType.OVS, BridgeType.LINUX)
    lab.fleet.apply(
        *(
            model_fleet.host(
                f"h{host.number}",
                host.vtep,
                datapath_type=DatapathType.SYSTEM,
                overlay_bridge_type=kind,
            )
            for host, kind in zip(lab.hosts, kinds, strict=True)
        ),
        model_fleet.segment(RED, vni=5000, dst_port=4789, backend=Backend.OVS),
        model_fleet.segment(BLUE, vni=7001, dst_port=8472, backend=Backend.KERNEL),
        *(
            model_fleet.port(
                workload.name,
                f"h{workload.host.number}",
                segment=segment,
                type=PortType.VETH,
                mac=workload.mac,
                addresses=(f"{workload.address}/24",),
                peer=VethPeerSpec(workload.host.workload.name, segment),
            )
            for segment in SUBNETS
            for workload in lab.workloads(segment)
        ),
    )


class Ears:
    """Taps at every workload of a segment, and where the underlay receives from every host."""

    def __init__(self, lab: KernelLab, segment: str, stack: ExitStack) -> None:
        self.lab = lab
        self.workloads = lab.workloads(segment)
        self._taps = {w.name: _tap(stack, w.host.workload, segment) for w in self.workloads}
        self._underlay = [_tap(stack, lab.underlay, f"u{host.number}") for host in lab.hosts]

    def say(self, workload: Workload, destination: str, words: list[str]) -> None:
        for word in words:
            self._taps[workload.name].send(workload.mac, destination, word)

    def hear(self, workload: Workload, awaited: list[str]) -> list[str]:
        return hear(self._taps[workload.name], awaited)

    def silent(self) -> bool:
        """Whether no workload received anything since it was listened to last."""
        return not any(tap.received() for tap in self._taps.values())

    def on_the_wire(self) -> Counter[tuple[str, str, str]]:
        """How often (VTEP of the sender, of the receiver, word) was sent since the last call."""
        return sum((tap.encapsulated() for tap in self._underlay), Counter())


def _tap(stack: ExitStack, where: Namespace, device: str) -> Tap:
    tap = Tap(where, device)
    stack.callback(tap.close)
    return tap


@contextmanager
def listening(lab: KernelLab, segment: str) -> Iterator[Ears]:
    """To workloads that have all heard each other once, so that every neighbour is known."""
    with ExitStack() as stack:
        ears = Ears(lab, segment, stack)
        for workload in ears.workloads:
            ears.say(workload, BROADCAST, [f"first{workload.name}"])
        for workload in ears.workloads:
            others = [f"first{other.name}" for other in ears.workloads if other != workload]
            ears.hear(workload, others)
        ears.on_the_wire()
        yield ears
