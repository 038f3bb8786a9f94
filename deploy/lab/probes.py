"""Looking at the fabric from outside: pings, captures, and a sequence-numbered sender.

Nothing here asks ovsfleet how it is doing. An `Endpoint` is a workload's end of a port: a device in
a namespace, with the address that intent gave it.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.lab.shell import LabError, probe, wait_until
from deploy.lab.topology import UNDERLAY_NETNS, LabPlan

_TRAFFIC = Path(__file__).with_name("traffic.py")
VXLAN_PORTS = (4789, 8472)
"""Of the backends ovs and kernel (RFC 7348, 5; the kernel's own default)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A workload's end of a port."""

    name: str
    host: str
    netns: str
    device: str
    address: str
    """Without prefix length."""
    segment: str


def ping_all(pairs: Sequence[tuple[Endpoint, Endpoint]], wait: float = 1.0) -> set[tuple[str, str]]:
    """Pings every pair at once; returns the (source, target) names that got an answer.

    Bound to a device (-I), ping sends ARP on it for any address, so that a pair in two segments is
    a real attempt to cross and not a missing route.
    """
    running = [
        (
            (source.name, target.name),
            probe(
                f"ip netns exec {source.netns} ping -n -q -c1 -W{wait} "
                f"-I {source.device} {target.address}",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ),
        )
        for source, target in pairs
    ]
    return {names for names, child in running if child.wait(timeout=30) == 0}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a sender's datagrams."""

    sent: int
    rate: float
    """Achieved, datagrams per second."""
    lost: int
    repeated: int
    longest_gap_ms: float
    """Between two arrivals."""


class Flow:
    """A running sequence-numbered UDP flow between two endpoints."""

    def __init__(self, source: Endpoint, target: Endpoint, rate: int) -> None:
        self._receiver = _spawn(target, "receive", target.address)
        wait_until("the receiver", lambda: _line(self._receiver) == "ready", 10)
        self._sender = _spawn(source, "send", target.address, str(rate))
        if _line(self._sender) != "warm":
            raise LabError(f"no datagram from {source.name} reached {target.name}")

    def finish(self) -> Delivery:
        """Stops the sender, lets the last datagrams arrive, and compares both ends."""
        sent = _finish(self._sender)
        got = _finish(self._receiver)
        return Delivery(
            sent["sent"],
            sent["rate"],
            sent["sent"] - got["distinct"],
            got["repeated"],
            got["longest_gap_ms"],
        )


def _spawn(where: Endpoint, *words: str) -> subprocess.Popen[str]:
    command = f"ip netns exec {where.netns} {sys.executable} {_TRAFFIC} {' '.join(words)}"
    return probe(command, stdout=subprocess.PIPE)


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None  # noqa: S101
    return child.stdout.readline().strip()


def _finish(child: subprocess.Popen[str]) -> dict[str, Any]:
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=15)
    figures: dict[str, Any] = json.loads(out)
    return figures


@contextmanager
def flow(source: Endpoint, target: Endpoint, rate: int = 600) -> Iterator[Flow]:
    """A flow that never outlives the block."""
    running = Flow(source, target, rate)
    try:
        yield running
    finally:
        for child in (running._sender, running._receiver):  # noqa: SLF001
            if child.poll() is None:
                child.kill()
            child.wait(timeout=5)


def broadcast_copies(source: Endpoint, targets: Sequence[Endpoint], count: int) -> dict[str, int]:
    """Sends ``count`` marked broadcast frames and counts how many each target saw."""
    listeners = [(target, _spawn(target, "listen", target.device)) for target in targets]
    for target, listener in listeners:
        if _line(listener) != "ready":
            raise LabError(f"cannot listen on {target.name}")
    shout = _spawn(source, "broadcast", source.device, str(count))
    shout.communicate(timeout=20)
    return {target.name: int(_finish(listener)["seen"]) for target, listener in listeners}


@dataclass(frozen=True, slots=True)
class Capture:
    """Frames that hosts sent into the underlay, by UDP port and VNI."""

    frames_by_target: dict[tuple[int, str], int]
    """By VNI and the address they were sent to."""
    other_frames: int
    """UDP datagrams to another port than VXLAN's."""

    @property
    def frames_by_vni(self) -> dict[int, int]:
        by_vni: Counter[int] = Counter()
        for (vni, _), count in self.frames_by_target.items():
            by_vni[vni] += count
        return dict(by_vni)


class UnderlayCapture:
    """tcpdump(8) on every host's underlay link, in the direction host to switch."""

    def __init__(self, plan: LabPlan, directory: Path) -> None:
        self._files = [directory / f"{host.underlay_link}.pcap" for host in plan.hosts]
        self._children = [
            probe(
                f"ip netns exec {UNDERLAY_NETNS} tcpdump -i {host.underlay_link} "
                f"-Q in -s 128 --immediate-mode -U -Z root -w {path} udp",
                stderr=subprocess.PIPE,
            )
            for host, path in zip(plan.hosts, self._files, strict=True)
        ]
        for child in self._children:
            assert child.stderr is not None  # noqa: S101
            while not re.search("listening on", line := child.stderr.readline()):
                if not line:
                    raise LabError("tcpdump did not start")

    def finish(self) -> Capture:
        for child in self._children:
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=10)
        by_target: Counter[tuple[int, str]] = Counter()
        other = 0
        for path in self._files:
            for frame in _frames(path.read_bytes()):
                vni = _vni(frame)
                if vni is None:
                    other += 1
                else:
                    by_target[vni, socket.inet_ntoa(frame[30:34])] += 1
        return Capture(dict(by_target), other)


def _frames(pcap: bytes) -> Iterator[bytes]:
    """Frames of a little-endian pcap file (pcap-savefile(5))."""
    offset = 24
    while offset + 16 <= len(pcap):
        (length,) = struct.unpack_from("<8xI", pcap, offset)
        yield pcap[offset + 16 : offset + 16 + length]
        offset += 16 + length


def _vni(frame: bytes) -> int | None:
    """The VNI of an Ethernet/IPv4/UDP frame to a port of VXLAN (RFC 7348, 5), or None."""
    udp = 14 + (frame[14] & 0x0F) * 4
    (port,) = struct.unpack_from("!H", frame, udp + 2)
    return int.from_bytes(frame[udp + 12 : udp + 15]) if port in VXLAN_PORTS else None
