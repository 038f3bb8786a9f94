"""Which device and address the kernel would send from to an address (RTM_GETROUTE, rtnetlink(7)).

One request for each, and no table is dumped: a host may have a million routes.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator, Mapping

from agent.netlink import wire
from agent.observed import SOMEWHERE, Way

_RTM_GETROUTE = 26
_ROUTE = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, length of dst and of src, tos, table, protocol, scope, type, flags."""
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC, _RTA_VIA = 1, 4, 5, 7, 18
_FAMILY_BYTES = 2
"""Before the address in an RTA_VIA, a gateway of the other family (struct rtvia)."""

Ways = Mapping[str, Way]
"""By destination."""


def ways_to(destinations: frozenset[str], names: Mapping[int, str]) -> Ways:
    """To those that the kernel knows a way to; ``names`` are of devices, by their indices."""
    known = sorted(destinations - {SOMEWHERE})
    if not known:
        return {}
    with wire.conversation() as route:
        return {way.destination: way for way in _ways(route, known, names)}


def _ways(route: socket.socket, destinations: list[str], names: Mapping[int, str]) -> Iterator[Way]:
    for each in destinations:
        try:
            found = _ask(route, each)
        except OSError:
            continue  # ENETUNREACH and the like: there is none now
        if device := names.get(wire.number(found, _RTA_OIF)):
            yield Way(each, device, _address(found.get(_RTA_PREFSRC)), _gateway(found))


def _ask(route: socket.socket, destination: str) -> wire.Attributes:
    address = ipaddress.ip_address(destination)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    header = _ROUTE.pack(family, address.max_prefixlen, 0, 0, 0, 0, 0, 0, 0)
    request = header + wire.attribute(_RTA_DST, address.packed)
    return wire.attributes(wire.ask(route, _RTM_GETROUTE, request), _ROUTE.size)


def _gateway(found: wire.Attributes) -> str:
    via = found.get(_RTA_VIA, b"")[_FAMILY_BYTES:]
    return _address(found.get(_RTA_GATEWAY, via))


def _address(packed: bytes | None) -> str:
    return str(ipaddress.ip_address(packed)) if packed else ""
