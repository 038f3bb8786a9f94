"""Wakes the agent when a device or an address changed, here or in a workload's namespace.

What changed is not read from the notification: the agent looks at everything again anyway. So a
notification that the kernel had to drop (ENOBUFS) is the same as one that arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

RECEIVE_BUFFER = 16 * 1024 * 1024
"""Room for the burst of a host that creates thousands of devices at once."""

_GROUPS = 0x1 | 0x10 | 0x100  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_SOL_NETLINK = 270
_NETLINK_LISTEN_ALL_NSID = 8
_SO_RCVBUFFORCE = 33
_READS_PER_WAKE = 256


class Monitor:
    """Belongs to one event loop; ``overruns`` counts how often notifications were dropped."""

    def __init__(self, on_change: Callable[[], None], *, receive_buffer: int) -> None:
        self.overruns = 0
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
        except PermissionError:  # only looking needs no privilege, nor that much room
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # The kernel gives the namespaces of veth peers an id here, so that one socket hears of
        # them too. Where that is not allowed, the periodic resync sees what happens in there.
        with contextlib.suppress(OSError):
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
        self._socket.bind((0, _GROUPS))
        self._loop.add_reader(self._socket, self._drain)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _drain(self) -> None:
        for _ in range(_READS_PER_WAKE):
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                self.overruns += 1
        self._on_change()
