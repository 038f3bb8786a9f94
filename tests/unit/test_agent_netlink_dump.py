"""What the kernel answers to a dump, byte by byte: also what no test machine has."""

from __future__ import annotations

import ipaddress
import socket
import struct

from agent.netlink import dump

DONE, NEW_ADDRESS = 3, 20
AF_PHONET = 35


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 22, 0) + body


def address(family: int, length: int, octets: bytes) -> bytes:
    attribute = struct.pack("=HH", 4 + len(octets), 2) + octets
    padding = b"\0" * (-len(attribute) % 4)
    body = struct.pack("=BBBBI", family, length, 0, 0, 7) + attribute + padding
    return message(NEW_ADDRESS, body)


def test_addresses_of_other_families_than_ip_are_passed_over() -> None:
    kernel, agent = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with kernel, agent:
        kernel.send(
            address(AF_PHONET, 0, b"\x10")
            + address(socket.AF_INET, 24, ipaddress.ip_address("192.0.2.7").packed)
            + address(socket.AF_INET6, 64, ipaddress.ip_address("fd00::7").packed)
        )
        kernel.send(message(DONE, b"\0" * 4))
        found = dump._addresses(agent, strict=True)
    assert found == {7: {"192.0.2.7/24": False, "fd00::7/64": False}}
