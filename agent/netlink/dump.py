"""All links and addresses of a namespace, decoded by hand.

pyroute2 decodes every attribute of a link into objects, about two milliseconds each: a host with a
thousand devices would hold up the event loop, heartbeats included, for seconds at every look. Here
only the attributes that the agent decides on are read. Layouts are those of rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from agent.model import ADDRESS_MARK, Link

T = TypeVar("T")

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct("=I")

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_GETADDR = 16, 18, 20, 22
_NLM_F_REQUEST, _NLM_F_DUMP, _NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER = 1, 3, 4, 5, 10
_IFLA_LINKINFO, _IFLA_INFO_KIND, _IFLA_IFALIAS = 18, 1, 20
_IFA_ADDRESS, _IFA_LOCAL, _IFA_PROTO = 1, 2, 11
_OUR_MARK = bytes((ADDRESS_MARK,))
_IFF_UP = 0x1
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

# IFLA_EXT_MASK with RTEXT_FILTER_SKIP_STATS: no statistics, half of the bytes.
_SKIP_STATISTICS = struct.pack("=HHI", 8, 29, 1 << 3)
_LINK_REQUEST = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + _SKIP_STATISTICS
_ADDRESS_REQUEST = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)

_RECEIVE_SIZE = 1 << 18
_ATTEMPTS = 10
"""A dump that something changed under is read again; a host that never rests still gets one."""

Attributes = dict[int, bytes]
Addresses = Mapping[str, bool]
"""Addresses in CIDR form, and whether they bear our mark."""


class _InterruptedError(Exception):
    pass


def links() -> dict[str, Link]:
    """Every link of the calling thread's namespace by name, with its addresses."""
    return _whole(_links)


def addresses(ifindex: int) -> Addresses:
    """The addresses of one device in the calling thread's namespace."""
    return _whole(_addresses)[ifindex]


def _whole(look: Callable[[socket.socket, bool], T]) -> T:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    for attempt in range(1, _ATTEMPTS + 1):
        with socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE) as route:
            try:
                return look(route, attempt < _ATTEMPTS)
            except _InterruptedError:
                continue
    raise AssertionError("the last attempt takes what it gets")


def _links(route: socket.socket, strict: bool) -> dict[str, Link]:
    found = [
        (*_LINK.unpack_from(body)[2:4], _attributes(body, _LINK.size))
        for body in _dump(route, _RTM_GETLINK, _RTM_NEWLINK, _LINK_REQUEST, strict=strict)
    ]
    given = _addresses(route, strict)
    names = {index: _text(attributes, _IFLA_IFNAME) for index, _, attributes in found}
    return {
        names[index]: _link(index, flags, attributes, names, given[index])
        for index, flags, attributes in found
    }


def _link(
    index: int, flags: int, found: Attributes, names: dict[int, str], given: Addresses
) -> Link:
    kind = _text(_attributes(found.get(_IFLA_LINKINFO, b""), 0), _IFLA_INFO_KIND)
    return Link(
        name=names[index],
        ifindex=index,
        kind=kind,
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=_number(found, _IFLA_MTU),
        up=bool(flags & _IFF_UP),
        alias=_text(found, _IFLA_IFALIAS),
        master=names.get(_number(found, _IFLA_MASTER), ""),
        peer_ifindex=_number(found, _IFLA_LINK) if kind == "veth" else 0,
        addresses=frozenset(given),
        owned_addresses=frozenset(cidr for cidr, ours in given.items() if ours),
    )


def _addresses(route: socket.socket, strict: bool) -> defaultdict[int, dict[str, bool]]:
    found: defaultdict[int, dict[str, bool]] = defaultdict(dict)
    for body in _dump(route, _RTM_GETADDR, _RTM_NEWADDR, _ADDRESS_REQUEST, strict=strict):
        family, length, _, _, index = _ADDRESS.unpack_from(body)
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue  # MCTP, Phonet and the like are answered as well
        attributes = _attributes(body, _ADDRESS.size)
        # Where the device has a remote end, IFA_ADDRESS is that one's.
        octets = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS, b""))
        address = ipaddress.ip_address(octets)
        if not (address.version == 6 and address.is_link_local):
            found[index][f"{address}/{length}"] = attributes.get(_IFA_PROTO) == _OUR_MARK
    return found


def _dump(
    route: socket.socket, request: int, answer: int, body: bytes, *, strict: bool
) -> Iterator[bytes]:
    length = _HEADER.size + len(body)
    route.send(_HEADER.pack(length, request, _NLM_F_REQUEST | _NLM_F_DUMP, request, 0) + body)
    while True:
        data, position = route.recv(_RECEIVE_SIZE), 0
        while position < len(data):
            length, kind, flags, _, _ = _HEADER.unpack_from(data, position)
            if strict and flags & _NLM_F_DUMP_INTR:
                raise _InterruptedError
            if kind == _NLMSG_DONE:
                return
            message = data[position + _HEADER.size : position + length]
            if kind == _NLMSG_ERROR:
                code = -struct.unpack_from("=i", message)[0]
                raise OSError(code, os.strerror(code))
            if kind == answer:
                yield message
            position += _aligned(length)


def _attributes(data: bytes, position: int) -> Attributes:
    found: Attributes = {}
    while position + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, position)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = data[position + _ATTRIBUTE.size : position + length]
        position += _aligned(length)
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _text(found: Attributes, kind: int) -> str:
    return found.get(kind, b"").rstrip(b"\0").decode(errors="replace")


def _number(found: Attributes, kind: int) -> int:
    value: int = _U32.unpack(found[kind])[0] if kind in found else 0
    return value
