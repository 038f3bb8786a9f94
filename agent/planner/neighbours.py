"""The members of a segment as seen from this host: who can be reached, how, and who cannot.

A fragment never changes, and with a thousand members it is the dearest part of a plan: what follows
from it alone is worked out once and kept for as long as the fragment is. That is the one thing that
outlives a plan, and it has no influence on any.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakKeyDictionary

from agent.errors import ErrorKind, Failure
from agent.model import BROADCAST_FDB, FdbEntry, SegmentFragment, SegmentMember, tunnel_id

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Remote:
    """A member elsewhere that can be reached."""

    host_uid: str
    vtep: str
    macs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neighbours:
    local_ip: str
    own_fault: str
    """Why this host itself can reach nobody; empty if it can."""
    remotes: tuple[Remote, ...]
    unreachable: tuple[Failure, ...]
    fdb: frozenset[FdbEntry]
    """Who gets what: floods each member, frames for a known MAC the one that has it.

    A MAC that two members have is flooded, as nobody can tell where it is.
    """


_known: WeakKeyDictionary[SegmentFragment, dict[str, Neighbours]] = WeakKeyDictionary()


def neighbours(fragment: SegmentFragment, host_uid: str) -> Neighbours:
    """``host_uid`` is that of a member."""
    of_hosts = _known.setdefault(fragment, {})
    if host_uid not in of_hosts:
        of_hosts[host_uid] = _work_out(fragment, host_uid)
    return of_hosts[host_uid]


def _work_out(fragment: SegmentFragment, host_uid: str) -> Neighbours:
    members = sorted(fragment.members, key=lambda each: each.host_uid)
    own = next(each for each in members if each.host_uid == host_uid)
    addresses = {each.vtep: _address(each.vtep) for each in members}
    counts = Counter(addresses[each.vtep] for each in members)
    remotes: list[Remote] = []
    unreachable: list[Failure] = []
    for member in members:
        if member is own:
            continue
        if fault := _vtep_fault(own, member, addresses, counts):
            resource = tunnel_id(fragment.segment_uid, member.host_uid)
            unreachable.append(Failure(resource, ErrorKind.INVALID, "VtepInvalid", fault))
        else:
            macs = tuple(mac for mac in member.macs if mac not in own.macs)
            remotes.append(Remote(member.host_uid, str(addresses[member.vtep]), macs))
    fault = _own_fault(own, addresses[own.vtep])
    local_ip = str(addresses[own.vtep])
    return Neighbours(
        local_ip, fault, tuple(remotes), tuple(unreachable), frozenset(_table(remotes))
    )


def _table(remotes: list[Remote]) -> Iterator[FdbEntry]:
    count = Counter(mac for remote in remotes for mac in remote.macs)
    for remote in remotes:
        yield FdbEntry(BROADCAST_FDB, remote.vtep)
        yield from (FdbEntry(mac, remote.vtep) for mac in remote.macs if count[mac] == 1)


def _vtep_fault(
    own: SegmentMember,
    member: SegmentMember,
    addresses: Mapping[str, Address | None],
    counts: Mapping[Address | None, int],
) -> str:
    """Why nothing can be sent to ``member``; empty if it can."""
    local, remote = addresses[own.vtep], addresses[member.vtep]
    if local is None or local.is_unspecified:
        return _own_fault(own, local)
    if remote is None or remote.is_unspecified:
        return (
            f"the VTEP of host {member.host_name}, {member.vtep!r}, is not an address; correct "
            "that host's vteps"
        )
    if local.version != remote.version:
        return (
            f"the VTEP of host {member.host_name}, {remote}, is of another address family than "
            f"{local} of this host; give one of them a VTEP of the other's family"
        )
    if counts[remote] > 1:
        return f"VTEP {remote} of host {member.host_name} is also another member's; make it unique"
    return ""


def _own_fault(own: SegmentMember, address: Address | None) -> str:
    if address is not None and not address.is_unspecified:
        return ""
    return f"the VTEP of this host, {own.vtep!r}, is not an address; correct the host's vteps"


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
