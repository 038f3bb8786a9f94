"""What a tenant can send to reach the host below its segment, and whether the host let it in."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from tests.support.agent_frames import BROADCAST, Tap
from tests.support.netns import Namespace

HOST_ADDRESS, INTRUDER_ADDRESS = "192.0.2.1", "192.0.2.77"
INTRUDER = "0a:01:00:00:00:77"
LLDP = "01:80:c2:00:00:0e"
"""What a Linux bridge does not forward it leaves to its port's own stack."""

_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_ALL_NODES = "ff02::1"


@dataclass(frozen=True)
class Reaction:
    """What the host did about it."""

    answered: bool
    """It told its MAC address for one of its addresses."""
    took_packets: int
    routes: str


def intrude(tap: Tap, device_mac: str) -> None:
    """Ask for the host's address, ping it, and offer it a router."""
    for destination in (BROADCAST, LLDP):
        tap.send_raw(_frame(destination, _ARP, _arp_request()))
    tap.send_raw(_frame(device_mac, _IPV4, _echo_request()))
    for destination in ("33:33:00:00:00:01", LLDP):
        tap.send_raw(_frame(destination, _IPV6, _router_advertisement()))


def reaction(host: Namespace, tap: Tap | None = None) -> Reaction:
    heard = tap.heard() if tap is not None else []
    return Reaction(any(map(_is_arp_reply, heard)), _echoes(host), _ipv6_of(host))


def _echoes(host: Namespace) -> int:
    names, counts = (
        line.split() for line in host.exec("cat", "/proc/net/snmp").splitlines() if "Icmp:" in line
    )
    return int(counts[names.index("InEchos")])


def _ipv6_of(host: Namespace) -> str:
    """Global addresses, and all routes but those of link-local addresses."""
    routes = host.ip("-6", "route", "show", "table", "all")
    kept = [line.split(" expires ")[0] for line in routes.splitlines() if "fe80::" not in line]
    return "\n".join(line for line in kept if "ff00::/8" not in line)


def _is_arp_reply(frame: bytes) -> bool:
    return frame[12:14] == struct.pack("!H", _ARP) and frame[20:22] == b"\0\2"


def _frame(destination: str, ethertype: int, content: bytes) -> bytes:
    return _packed(destination) + _packed(INTRUDER) + struct.pack("!H", ethertype) + content


def _packed(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _arp_request() -> bytes:
    asker = _packed(INTRUDER) + socket.inet_aton(INTRUDER_ADDRESS)
    asked = bytes(6) + socket.inet_aton(HOST_ADDRESS)
    return struct.pack("!HHBBH", 1, _IPV4, 6, 4, 1) + asker + asked


def _echo_request() -> bytes:
    echo = struct.pack("!BBHHH", 8, 0, _checksum(struct.pack("!BBHHH", 8, 0, 0, 1, 1)), 1, 1)
    ends = socket.inet_aton(INTRUDER_ADDRESS) + socket.inet_aton(HOST_ADDRESS)
    words = (0x45, 0, 20 + len(echo), 1, 0, 64, socket.IPPROTO_ICMP)
    head = struct.pack("!BBHHHBBH", *words, 0) + ends
    return struct.pack("!BBHHHBBH", *words, _checksum(head)) + ends + echo


def _router_advertisement() -> bytes:
    """Of a default router, with a prefix to make an address from."""
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0)
    options = prefix + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    options += struct.pack("!BB", 1, 1) + _packed(INTRUDER)
    ends = b"".join(socket.inet_pton(socket.AF_INET6, each) for each in ("fe80::99", _ALL_NODES))
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + options
    checksum = _checksum(ends + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6) + body)
    body = body[:2] + struct.pack("!H", checksum) + body[4:]
    head = struct.pack("!IHBB", 0x60000000, len(body), socket.IPPROTO_ICMPV6, 255)
    return head + ends + body


def _checksum(content: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
