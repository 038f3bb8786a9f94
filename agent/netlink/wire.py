"""Netlink messages by hand (netlink(7)): headers, attributes, dumps, and rtnetlink(7)'s numbers.

For what is read or written in thousands, where pyroute2's objects would hold up the event loop for
seconds. Knows nothing of what is to become of what it reads, and keeps nothing.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

HEADER = struct.Struct("=IHHII")
LINK = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, type, index, flags, change."""
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x1, 0x4, 0x300, 0x10
RECEIVE_SIZE = 1 << 18

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
IFLA_IFNAME, IFLA_MASTER, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC = 3, 10, 18, 20, 26
IFLA_INFO_KIND = 1

_ATTRIBUTE = struct.Struct("=HH")
_ADDRESS = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_ERROR = struct.Struct("=i")
_U32 = struct.Struct("=I")
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_ATTEMPTS = 10
"""A dump that something changed under is read again; a host that never rests still gets one."""

Attributes = dict[int, bytes]


def attribute(kind: int, content: bytes) -> bytes:
    padding = bytes(-len(content) % 4)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(content), kind) + content + padding


WITHOUT_STATISTICS = attribute(29, _U32.pack(1 << 3))
"""IFLA_EXT_MASK with RTEXT_FILTER_SKIP_STATS: half of the bytes."""


class _InterruptedError(Exception):
    pass


def conversation() -> socket.socket:
    """A socket for rtnetlink(7) in the calling thread's namespace, for the caller to close."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    return socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)


def whole(look: Callable[[socket.socket, bool], T]) -> T:
    """What ``look`` finds when nothing changes meanwhile; it is given a socket and strictness."""
    for attempt in range(1, _ATTEMPTS + 1):
        with conversation() as route:
            try:
                return look(route, attempt < _ATTEMPTS)
            except _InterruptedError:
                continue
    raise AssertionError("the last attempt takes what it gets")


def dump(
    route: socket.socket, request: int, answer: int, body: bytes, *, strict: bool
) -> Iterator[bytes]:
    """The bodies of all messages of type ``answer`` that the request is answered with."""
    flags = NLM_F_REQUEST | NLM_F_DUMP
    route.send(HEADER.pack(HEADER.size + len(body), request, flags, request, 0) + body)
    while True:
        data, position = route.recv(RECEIVE_SIZE), 0
        while position < len(data):
            length, kind, flags, _, _ = HEADER.unpack_from(data, position)
            if strict and flags & NLM_F_DUMP_INTR:
                raise _InterruptedError
            if kind == NLMSG_DONE:
                return
            message = data[position + HEADER.size : position + length]
            if kind == NLMSG_ERROR:
                code = -_ERROR.unpack_from(message)[0]
                raise OSError(code, os.strerror(code))
            if kind == answer:
                yield message
            position += aligned(length)


def ask(route: socket.socket, request: int, body: bytes, flags: int = 0) -> bytes:
    """The body of the one answer, empty for an acknowledgement; OSError if it is a refusal."""
    length = HEADER.size + len(body)
    route.send(HEADER.pack(length, request, NLM_F_REQUEST | flags, request, 0) + body)
    answer = route.recv(RECEIVE_SIZE)
    length, kind = HEADER.unpack_from(answer)[:2]
    if kind != NLMSG_ERROR:
        return answer[HEADER.size : length]
    code = -_ERROR.unpack_from(answer, HEADER.size)[0]
    if code:
        raise OSError(code, os.strerror(code))
    return b""


def links(route: socket.socket, options: bytes, *, strict: bool) -> Iterator[bytes]:
    """The bodies of the devices that ``options``, attributes of the request, let through."""
    request = LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + options
    return dump(route, RTM_GETLINK, RTM_NEWLINK, request, strict=strict)


def get_link(route: socket.socket, ifindex: int, options: bytes = b"") -> bytes:
    """The body of one device; its index may be 0 if ``options`` name it. OSError if it is gone."""
    request = LINK.pack(socket.AF_UNSPEC, 0, ifindex, 0, 0) + options
    return ask(route, RTM_GETLINK, request)


def addresses(route: socket.socket, *, strict: bool) -> Iterator[tuple[int, int, int, Attributes]]:
    """Family, prefix length, device and attributes of each address."""
    request = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    for body in dump(route, _RTM_GETADDR, _RTM_NEWADDR, request, strict=strict):
        family, length, _, _, index = _ADDRESS.unpack_from(body)
        yield family, length, index, attributes(body, _ADDRESS.size)


def own_address(found: Attributes) -> bytes:
    """Where the device has a remote end, IFA_ADDRESS is that one's."""
    return found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS, b""))


def attributes(data: bytes, position: int) -> Attributes:
    found: Attributes = {}
    while position + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, position)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = data[position + _ATTRIBUTE.size : position + length]
        position += aligned(length)
    return found


def aligned(length: int) -> int:
    return (length + 3) & ~3


def text(found: Attributes, kind: int) -> str:
    return found.get(kind, b"").rstrip(b"\0").decode(errors="replace")


def number(found: Attributes, kind: int) -> int:
    value: int = _U32.unpack(found[kind])[0] if kind in found else 0
    return value
