"""Attributes of Linux bridges and of their ports (IFLA_BR_*, IFLA_BRPORT_*): read and set.

Each attribute is set by a request of its own, so that one that is refused takes no other along. A
kernel passes over attributes that it does not know, without a word: each is read back. Runs in a
thread of the namespace that the agent manages, and holds no state.
"""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct
from collections.abc import Callable, Iterable, Mapping

from agent.bridge_attributes import (
    AGEING,
    BRIDGE,
    COST,
    DEFAULT_PVID,
    FILTERING,
    PORT,
    ROOTS_TIMERS,
    STATE,
    Attribute,
)
from agent.model import ALIAS_PREFIX
from agent.netlink import wire
from agent.netlink.wire import IFLA_IFALIAS, IFLA_INFO_KIND, IFLA_LINKINFO, attribute, attributes

_IFLA_INFO_DATA, _IFLA_INFO_SLAVE_KIND, _IFLA_INFO_SLAVE_DATA = 2, 4, 5
_IFLA_BR_ROOT_ID, _IFLA_BR_BRIDGE_ID, _IFLA_BR_TOPOLOGY_CHANGE = 10, 11, 14
_KIND = b"bridge\0"
_SIOCETHTOOL, _ETHTOOL_GSET = 0x8946, 0x1
_LINK_SETTINGS = struct.Struct("=12xH14xH14x")
"""struct ethtool_cmd: the two halves of the speed."""
_COSTS = {10_000: 2, 5_000: 3, 2_500: 4, 1_000: 5, 100: 19}
"""By speed in Mb/s, as port_cost() of net/bridge/br_if.c."""
_SLOW_COST, _FAST_COST, _FASTEST_KNOWN, _SPEED_UNKNOWN = 100, 1, 10_000, 0xFFFFFFFF

Refused = Mapping[str, int]
"""The error numbers of attributes that were not set."""


def is_explicit(link: wire.Attributes) -> bool:
    """Whether a device is marked as an explicit bridge of ours."""
    return IFLA_IFALIAS in link and is_marked(wire.text(link, IFLA_IFALIAS), "bridge:")


def is_marked(alias: str, kind: str) -> bool:
    """Whether it is the alias of a resource of that kind."""
    prefix, _, rest = alias.partition(":")
    return prefix == ALIAS_PREFIX and rest.partition(":")[2].startswith(kind)


def of_bridge(info: wire.Attributes, hidden: frozenset[str]) -> dict[str, int]:
    """Those that are not at their default; ``info`` is the device's IFLA_LINKINFO."""
    found = _decode(info.get(_IFLA_INFO_DATA, b""), BRIDGE)
    return {name: value for name, value in found.items() if name not in hidden}


def hidden(info: wire.Attributes) -> frozenset[str]:
    """What the bridge's spanning tree has the kernel tell otherwise than it was set."""
    found = attributes(info.get(_IFLA_INFO_DATA, b""), 0)
    follows_root = found.get(_IFLA_BR_ROOT_ID) != found.get(_IFLA_BR_BRIDGE_ID)
    changes = any(found.get(_IFLA_BR_TOPOLOGY_CHANGE, b""))
    names = ROOTS_TIMERS if follows_root else frozenset[str]()
    return names | {AGEING} if changes else names


def lacking(info: wire.Attributes, *, is_bridge: bool) -> frozenset[str]:
    """The kernel tells all that it knows, and always that it does not filter."""
    place, table = (_IFLA_INFO_DATA, BRIDGE) if is_bridge else (_IFLA_INFO_SLAVE_DATA, PORT)
    found = attributes(info.get(place, b""), 0)
    lacks = {name for name, each in table.items() if found and each.number not in found}
    return frozenset(lacks | {FILTERING} if DEFAULT_PVID in lacks else lacks)


def of_port(info: wire.Attributes, own_cost: int, *, running: bool) -> dict[str, int]:
    """Those that are not at their default; the kernel changes the state of one without carrier."""
    found = _decode(info.get(_IFLA_INFO_SLAVE_DATA, b""), PORT, {COST: own_cost})
    if not running:
        found.pop(STATE, None)
    return found


def of_device(info: wire.Attributes) -> dict[str, int]:
    """Whether a segment's vxlan device suppresses ARP: of what else it has, no intent tells."""
    name = "IFLA_BRPORT_NEIGH_SUPPRESS"
    return _decode(info.get(_IFLA_INFO_SLAVE_DATA, b""), {name: PORT[name]})


def _decode(
    content: bytes, table: Mapping[str, Attribute], defaults: Mapping[str, int] | None = None
) -> dict[str, int]:
    found = attributes(content, 0)
    values = {
        name: each.decode(found[each.number])
        for name, each in table.items()
        if each.number in found
    }
    own = defaults or {}
    return {
        name: value
        for name, value in values.items()
        if (value != own[name] if name in own else not table[name].is_default(value))
    }


def own_cost(name: str) -> int:
    """The path cost that the kernel gives a device that becomes the port of a bridge."""
    speed = _speed(name)
    if _FASTEST_KNOWN < speed < _SPEED_UNKNOWN:
        return _FAST_COST
    return _COSTS.get(speed, _SLOW_COST)


def _speed(name: str) -> int:
    settings = array.array("B", struct.pack("=I", _ETHTOOL_GSET) + bytes(_LINK_SETTINGS.size - 4))
    request = struct.pack("16sP", name.encode(), settings.buffer_info()[0])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError:
        return _SPEED_UNKNOWN
    low, high = _LINK_SETTINGS.unpack(settings.tobytes())
    return int(low | high << 16)


# --- changes -------------------------------------------------------------------------------------


def set_bridge(ifindex: int, wanted: Iterable[tuple[str, int]]) -> Refused:
    def words(content: bytes) -> bytes:
        return attribute(IFLA_INFO_KIND, _KIND) + attribute(_IFLA_INFO_DATA, content)

    return _set(ifindex, wanted, BRIDGE, _IFLA_INFO_DATA, words)


def set_port(ifindex: int, wanted: Iterable[tuple[str, int]]) -> Refused:
    def words(content: bytes) -> bytes:
        kind = attribute(_IFLA_INFO_SLAVE_KIND, _KIND)
        return kind + attribute(_IFLA_INFO_SLAVE_DATA, content)

    return _set(ifindex, wanted, PORT, _IFLA_INFO_SLAVE_DATA, words)


def _set(
    ifindex: int,
    wanted: Iterable[tuple[str, int]],
    table: Mapping[str, Attribute],
    place: int,
    words: Callable[[bytes], bytes],
) -> Refused:
    refused: dict[str, int] = {}
    head = wire.LINK.pack(socket.AF_UNSPEC, 0, ifindex, 0, 0)
    with wire.conversation() as route:
        for name, value in wanted:
            content = attribute(table[name].number, table[name].encode(value))
            body = head + attribute(IFLA_LINKINFO, words(content))
            try:
                wire.ask(route, wire.RTM_NEWLINK, body, wire.NLM_F_ACK)
            except OSError as error:
                refused[name] = error.errno or 0
        link = attributes(wire.get_link(route, ifindex), wire.LINK.size)
    there = attributes(attributes(link.get(IFLA_LINKINFO, b""), 0).get(place, b""), 0)
    unknown = (name for name, _ in wanted if table[name].number not in there)
    return dict.fromkeys(unknown, errno.EOPNOTSUPP) | refused
