"""Choosing what nothing else has: values out of pools, host-local VLANs and MAC addresses.

The caller names what is taken, including what a host may still hold after a deletion, and keeps the
lock under which the answer stays true.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from controller.domain.definitions import PoolSpec, PoolType
from controller.domain.errors import ConflictError

LOCAL_VLANS = range(1, 4095)


class Range(NamedTuple):
    """VNIs or addresses from ``first`` to ``last``, both included."""

    family: int
    """4 and 6 of addresses, 0 of VNIs."""
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def word(self, value: int) -> str:
        """Write a value of the range as people do."""
        if self.family == 0:
            return str(value)
        address = ipaddress.IPv4Address if self.family == 4 else ipaddress.IPv6Address
        return str(address(value))

    def __str__(self) -> str:
        first, last = self.word(self.first), self.word(self.last)
        return first if first == last else f"{first}-{last}"


VNI_POOL = Range(0, 10_000, 16_777_215)
"""Where VNIs come from when intent names neither one nor a Pool, less what is in Pools; those below
are left to people."""


def parse_range(of: PoolType, text: str) -> Range | None:
    """Read ``first-last`` or one value; None for what is neither."""
    first, dash, last = text.partition("-")
    ends = [_value(of, word) for word in ((first, last) if dash else (first, first))]
    (family, lowest), (other, highest) = ends
    if family is None or family != other or lowest > highest:
        return None
    return Range(family, lowest, highest)


def _value(of: PoolType, word: str) -> tuple[int | None, int]:
    if of is PoolType.VNI:
        return (0, int(word)) if re.fullmatch(r"[0-9]{1,9}", word) else (None, 0)
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return None, 0
    return (None, 0) if "%" in word else (address.version, int(address))


def ranges_of(pool: PoolSpec) -> tuple[Range, ...]:
    """Return the pool's ranges in order, without those that cannot be read."""
    found = (parse_range(pool.type, text) for text in pool.ranges)
    return tuple(sorted(each for each in found if each is not None))


def overlap(one: Range, other: Range) -> bool:
    return one.family == other.family and one.first <= other.last and other.first <= one.last


def contains(ranges: Iterable[Range], family: int, value: int) -> bool:
    return any(r.family == family and r.first <= value <= r.last for r in ranges)


def without(ranges: Iterable[Range], others: Sequence[Range]) -> tuple[Range, ...]:
    """Return what is in the ranges and in none of the others."""
    left = list(ranges)
    for other in others:
        left = [rest for each in left for rest in _cut(each, other)]
    return tuple(sorted(left))


def _cut(one: Range, other: Range) -> Iterator[Range]:
    if not overlap(one, other):
        yield one
        return
    if one.first < other.first:
        yield one._replace(last=other.first - 1)
    if one.last > other.last:
        yield one._replace(first=other.last + 1)


def choose_values(
    taken: Collection[int], count: int, ranges: Iterable[Range] = (VNI_POOL,)
) -> tuple[int, ...]:
    """Return up to ``count`` values that are not taken, smallest first; fewer only when there are
    no more."""
    values = (value for each in ranges for value in range(each.first, each.last + 1))
    return tuple(islice((value for value in values if value not in taken), count))


def choose_local_vlan(taken: Collection[int], pool: range = LOCAL_VLANS) -> int:
    """Choose the VLAN that stands for a segment on one host's overlay bridge."""
    for vlan in pool:
        if vlan not in taken:
            return vlan
    raise ConflictError(
        "the host has no local VLAN left for another segment (802.1Q has 4094): move ports of some"
        " segments to another host"
    )


def derive_mac(project: str, segment: str, port: str) -> str:
    """Make the MAC of a segment's port that names none: the same one whenever it is made anew.

    ``0a`` in front is locally administered and unicast.
    """
    name = f"{project}/{segment}/{port}".encode("utf-8", "surrogatepass")
    return "0a:" + hashlib.sha256(name).digest()[:5].hex(":")
