"""Two hosts with a real Open vSwitch whose tunnels carry one segment, and traffic between them.

Each host has two addresses on its underlay bridge, so that its VTEP can change from one to the
other. A stream is what a workload sends without an answer: numbered frames at a steady rate.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from agent.fragments import SegmentFragment, SegmentMember
from agent.model import (
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    VethPeer,
)
from tests.support.agent_backends import FLEET, SEGMENT, Host
from tests.support.agent_frames import Tap
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.ovs import open_vswitch

VNI, DST_PORT, MTU, LOCAL_VLAN = 7002, 4789, 1450, 2


def other_vtep(host: Host) -> str:
    return f"203.0.113.{host.number}"


def member(host: Host, vtep: str = "", former: str = "") -> SegmentMember:
    return SegmentMember(host.uid, f"h{host.number}", vtep or host.vtep, former_vtep=former)


def state(host: Host, revision: int, *members: SegmentMember) -> HostState:
    """What the controller would send to ``host``."""
    fragment = SegmentFragment(b"fragment %d" % revision, SEGMENT, VNI, DST_PORT, MTU, members)
    port = Port(
        f"port:{host.number}",
        f"w{host.number}",
        PortType.VETH,
        "br-fleet",
        tag=LOCAL_VLAN,
        mac=host.mac,
        mtu=MTU,
        peer=VethPeer(host.workload.name, "eth0"),
    )
    return HostState(
        fleet_uid=FLEET,
        fleet_epoch=1,
        revision=revision,
        hash=b"hash of %d" % revision,
        host_uid=host.uid,
        host_name=f"h{host.number}",
        overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
        ports=(port,),
        attachments=(SegmentAttachment(SEGMENT, LOCAL_VLAN, fragment.hash, Backend.OVS),),
        fragments={fragment.hash: fragment},
    )


@contextmanager
def two_hosts(directory: Path) -> Iterator[tuple[Host, Host]]:
    with ExitStack() as stack:
        underlay = stack.enter_context(namespace(unique_name("u")))
        underlay.ip("link", "add", "br0", "up", "type", "bridge")
        first, second = (_host(stack, directory, underlay, number) for number in (1, 2))
        yield first, second


def _host(stack: ExitStack, directory: Path, underlay: Namespace, number: int) -> Host:
    netns = stack.enter_context(namespace(unique_name("h")))
    workload = stack.enter_context(namespace(unique_name("w")))
    ovs = stack.enter_context(open_vswitch(netns))
    state_dir = directory / f"h{number}"
    state_dir.mkdir()
    port = f"u{number}"
    peer = ("peer", "name", "eth0", "netns", netns.name)
    underlay.ip("link", "add", port, "up", "master", "br0", "type", "veth", *peer)
    netns.ip("link", "set", "eth0", "up")
    # What userspace forwards needs the checksums that a real network device would have filled in.
    underlay.exec("ethtool", "-K", port, "tx", "off")
    netns.exec("ethtool", "-K", "eth0", "tx", "off")
    ovs.vsctl(
        *("add-br", "br-phy", "--", "set", "Bridge", "br-phy", "datapath_type=netdev"),
        *("--", "add-port", "br-phy", "eth0"),
    )
    made = Host(number, netns, workload, ovs, state_dir)
    for address in (made.vtep, other_vtep(made)):
        netns.ip("address", "add", f"{address}/24", "dev", "br-phy")
    netns.ip("link", "set", "br-phy", "up")
    return made


@dataclass
class Stream:
    """Frames from one workload to another's MAC address, or to all, and what arrives of them."""

    source: Host
    target: Host
    destination: str
    rate: float
    """Frames per second."""
    name: str
    sent: int = 0
    heard: Counter[int] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        tap, ear = Tap(self.source.workload, "eth0"), Tap(self.target.workload, "eth0")
        self._threads = [
            threading.Thread(target=self._send, args=(tap,)),
            threading.Thread(target=self._hear, args=(ear,)),
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, tap: Tap) -> None:
        begin = monotonic()
        while not self._stop.wait(max(0.0, begin + self.sent / self.rate - monotonic())):
            tap.send(self.source.mac, self.destination, f"{self.name}-{self.sent}")
            self.sent += 1
        tap.close()

    def _hear(self, ear: Tap) -> None:
        end = None
        while end is None or monotonic() < end:
            for word in ear.received():
                name, _, number = word.partition("-")
                if name == self.name:
                    self.heard[int(number)] += 1
            if self._stop.wait(0.01) and end is None:
                end = monotonic() + 0.3
            elif end is not None:
                threading.Event().wait(0.01)
        ear.close()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def lost(self) -> list[int]:
        return [number for number in range(self.sent) if not self.heard[number]]

    @property
    def doubled(self) -> list[int]:
        return [number for number, times in self.heard.items() if times > 1]
