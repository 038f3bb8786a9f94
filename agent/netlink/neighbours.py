"""Who has which address behind a device of ours: permanent neighbours (RTM_*NEIGH of AF_INET).

What is ours bears our mark (NDA_PROTOCOL). An address has one entry on a device: somebody else's
is left alone.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from agent.fragments import Neighbour
from agent.model import ADDRESS_MARK
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
_NDA_DST, _NDA_LLADDR, _NDA_PROTOCOL = 1, 2, 12
_NLM_F_REPLACE, _NLM_F_EXCL, _NLM_F_CREATE = 0x100, 0x200, 0x400
_OUR_MARK = bytes((ADDRESS_MARK,))


def entries(ifindices: Collection[int]) -> dict[int, frozenset[Neighbour]]:
    """What those devices have that is ours; nothing of those that have none."""
    found: dict[int, set[Neighbour]] = defaultdict(set)
    for index, entry in _read():
        if index in ifindices:
            found[index].add(entry)
    return {index: frozenset(each) for index, each in found.items()}


def _read() -> Iterator[tuple[int, Neighbour]]:
    """The index of the device, and the entry."""
    request = NEIGHBOUR.pack(socket.AF_INET, 0, 0, 0)
    with wire.conversation() as route:
        for body in wire.dump(route, _RTM_GETNEIGH, RTM_NEWNEIGH, request, strict=False):
            family, index, state, _ = NEIGHBOUR.unpack_from(body)
            if family != socket.AF_INET or not state & _NUD_PERMANENT:
                continue
            found = wire.attributes(body, NEIGHBOUR.size)
            if found.get(_NDA_PROTOCOL) == _OUR_MARK and _NDA_LLADDR in found:
                ip = str(ipaddress.ip_address(found[_NDA_DST]))
                yield index, Neighbour(ip, found[_NDA_LLADDR].hex(":"))


def _ours(ifindex: int) -> frozenset[Neighbour]:
    return entries({ifindex}).get(ifindex, frozenset())


def add(ifindex: int, wanted: Sequence[Neighbour]) -> None:
    """Make entries; one of ours with another MAC address by now gets that."""
    refused = _send(ifindex, RTM_NEWNEIGH, wanted, _NLM_F_CREATE | _NLM_F_EXCL)
    there = [each for each, code in refused if code == errno.EEXIST]
    _check((each, code) for each, code in refused if code != errno.EEXIST)
    ours = {each.ip for each in _ours(ifindex)} if there else set()
    changed = [each for each in there if each.ip in ours]
    _check(_send(ifindex, RTM_NEWNEIGH, changed, _NLM_F_CREATE | _NLM_F_REPLACE))
    for each in there:
        if each.ip not in ours:
            raise TakenError(each.ip)


def delete(ifindex: int, unwanted: Sequence[Neighbour]) -> None:
    """Take entries of ours away; those that are gone, or not ours by now, are no error."""
    there = sorted(_ours(ifindex).intersection(unwanted))
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
