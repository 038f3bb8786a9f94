"""The kernel's counters of the devices that matter: IFLA_STATS64 of rtnetlink(7), by hand.

A host has thousands of devices whose counters are Open vSwitch's to tell. Asked for are only vxlan
devices, ports of Linux bridges of ours, and what carries the underlay. Holds no state; runs in a
thread of the namespace that the agent manages.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.model import alias
from agent.netlink import bridge_links, wire
from agent.netlink.wire import (
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    LINK,
    WITHOUT_STATISTICS,
    attribute,
    attributes,
    number,
    text,
    whole,
)

MAX_UNDERLAY = 64
"""Devices under one VTEP: more than any host has, fewer than what could slow a poll down."""

_IFLA_STATS64 = 23
_COUNTS = struct.Struct("=18Q")
"""The first fields of struct rtnl_link_stats64, of which those without a name are not told."""
_NAMES = (
    *("rx_packets", "tx_packets", "rx_bytes", "tx_bytes"),
    *("rx_errors", "tx_errors", "rx_dropped", "tx_dropped"),
    *("multicast", "collisions"),
    *("",) * 7,
    "tx_carrier_errors",
)


@dataclass(frozen=True, slots=True)
class DeviceCounters:
    name: str
    ifindex: int
    alias: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class KernelCounters:
    """``bridged`` is what is on Linux bridges of ours, ``underlay`` what carries tunnels."""

    vxlan: tuple[DeviceCounters, ...] = ()
    bridged: tuple[DeviceCounters, ...] = ()
    underlay: tuple[DeviceCounters, ...] = ()


def take(
    owner: str, vteps: Collection[str], uplinks: Callable[[str], Iterable[str]]
) -> KernelCounters:
    """Read the counters; ``uplinks`` names the devices that lie under another one."""
    return whole(lambda route, strict: _take(route, owner, vteps, uplinks, strict=strict))


def _take(
    route: socket.socket,
    owner: str,
    vteps: Collection[str],
    uplinks: Callable[[str], Iterable[str]],
    *,
    strict: bool,
) -> KernelCounters:
    vxlan = _devices(_of_kind(route, "vxlan", b"", strict))
    bridges = _devices(_of_kind(route, "bridge", WITHOUT_STATISTICS, strict))
    ours = [each for each in bridges if each.alias.startswith(alias(owner, ""))]
    return KernelCounters(
        vxlan=vxlan,
        bridged=_devices(_bridged(route, ours, strict)),
        underlay=_underlay(route, _holders(route, vteps, strict), uplinks),
    )


def _of_kind(route: socket.socket, kind: str, options: bytes, strict: bool) -> Iterator[bytes]:
    name = kind.encode() + b"\0"
    wanted = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, name))
    # A kernel that has never loaded the kind's module answers with every device.
    needle = attribute(IFLA_INFO_KIND, name)
    return (
        message
        for message in wire.links(route, wanted + options, strict=strict)
        if needle in message
    )


def _bridged(
    route: socket.socket, bridges: Iterable[DeviceCounters], strict: bool
) -> Iterator[bytes]:
    """Of the bridges of segments, which may be thousands and have veths alone, in one dump: the
    kernel walks all devices for each, however few it answers with.
    """
    explicit: set[int] = set()
    others: set[int] = set()
    for each in bridges:
        (explicit if bridge_links.is_marked(each.alias, "bridge:") else others).add(each.ifindex)
    found = _of_kind(route, "veth", b"", strict) if others else ()
    yield from (each for each in found if _master(each) in others)
    for bridge in sorted(explicit):
        request = attribute(IFLA_MASTER, struct.pack("=I", bridge))
        ports = wire.links(route, request, strict=strict)
        yield from (each for each in ports if _master(each) == bridge)


def _master(message: bytes) -> int:
    return number(attributes(message, LINK.size), IFLA_MASTER)


def _devices(messages: Iterable[bytes]) -> tuple[DeviceCounters, ...]:
    return tuple(map(_device, messages))


def _device(message: bytes) -> DeviceCounters:
    found = attributes(message, LINK.size)
    return DeviceCounters(
        name=text(found, IFLA_IFNAME),
        ifindex=LINK.unpack_from(message)[2],
        alias=text(found, IFLA_IFALIAS),
        counts=_counts(found.get(_IFLA_STATS64, b"")),
    )


def _counts(content: bytes) -> dict[str, int]:
    if len(content) < _COUNTS.size:
        return {}
    counts = zip(_NAMES, _COUNTS.unpack_from(content), strict=True)
    return {name: count for name, count in counts if name}


def _holders(route: socket.socket, vteps: Collection[str], strict: bool) -> set[int]:
    """The devices that have one of the addresses."""
    wanted = {ipaddress.ip_address(each).packed for each in vteps}
    if not wanted:
        return set()
    return {
        index
        for _, _, index, found in wire.addresses(route, strict=strict)
        if wire.own_address(found) in wanted
    }


def _underlay(
    route: socket.socket, holders: Iterable[int], uplinks: Callable[[str], Iterable[str]]
) -> tuple[DeviceCounters, ...]:
    found: dict[str, DeviceCounters] = {}
    for index in sorted(holders):
        if (holder := _get(route, index=index)) is not None:
            found[holder.name] = holder
            for name in sorted(set(uplinks(holder.name)))[:MAX_UNDERLAY]:
                if name not in found and (device := _get(route, name=name)) is not None:
                    found[name] = device
    return tuple(found.values())


def _get(route: socket.socket, *, index: int = 0, name: str = "") -> DeviceCounters | None:
    """One device; None when there is none any more."""
    options = attribute(IFLA_IFNAME, os.fsencode(name) + b"\0") if name else b""
    try:
        return _device(wire.get_link(route, index, options))
    except OSError:
        return None
