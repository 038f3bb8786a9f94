"""A short rtnetlink conversation with one network namespace.

Every conversation has a socket of its own, made inside the namespace and closed at its end: no
descriptor per namespace stays open, and an error of one request cannot reach another's.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from pyroute2 import AsyncIPRoute

from agent.netlink import netns

Rtnl: TypeAlias = Any
"""A ``pyroute2.AsyncIPRoute``; pyroute2 has no types."""

_SOL_NETLINK = 270
_NETLINK_EXT_ACK = 11


@asynccontextmanager
async def rtnl(namespace: str | None) -> AsyncIterator[Rtnl]:
    """Talk to the kernel inside the named namespace; None is the one we run in."""
    async with AsyncIPRoute(use_socket=netns.call_in(namespace, _open)) as route:
        yield route


def _open() -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    made = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    # The kernel then says in words what it refused.
    made.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
    return made
