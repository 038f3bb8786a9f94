"""Wakes the agent when a device, an address or a forwarding entry of ours changed.

Devices and addresses count here and in workloads' namespaces. What changed is not read from the
notification: the agent looks again anyway, at everything but forwarding tables that nothing was
heard of. With a notification that the kernel had to drop (ENOBUFS), all of them may have changed.
Of neighbours only those are heard that somebody made in the table of a vxlan device of ours, or in
a bridge for it: what bridges learn and ARP finds out changes all day, and a neighbour of ours that
is deleted cannot be told from those.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import Callable

from agent.netlink import fdb, wire

RECEIVE_BUFFER = 16 * 1024 * 1024
"""Room for the burst of a host that creates thousands of devices at once."""

_GROUPS = 0x1 | 0x4 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_NEIGH, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""
_SOL_NETLINK = 270
_NETLINK_LISTEN_ALL_NSID = 8
_SO_RCVBUFFORCE, _SO_ATTACH_FILTER = 33, 26
_READS_PER_WAKE, _READS_PER_LOOK = 256, 4096

_TYPE_AT, _FAMILY_AT, _FLAGS_AT = 4, wire.HEADER.size, wire.HEADER.size + 10
_LOAD_HALF, _LOAD_BYTE, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x28, 0x30, 0x15, 0x45, 0x06
_ALL, _NOTHING = 0xFFFFFFFF, 0


class Monitor:
    """Belongs to one event loop; ``overruns`` counts how often notifications were dropped."""

    def __init__(self, on_change: Callable[[], None], *, receive_buffer: int) -> None:
        self.overruns = 0
        self._on_change = on_change
        self._vxlans: frozenset[int] = frozenset()
        self._unknown: set[int] = set()
        """Devices with changed entries that were not known as ours when we heard of it."""
        self._changed: set[int] = set()
        """Devices that are not as they were, or whose tables are not, since somebody asked."""
        self._any_changed = False
        self._loop = asyncio.get_running_loop()
        self._socket = _listener(receive_buffer)
        self._loop.add_reader(self._socket, self._drain, _READS_PER_WAKE)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def watch_tables(self, ifindices: frozenset[int]) -> None:
        """The vxlan devices of ours, as of a look at the host that is just over."""
        missed = bool(self._unknown & ifindices)
        self._vxlans = ifindices
        self._unknown.clear()
        if missed:
            self._on_change()

    def changed_tables(self) -> frozenset[int] | None:
        """Devices whose tables changed since the last call; None: any may have changed.

        All that was done to them before counts: the kernel tells of a change before it is over.
        """
        if not self._drain(_READS_PER_LOOK):
            return None  # and what it drops from now on, it will not mention
        changed = None if self._any_changed else frozenset(self._changed)
        self._changed.clear()
        self._any_changed = False
        return changed

    def _drain(self, reads: int) -> bool:
        """Whether nothing is left to be read."""
        heard = emptied = False
        for _ in range(reads):
            try:
                heard |= self._matters(self._socket.recv(65536))
            except BlockingIOError:
                emptied = True
                break
            except OSError:
                self.overruns += 1
                heard = self._any_changed = True
        if heard:
            self._on_change()
        return emptied

    def _matters(self, message: bytes) -> bool:
        kind = wire.HEADER.unpack_from(message)[1]
        if kind in (wire.RTM_NEWLINK, wire.RTM_DELLINK):
            self._changed.add(wire.LINK.unpack_from(message, wire.HEADER.size)[2])
        if kind not in (fdb.RTM_NEWNEIGH, fdb.RTM_DELNEIGH):
            return True
        index = fdb.NEIGHBOUR.unpack_from(message, wire.HEADER.size)[1]
        self._changed.add(index)
        if index not in self._vxlans:
            self._unknown.add(index)
            return False
        return True


def _listener(receive_buffer: int) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    made = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
    except PermissionError:  # only looking needs no privilege, nor that much room
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    # The kernel gives the namespaces of veth peers an id here, so that one socket hears of
    # them too. Where that is not allowed, the periodic resync sees what happens in there.
    with contextlib.suppress(OSError):
        made.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
    _attach_filter(made)
    made.bind((0, _GROUPS))
    return made


def _attach_filter(listener: socket.socket) -> None:
    """Have the kernel drop all neighbours but forwarding entries that somebody made.

    A classic BPF program: (code, jump if true, jump if false, operand), jumps relative to the next
    instruction. A program reads in network byte order, netlink writes in the host's.
    """
    program = [
        (_LOAD_HALF, 0, 0, _TYPE_AT),
        (_JUMP_EQUAL, 1, 0, socket.htons(fdb.RTM_NEWNEIGH)),
        (_JUMP_EQUAL, 0, 4, socket.htons(fdb.RTM_DELNEIGH)),
        (_LOAD_BYTE, 0, 0, _FAMILY_AT),
        (_JUMP_EQUAL, 0, 3, socket.AF_BRIDGE),
        (_LOAD_BYTE, 0, 0, _FLAGS_AT),
        (_JUMP_SET, 0, 1, fdb.NTF_SELF | fdb.NTF_EXT_LEARNED),
        (_RETURN, 0, 0, _ALL),
        (_RETURN, 0, 0, _NOTHING),
    ]
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    buffer = ctypes.create_string_buffer(code)
    listener.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HP", len(program), ctypes.addressof(buffer)),
    )
