"""Choosing what nothing else has: VNIs of the pool, host-local VLANs and MAC addresses.

The caller names what is taken, including what a host may still hold after a deletion, and keeps the
lock under which the answer stays true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from itertools import islice

from controller.domain.errors import ConflictError

VNI_POOL = range(10_000, 16_777_216)
"""Where VNIs come from when intent names none; those below are left to people."""
LOCAL_VLANS = range(1, 4095)


def free_numbers(taken: Collection[int], pool: range) -> Iterator[int]:
    """Yield the pool's numbers that are not taken, smallest first."""
    return (number for number in pool if number not in taken)


def choose_vnis(taken: Collection[int], count: int, pool: range = VNI_POOL) -> tuple[int, ...]:
    """Return up to ``count`` free VNIs; fewer only when the pool is exhausted."""
    return tuple(islice(free_numbers(taken, pool), count))


def choose_vni(taken: Collection[int], pool: range = VNI_POOL) -> int:
    for vni in free_numbers(taken, pool):
        return vni
    raise ConflictError(
        f"no VNI is free in the pool {pool.start}..{pool.stop - 1}: delete segments that are not"
        " needed, or name a VNI outside of the pool"
    )


def choose_local_vlan(taken: Collection[int], pool: range = LOCAL_VLANS) -> int:
    """Choose the VLAN that stands for a segment on one host's overlay bridge."""
    for vlan in free_numbers(taken, pool):
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
