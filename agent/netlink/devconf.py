"""What IPv4 and IPv6 do on one device: net.ipv4.conf and net.ipv6.conf, as rtnetlink has them.

By netlink and not by sysctl wherever it goes, because a service that may change devices often may
not write to /proc/sys. Holds no state, and decides nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

from agent.netlink import wire

IPV4_RP_FILTER, IPV4_ARP_IGNORE, IPV4_PROMOTE_SECONDARIES = 8, 19, 20
"""Numbers of IPV4_DEVCONF_*, which begin at one."""
IPV6_DISABLE = 26
"""Number of DEVCONF_DISABLE_IPV6; those begin at zero."""

_INET_CONF, _INET6_CONF = 1, 2
_U32 = struct.Struct("=I")

Settings = Mapping[int, int]
"""Value by number; empty for a device that does without the protocol."""


def ipv4(link: wire.Attributes) -> Settings:
    return dict(enumerate(_values(link, socket.AF_INET, _INET_CONF), start=1))


def ipv6(link: wire.Attributes) -> Settings:
    return dict(enumerate(_values(link, socket.AF_INET6, _INET6_CONF)))


def _values(link: wire.Attributes, family: int, kind: int) -> list[int]:
    families = wire.attributes(link.get(wire.IFLA_AF_SPEC, b""), 0)
    encoded = wire.attributes(families.get(family, b""), 0).get(kind, b"")
    return [value for (value,) in _U32.iter_unpack(encoded)]


def set_ipv4(route: socket.socket, ifindex: int, wanted: Settings) -> None:
    settings = b"".join(wire.attribute(kind, _U32.pack(value)) for kind, value in wanted.items())
    of_ipv4 = wire.attribute(socket.AF_INET, wire.attribute(_INET_CONF, settings))
    body = wire.LINK.pack(socket.AF_UNSPEC, 0, ifindex, 0, 0)
    body += wire.attribute(wire.IFLA_AF_SPEC, of_ipv4)
    wire.ask(route, wire.RTM_SETLINK, body, wire.NLM_F_ACK)
