"""Ethernet frames that a test can tell from all others, sent and counted on packet sockets."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from time import monotonic

from agent.netlink.netns import call_in
from tests.support.netns import Namespace

BROADCAST = "ff:ff:ff:ff:ff:ff"

_ETHERTYPE = 0x88B5  # IEEE 802, for local experiments
_ETH_P_ALL = 3
_MARK = b"ovsfleet frame "
_OUTER_SOURCE, _OUTER_DESTINATION = slice(26, 30), slice(30, 34)
_ROOM = 1 << 22


class Tap:
    """A packet socket on one device; it hears from its making on."""

    def __init__(self, where: Namespace, device: str) -> None:
        self._socket = call_in(where.name, partial(_opened, device))

    def close(self) -> None:
        self._socket.close()

    def send(self, source: str, destination: str, word: str) -> None:
        head = _packed(destination) + _packed(source) + struct.pack("!H", _ETHERTYPE)
        self._socket.send((head + _MARK + word.encode() + b" ").ljust(60, b"\0"))

    def send_raw(self, frame: bytes) -> None:
        self._socket.send(frame)

    def heard(self) -> list[bytes]:
        """Whatever arrived since the last call."""
        return [frame for frame, kind in self._arrived() if kind != socket.PACKET_OUTGOING]

    def received(self) -> list[str]:
        """The words of the frames that arrived since the last call."""
        return [_word(frame) for frame in self._frames() if _is_plain(frame)]

    def encapsulated(self) -> Counter[tuple[str, str, str]]:
        """How often (outer source, outer destination, word) arrived since the last call."""
        return Counter(
            (_address(frame[_OUTER_SOURCE]), _address(frame[_OUTER_DESTINATION]), _word(frame))
            for frame in self._frames()
            if not _is_plain(frame)
        )

    def _frames(self) -> list[bytes]:
        return [frame for frame in self.heard() if _MARK in frame]

    def _arrived(self) -> Iterator[tuple[bytes, int]]:
        while True:
            try:
                frame, (_, _, kind, *_) = self._socket.recvfrom(65536)
            except BlockingIOError:
                return
            yield frame, kind


def hear(tap: Tap, awaited: Collection[str], within: float = 10.0) -> list[str]:
    """The words that arrive until all that are awaited are among them."""
    words: list[str] = []
    give_up = monotonic() + within
    while not words or not set(awaited) <= set(words):
        assert monotonic() < give_up, f"awaited {awaited}, heard only {words}"
        words += tap.received()
    return words


def _opened(device: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
    made.bind((device, 0))
    made.setblocking(False)
    return made


def _is_plain(frame: bytes) -> bool:
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    return bool(ethertype == _ETHERTYPE)


def _word(frame: bytes) -> str:
    return frame.split(_MARK, 1)[1].split(b" ", 1)[0].decode()


def _packed(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))
