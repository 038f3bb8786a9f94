"""Where webhooks may be sent to: nowhere that only the controller itself can reach.

Pure. Whoever may make a webhook makes the controller send requests, so the controller must not be a
way to its own loopback services, to a cloud's metadata on a link-local address, or to itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

REFUSED_PORTS = frozenset({22, 25})
"""SSH and SMTP: mistaken for a client, we would only do harm there."""

MOST_URL_CHARACTERS = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}

_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::ffff:0:0:0/96"))
"""Their last 32 bits are the IPv4 address that a translator (NAT64, SIIT) sends to."""
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
_LOCAL_NAT64 = "an address that a network may translate to any IPv4 address"
_METADATA = "a cloud's metadata service"
_REFUSED_NETWORKS = {
    ipaddress.ip_network("64:ff9b:1::/48"): _LOCAL_NAT64,
    ipaddress.ip_network("100.100.100.200"): _METADATA,
    ipaddress.ip_network("168.63.129.16"): _METADATA,
    ipaddress.ip_network("192.0.0.192"): _METADATA,
    ipaddress.ip_network("fd00:ec2::254"): _METADATA,
}


class Target(NamedTuple):
    scheme: str
    host: str
    """A name, or an address without brackets."""
    port: int


class TargetError(ValueError):
    """A URL or an address that nothing is sent to; the message says why."""


def parse_url(url: str, *, allow_loopback: bool) -> Target:
    """Check what can be checked without asking DNS; TargetError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetError("its host or port cannot be read") from error
    _check_parts(url, parts)
    if port is None:
        port = _DEFAULT_PORTS[parts.scheme]
    if port == 0 or port in REFUSED_PORTS:
        raise TargetError(f"port {port} is not one that webhooks are sent to")
    host = parts.hostname or ""
    address = _literal(host)
    if address is not None:
        check_address(address, is_own=False, allow_loopback=allow_loopback)
    return Target(parts.scheme, host, port)


def _check_parts(url: str, parts: SplitResult) -> None:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise TargetError("it has characters that a URL cannot have: write them percent-encoded")
    if len(url) > MOST_URL_CHARACTERS:
        raise TargetError(f"it is longer than {MOST_URL_CHARACTERS} characters")
    if parts.scheme not in _DEFAULT_PORTS:
        raise TargetError(f"its scheme is {parts.scheme!r}, not http or https")
    if not parts.hostname:
        raise TargetError("it names no host")
    if parts.username is not None or parts.password is not None:
        raise TargetError("it holds a user or password, which everybody who reads it would see")
    if parts.fragment:
        raise TargetError("it has a fragment (#), which is never sent")


def check_address(address: IpAddress, *, is_own: bool, allow_loopback: bool) -> None:
    """TargetError when the address is of a class, or a machine, that nothing is sent to.

    ``is_own``: it is an address of this machine."""
    if address.is_multicast:
        raise TargetError(f"{address} is a multicast address")
    for embedded in embedded_ipv4(address):
        check_address(embedded, is_own=is_own, allow_loopback=allow_loopback)
    if (is_own or address.is_loopback) and allow_loopback:
        return
    if kind := _refused_class(address):
        raise TargetError(f"{address} is {kind}")
    if is_own:
        raise TargetError(f"{address} is the controller's own address")


def _refused_class(address: IpAddress) -> str:
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address"
    if address.is_unspecified or address in _THIS_NETWORK:
        return "an unspecified address"
    if isinstance(address, ipaddress.IPv4Address) and address.is_reserved:
        return "a reserved or broadcast address"
    return next((kind for network, kind in _REFUSED_NETWORKS.items() if address in network), "")


def embedded_ipv4(address: IpAddress) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that packets to an IPv6 address may end up at."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    is_compatible = address in _COMPATIBLE and int(address) > 1
    is_isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    if is_compatible or is_isatap or any(address in network for network in _TRANSLATED):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        yield address.teredo[1]
    yield from filter(None, (address.ipv4_mapped, address.sixtofour))


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
