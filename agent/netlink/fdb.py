"""Forwarding entries of vxlan devices: RTM_*NEIGH of AF_BRIDGE, by hand.

Those of the device's own table have NTF_SELF, and a remote VTEP. Those without that are of the
Linux bridge above, and only say that a MAC address is behind the device: once a frame with it comes
in elsewhere, the bridge learns better, and the entry is its own. It is not taken back from there.

A segment of a thousand hosts has as many entries for what is flooded and one more for every remote
port, on each host, so that both directions count. The kernel keeps the mark (NTF_EXT_LEARNED) once
per MAC address, whatever it leads to: with one foreign destination in the flood list the whole list
bears no mark, which is why that list is read as a whole.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from agent.model import BROADCAST_FDB
from agent.netlink import wire
from agent.observed import FdbEntry

T = TypeVar("T")

RTM_NEWNEIGH, RTM_DELNEIGH = 28, 29
NTF_SELF, NTF_EXT_LEARNED = 0x02, 0x10
NEIGHBOUR = struct.Struct("=BxxxiHBx")
"""struct ndmsg: family, ifindex, state, flags."""
_ERROR = struct.Struct("=i")

_RTM_GETNEIGH = 30
_NTF_MASTER = 0x04
_NUD_PERMANENT_NOARP, _NUD_REACHABLE = 0x80 | 0x40, 0x02
_NDA_DST, _NDA_LLADDR, _NDA_VLAN, _NDA_PORT, _NDA_VNI, _NDA_IFINDEX = 1, 2, 5, 6, 7, 8
_NDA_MASTER = 9
_INDEX = struct.Struct("=I")
_ELSEWHERE = frozenset({_NDA_PORT, _NDA_VNI, _NDA_IFINDEX})
"""What an entry has when it does not lead through the device's own port, VNI and route."""
_FLOODED = bytes(6)

_NLM_F_REPLACE, _NLM_F_EXCL, _NLM_F_CREATE, _NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
_BATCH = 100
"""Requests in one send: their refusals have to fit into the default receive buffer."""


class TakenError(Exception):
    """The MAC or IP address has an entry that somebody else made."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} has an entry that is not ours")
        self.address = address


def entries(ifindex: int) -> frozenset[FdbEntry]:
    """What a vxlan device has that is ours, here and in the bridge, and its whole flood list."""
    return frozenset(
        FdbEntry(mac.hex(":"), _address(destination) if destination else "")
        for mac, destination, flags in _read(ifindex)
        if flags & NTF_EXT_LEARNED or (mac == _FLOODED and flags & NTF_SELF)
    )


def behind_others(bridge: int, ifindex: int) -> frozenset[str]:
    """MAC addresses that a Linux bridge knows to be behind another device than that one."""
    master = wire.attribute(wire.IFLA_MASTER, _INDEX.pack(bridge))
    request = wire.LINK.pack(socket.AF_BRIDGE, 0, 0, 0, 0) + master
    found: set[str] = set()
    with wire.conversation() as route:
        for body in wire.dump(route, _RTM_GETNEIGH, RTM_NEWNEIGH, request, strict=False):
            _, index, _, flags = NEIGHBOUR.unpack_from(body)
            attributes = wire.attributes(body, NEIGHBOUR.size)
            is_of_bridge = wire.number(attributes, _NDA_MASTER) == bridge and not flags & NTF_SELF
            if is_of_bridge and index != ifindex and _NDA_VLAN not in attributes:
                found.add(attributes.get(_NDA_LLADDR, b"").hex(":"))
    return frozenset(found)


def _read(ifindex: int) -> Iterator[tuple[bytes, bytes, int]]:
    """MAC address, remote VTEP and flags of each entry; no VTEP for those of a bridge above."""
    # A kernel that is not asked to be strict takes a struct ifinfomsg and filters by its index,
    # as it has done for ten years.
    request = wire.LINK.pack(socket.AF_BRIDGE, 0, ifindex, 0, 0)
    with wire.conversation() as route:
        for body in wire.dump(route, _RTM_GETNEIGH, RTM_NEWNEIGH, request, strict=False):
            _, index, _, flags = NEIGHBOUR.unpack_from(body)
            if index != ifindex:
                continue
            found = wire.attributes(body, NEIGHBOUR.size)
            if not flags & NTF_SELF:
                yield found.get(_NDA_LLADDR, b""), b"", flags
            elif _NDA_DST in found and _ELSEWHERE.isdisjoint(found):
                yield found.get(_NDA_LLADDR, b""), found[_NDA_DST], flags


@lru_cache(maxsize=4096)
def _address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


def add(ifindex: int, wanted: Sequence[FdbEntry]) -> None:
    """Make entries; a MAC address of ours that leads elsewhere is led to where it is now."""
    flooded = [each for each in wanted if each.mac == BROADCAST_FDB]
    known = [each for each in wanted if each.dst and each.mac != BROADCAST_FDB]
    behind = [each for each in wanted if not each.dst]
    _check(_send(ifindex, RTM_NEWNEIGH, flooded, _NLM_F_CREATE | _NLM_F_APPEND))
    _place(ifindex, behind)
    refused = _send(ifindex, RTM_NEWNEIGH, known, _NLM_F_CREATE | _NLM_F_EXCL)
    there = [each for each, code in refused if code == errno.EEXIST]
    _check((each, code) for each, code in refused if code != errno.EEXIST)
    if there:
        _move(ifindex, there)


def _place(ifindex: int, wanted: Sequence[FdbEntry]) -> None:
    """What the bridge has learned to be elsewhere stays there.

    Asked for an entry of this sort, the kernel minds no NLM_F_EXCL.
    """
    if not wanted:
        return
    with wire.conversation() as route:
        found = wire.attributes(wire.get_link(route, ifindex), wire.LINK.size)
    master = wire.number(found, wire.IFLA_MASTER)
    elsewhere = behind_others(master, ifindex) if master else frozenset[str]()
    placed = [each for each in wanted if each.mac not in elsewhere]
    _check(_send(ifindex, RTM_NEWNEIGH, placed, _NLM_F_CREATE | _NLM_F_REPLACE))


def _move(ifindex: int, wanted: Sequence[FdbEntry]) -> None:
    """The kernel keeps one destination for a unicast address: replaced, it never leads to two."""
    ours = NTF_SELF | NTF_EXT_LEARNED
    marked = {mac.hex(":") for mac, _, flags in _read(ifindex) if flags & ours == ours}
    moved = [each for each in wanted if each.mac in marked]
    _check(_send(ifindex, RTM_NEWNEIGH, moved, _NLM_F_CREATE | _NLM_F_REPLACE))
    for each in wanted:
        if each.mac not in marked:
            raise TakenError(each.mac)


def delete(ifindex: int, unwanted: Sequence[FdbEntry]) -> None:
    """Take entries away; those that are gone, or lead elsewhere by now, are no error."""
    refused = _send(ifindex, RTM_DELNEIGH, unwanted, 0)
    _check((each, code) for each, code in refused if code != errno.ENOENT)


def _check(refused: Iterable[tuple[FdbEntry, int]]) -> None:
    for each, code in refused:
        raise OSError(code, f"{each.mac} at {each.dst}")


def _send(
    ifindex: int, kind: int, given: Sequence[FdbEntry], flags: int
) -> list[tuple[FdbEntry, int]]:
    return in_batches(kind, given, flags, lambda each: _body(ifindex, each))


def _body(ifindex: int, each: FdbEntry) -> bytes:
    mac = wire.attribute(_NDA_LLADDR, bytes.fromhex(each.mac.replace(":", "")))
    if not each.dst:
        flags = _NTF_MASTER | NTF_EXT_LEARNED
        return NEIGHBOUR.pack(socket.AF_BRIDGE, ifindex, _NUD_REACHABLE, flags) + mac
    flags = NTF_SELF | NTF_EXT_LEARNED
    head = NEIGHBOUR.pack(socket.AF_BRIDGE, ifindex, _NUD_PERMANENT_NOARP, flags)
    return head + mac + wire.attribute(_NDA_DST, ipaddress.ip_address(each.dst).packed)


# --- requests in thousands -----------------------------------------------------------------------


def in_batches(
    kind: int, given: Sequence[T], flags: int, body_of: Callable[[T], bytes]
) -> list[tuple[T, int]]:
    """Those whose requests the kernel refused, with its error numbers."""
    refused: list[tuple[T, int]] = []
    with wire.conversation() as route:
        for start in range(0, len(given), _BATCH):
            batch = given[start : start + _BATCH]
            bodies = [body_of(each) for each in batch]
            route.send(b"".join(_requests(kind, bodies, flags)))
            refused += ((batch[number], code) for number, code in _answers(route, len(batch) - 1))
    return refused


def _requests(kind: int, bodies: Sequence[bytes], flags: int) -> Iterator[bytes]:
    """Numbered; only the last asks for an answer, what is refused is answered anyway."""
    for number, body in enumerate(bodies):
        last = wire.NLM_F_ACK if number == len(bodies) - 1 else 0
        words = wire.NLM_F_REQUEST | flags | last
        yield wire.HEADER.pack(wire.HEADER.size + len(body), kind, words, number, 0) + body


def _answers(route: socket.socket, last: int) -> Iterator[tuple[int, int]]:
    """Number and error number of what was refused, until the last request is answered."""
    number = -1
    while number != last:
        answer = route.recv(wire.RECEIVE_SIZE)
        _, _, _, number, _ = wire.HEADER.unpack_from(answer)
        (code,) = _ERROR.unpack_from(answer, wire.HEADER.size)
        if code:
            yield number, -code
