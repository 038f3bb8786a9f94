"""Keeps a device's other addresses when one is taken from it.

Of the IPv4 addresses that a device has in one network, the kernel calls the first the primary one
and, by default, deletes the others together with it: somebody else's, too. With
``promote_secondaries`` the next one takes its place. It is set by netlink and not by its sysctl,
because a service that may change devices often may not write to /proc/sys.
"""

from __future__ import annotations

import os
import socket
import struct

_RTM_SETLINK = 19
_NLM_F_REQUEST_ACK = 0x5
_IFLA_AF_SPEC, _IFLA_INET_CONF, _IPV4_DEVCONF_PROMOTE_SECONDARIES = 26, 1, 20
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")


def enable(ifindex: int) -> None:
    """``sysctl net.ipv4.conf.<device>.promote_secondaries=1`` in the calling thread's namespace."""
    setting = _attribute(_IPV4_DEVCONF_PROMOTE_SECONDARIES, struct.pack("=I", 1))
    of_ipv4 = _attribute(socket.AF_INET, _attribute(_IFLA_INET_CONF, setting))
    body = _LINK.pack(socket.AF_UNSPEC, 0, ifindex, 0, 0) + _attribute(_IFLA_AF_SPEC, of_ipv4)
    header = _HEADER.pack(_HEADER.size + len(body), _RTM_SETLINK, _NLM_F_REQUEST_ACK, 0, 0)
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE) as route:
        route.send(header + body)
        (code,) = struct.unpack_from("=i", route.recv(4096), _HEADER.size)
    if code:
        raise OSError(-code, os.strerror(-code))


def _attribute(kind: int, content: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(content), kind) + content
