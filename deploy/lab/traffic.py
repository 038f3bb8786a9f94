"""Traffic generator and counters; runs alone inside a workload's namespace, standard library only.

    traffic.py receive ADDRESS          counts sequence-numbered datagrams, echoes the warm-up
    traffic.py send ADDRESS RATE        warms up until an echo arrives, then numbers datagrams
    traffic.py listen DEVICE            counts marked broadcast frames
    traffic.py broadcast DEVICE COUNT   sends them

Each says in a line when it is ready, and prints its figures as JSON when it gets SIGTERM.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import struct
import sys
import time

_PORT = 40404
_WARM_UP = 0xFFFF_FFFF_FFFF_FFFF
_ETHERTYPE = 0x88B5
"""IEEE 802 local experimental."""
_SO_RCVBUFFORCE = 33
"""asm-generic/socket.h; Python has no name for it."""
_MARK = b"ovsfleet lab broadcast"


class _Stop(Exception):  # noqa: N818
    """SIGTERM arrived while there was nothing to do but wait."""


def _on_term(*_: object) -> None:
    raise _Stop


def _say(word: str) -> None:
    print(word, flush=True)


def receive(address: str) -> None:
    inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inbox.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
    inbox.bind((address, _PORT))
    seen: set[int] = set()
    repeated, last, gap = 0, 0.0, 0.0
    _say("ready")
    with contextlib.suppress(_Stop):
        while True:
            data, sender = inbox.recvfrom(64)
            (number,) = struct.unpack_from("!Q", data)
            if number == _WARM_UP:
                inbox.sendto(data, sender)
                continue
            now = time.monotonic()
            gap = max(gap, now - last) if last else 0.0
            last = now
            repeated += number in seen
            seen.add(number)
    figures = {"distinct": len(seen), "repeated": repeated, "longest_gap_ms": round(gap * 1e3, 1)}
    _say(json.dumps(figures))


def _warm_up(outbox: socket.socket) -> None:
    """Sends until an echo comes back: neighbours are resolved and addresses learned by then."""
    outbox.settimeout(0.1)
    for _ in range(100):
        with contextlib.suppress(TimeoutError, OSError):
            outbox.send(struct.pack("!Q", _WARM_UP))
            outbox.recv(64)
            _say("warm")
            return
    raise SystemExit("no echo within 10 s")


def send(address: str, rate: int) -> None:
    outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outbox.connect((address, _PORT))
    _warm_up(outbox)
    # A flag and not an exception, which could come between a datagram and its number's count.
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    number, started = 0, time.monotonic()
    while not stopped:
        outbox.send(struct.pack("!Q", number).ljust(56, b"\0"))
        number += 1
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
    elapsed = time.monotonic() - started
    time.sleep(0.5)  # Let the last ones arrive before the receiver is asked.
    _say(json.dumps({"sent": number, "rate": round(number / elapsed, 1)}))


def _raw(device: str) -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE))
    raw.bind((device, _ETHERTYPE))
    return raw


def listen(device: str) -> None:
    inbox = _raw(device)
    seen = 0
    _say("ready")
    with contextlib.suppress(_Stop):
        while True:
            frame, address = inbox.recvfrom(256)
            # Frames that this device itself sent are delivered to packet sockets as well.
            seen += _MARK in frame and address[2] != socket.PACKET_OUTGOING
    _say(json.dumps({"seen": seen}))


def broadcast(device: str, count: int) -> None:
    outbox = _raw(device)
    source = outbox.getsockname()[4]
    frame = b"\xff" * 6 + source + struct.pack("!H", _ETHERTYPE) + _MARK.ljust(46, b"\0")
    for _ in range(count):
        outbox.send(frame)
        time.sleep(0.01)
    time.sleep(0.5)


def main() -> None:
    signal.signal(signal.SIGTERM, _on_term)
    command, *words = sys.argv[1:]
    if command == "receive":
        receive(words[0])
    elif command == "send":
        send(words[0], int(words[1]))
    elif command == "listen":
        listen(words[0])
    elif command == "broadcast":
        broadcast(words[0], int(words[1]))
    else:
        raise SystemExit(f"unknown command {command!r}")


if __name__ == "__main__":
    main()
