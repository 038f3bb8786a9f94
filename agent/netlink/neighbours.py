"""Who has which address behind a device of ours: permanent neighbours (RTM_*NEIGH of AF_INET).

What is ours bears our mark (NDA_PROTOCOL); NTF_EXT_LEARNED besides lets the monitor tell it from
what ARP finds out all day. An address has one entry on a device: somebody else's is left alone.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence

from agent.model import ADDRESS_MARK, Neighbour
from agent.netlink import wire
from agent.netlink.fdb import (
    NEIGHBOUR,
    NTF_EXT_LEARNED,
    RTM_DELNEIGH,
    RTM_NEWNEIGH,
    TakenError,
    in_batches,
)

_RTM_GETNEIGH = 30
_NUD_PERMANENT = 0x80
_NDA_DST, _NDA_LLADDR, _NDA_IFINDEX, _NDA_PROTOCOL = 1, 2, 8, 12
_NLM_F_REPLACE, _NLM_F_EXCL, _NLM_F_CREATE = 0x100, 0x200, 0x400
_OUR_MARK = bytes((ADDRESS_MARK,))
_U32 = struct.Struct("=I")


def entries(ifindex: int) -> frozenset[Neighbour]:
    """What the device has that is ours."""
    return frozenset(_read(ifindex))


def _read(ifindex: int) -> Iterator[Neighbour]:
    request = NEIGHBOUR.pack(socket.AF_INET, 0, 0, 0)
    request += wire.attribute(_NDA_IFINDEX, _U32.pack(ifindex))
    with wire.conversation() as route:
        for body in wire.dump(route, _RTM_GETNEIGH, RTM_NEWNEIGH, request, strict=False):
            family, index, state, _ = NEIGHBOUR.unpack_from(body)
            found = wire.attributes(body, NEIGHBOUR.size)
            is_ours = found.get(_NDA_PROTOCOL) == _OUR_MARK and state & _NUD_PERMANENT
            if (family, index) == (socket.AF_INET, ifindex) and is_ours and _NDA_LLADDR in found:
                ip = ipaddress.ip_address(found[_NDA_DST])
                yield Neighbour(str(ip), found[_NDA_LLADDR].hex(":"))


def add(ifindex: int, wanted: Sequence[Neighbour]) -> None:
    """Make entries; one of ours with another MAC address by now gets that."""
    refused = _send(ifindex, RTM_NEWNEIGH, wanted, _NLM_F_CREATE | _NLM_F_EXCL)
    there = [each for each, code in refused if code == errno.EEXIST]
    _check((each, code) for each, code in refused if code != errno.EEXIST)
    ours = {each.ip for each in _read(ifindex)} if there else set()
    changed = [each for each in there if each.ip in ours]
    _check(_send(ifindex, RTM_NEWNEIGH, changed, _NLM_F_CREATE | _NLM_F_REPLACE))
    for each in there:
        if each.ip not in ours:
            raise TakenError(each.ip)


def delete(ifindex: int, unwanted: Sequence[Neighbour]) -> None:
    """Take entries of ours away; those that are gone, or not ours by now, are no error."""
    ours = _read(ifindex) if unwanted else ()
    there = sorted(set(unwanted) & set(ours))
    refused = _send(ifindex, RTM_DELNEIGH, there, 0)
    _check((each, code) for each, code in refused if code != errno.ENOENT)


def _check(refused: Iterable[tuple[Neighbour, int]]) -> None:
    for each, code in refused:
        raise OSError(code, f"{each.ip} at {each.mac}")


def _send(
    ifindex: int, kind: int, given: Sequence[Neighbour], flags: int
) -> list[tuple[Neighbour, int]]:
    return in_batches(kind, given, flags, lambda each: _body(ifindex, each))


def _body(ifindex: int, each: Neighbour) -> bytes:
    body = NEIGHBOUR.pack(socket.AF_INET, ifindex, _NUD_PERMANENT, NTF_EXT_LEARNED)
    body += wire.attribute(_NDA_DST, ipaddress.ip_address(each.ip).packed)
    body += wire.attribute(_NDA_LLADDR, bytes.fromhex(each.mac.replace(":", "")))
    return body + wire.attribute(_NDA_PROTOCOL, _OUR_MARK)
