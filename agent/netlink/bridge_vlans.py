"""VLANs of the ports of Linux bridges: RTM_SETLINK and RTM_DELLINK of AF_BRIDGE, rtnetlink(7).

Runs in a thread of the namespace that the agent manages, and holds no state.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterable, Iterator

from agent.bridge_attributes import BridgeVlan
from agent.netlink import wire
from agent.netlink.wire import IFLA_AF_SPEC, attribute

_IFLA_EXT_MASK = 29
_COMPRESSED = attribute(_IFLA_EXT_MASK, struct.pack("=I", 1 << 2))
"""RTEXT_FILTER_BRVLAN_COMPRESSED: one entry for the two ends of a range."""
_IFLA_BRIDGE_VLAN_INFO = 2
_VLAN_INFO = struct.Struct("=HH")
"""struct bridge_vlan_info: flags, vid."""
_PVID, _UNTAGGED, _RANGE_BEGIN, _RANGE_END = 0x2, 0x4, 0x8, 0x10
_NESTED = 0x8000

Vlans = dict[int, frozenset[BridgeVlan]]
"""By the index of the port."""


def read(ports: Collection[int]) -> Vlans:
    """The VLANs of those of ``ports`` that are in a bridge."""
    return wire.whole(lambda route, strict: _read(route, ports, strict=strict))


def _read(route: socket.socket, ports: Collection[int], *, strict: bool) -> Vlans:
    request = wire.LINK.pack(socket.AF_BRIDGE, 0, 0, 0, 0) + _COMPRESSED
    answers = wire.dump(route, wire.RTM_GETLINK, wire.RTM_NEWLINK, request, strict=strict)
    return {
        index: frozenset(_decode(body))
        for body in answers
        if (index := wire.LINK.unpack_from(body)[2]) in ports
    }


def _decode(link: bytes) -> Iterator[BridgeVlan]:
    begin = 0
    spec = wire.attributes(link, wire.LINK.size).get(IFLA_AF_SPEC, b"")
    for flags, vid in _entries(spec):
        if flags & _RANGE_BEGIN:
            begin = vid
            continue
        first = begin if flags & _RANGE_END else vid
        for each in range(first, vid + 1):
            yield BridgeVlan(each, bool(flags & _PVID), bool(flags & _UNTAGGED))


def _entries(spec: bytes) -> Iterator[tuple[int, int]]:
    """Flags and VLAN of each entry: an attribute that is there many times."""
    position = 0
    while position + _VLAN_INFO.size <= len(spec):
        length, kind = struct.unpack_from("=HH", spec, position)
        if length < 4:
            return
        if kind == _IFLA_BRIDGE_VLAN_INFO:
            yield _VLAN_INFO.unpack_from(spec, position + 4)
        position += wire.aligned(length)


def make(ifindex: int, wanted: Collection[BridgeVlan]) -> int:
    """Have a port be in exactly the wanted ones; count the writes."""
    there = read({ifindex}).get(ifindex, frozenset())
    staying = {each.vid for each in wanted}
    added = sorted(set(wanted) - there)
    gone = sorted(each for each in there if each.vid not in staying)
    with wire.conversation() as route:
        # Added first: what passes before and after also passes in between.
        _send(route, wire.RTM_SETLINK, ifindex, added)
        _send(route, wire.RTM_DELLINK, ifindex, gone)
    return bool(added) + bool(gone)


def _send(route: socket.socket, request: int, ifindex: int, vlans: list[BridgeVlan]) -> None:
    if not vlans:
        return
    spec = b"".join(attribute(_IFLA_BRIDGE_VLAN_INFO, each) for each in _encode(vlans))
    head = wire.LINK.pack(socket.AF_BRIDGE, 0, ifindex, 0, 0)
    wire.ask(route, request, head + attribute(IFLA_AF_SPEC | _NESTED, spec), wire.NLM_F_ACK)


def _encode(vlans: Iterable[BridgeVlan]) -> Iterator[bytes]:
    """Those that differ in nothing but their number, and follow each other, as one range."""
    for run in _runs(vlans):
        flags = _PVID * run[0].pvid | _UNTAGGED * run[0].untagged
        if len(run) == 1:
            yield _VLAN_INFO.pack(flags, run[0].vid)
        else:
            yield _VLAN_INFO.pack(flags | _RANGE_BEGIN, run[0].vid)
            yield _VLAN_INFO.pack(flags | _RANGE_END, run[-1].vid)


def _runs(vlans: Iterable[BridgeVlan]) -> list[list[BridgeVlan]]:
    runs: list[list[BridgeVlan]] = []
    for each in vlans:
        last = runs[-1][-1] if runs else None
        follows = last is not None and BridgeVlan(each.vid, last.pvid, last.untagged) == each
        if last is not None and follows and each.vid == last.vid + 1 and not each.pvid:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs
