"""A segment's other ends as seen from this host: who can be reached, how, and who cannot.

A fragment never changes, and with a thousand members it is the dearest part of a plan: what follows
from it alone is worked out once and kept for as long as the fragment is. That is the one thing that
outlives a plan, and it has no influence on any.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakKeyDictionary

from agent.errors import ErrorKind, Failure
from agent.fragments import Neighbour, SegmentFragment, SegmentMember
from agent.model import BROADCAST_FDB, tunnel_id
from agent.observed import FdbEntry

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Remote:
    """Another end that can be reached: a member elsewhere, or a VTEP outside of the fleet."""

    end: str
    """The host's uid, or the address of a VTEP outside of the fleet."""
    vtep: str
    macs: tuple[str, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    protected: bool = True
    """Whether what comes from there goes into no other tunnel that is protected as well."""
    former_vtep: str = ""
    """The one that it had before, where others may still send to that or from that."""
    known_vtep: str = ""
    """What to send to from one address: the former one until all have both; else ``vtep``."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    local_ip: str
    former_ip: str
    """What this host had before instead of ``local_ip``, while that is still in use; or empty."""
    known_ip: str
    """What to send from with one address alone: the former one until all have both."""
    own_fault: str
    """Why this host itself can reach nobody; empty if it can."""
    remotes: tuple[Remote, ...]
    unreachable: tuple[Failure, ...]
    fdb: frozenset[FdbEntry]
    """Who gets what: floods each remote, frames for a known MAC the one that has it.

    A MAC that two members have is flooded, as nobody can tell where it is. Each is sent to where
    all know it: whoever has not heard of a new VTEP knows the former one alone.
    """
    addresses: frozenset[Neighbour]
    """Who has which address elsewhere, of those that one port alone has."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A remote before it is known whether it can be reached."""

    remote: Remote
    is_member: bool
    words: str
    way_out: str


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
    counts = Counter(_address(each.vtep) for each in members)
    formers = _formers(fragment, own, members)
    remotes: list[Remote] = []
    unreachable: list[Failure] = []
    for candidate in _candidates(fragment, own, members, formers):
        remote = candidate.remote
        if fault := _vtep_fault(own, candidate, counts):
            resource = tunnel_id(fragment.segment_uid, remote.end)
            unreachable.append(Failure(resource, ErrorKind.INVALID, "VtepInvalid", fault))
        else:
            remotes.append(remote)
    return Neighbours(
        local_ip=normal(own.vtep),
        former_ip=formers.get(own.host_uid, ""),
        known_ip=_known_vtep(own, formers),
        own_fault=_own_fault(own),
        remotes=tuple(remotes),
        unreachable=tuple(unreachable),
        fdb=frozenset(_table(remotes)),
        addresses=frozenset(_addresses(own, remotes)),
    )


# --- who is to be reached ------------------------------------------------------------------------


def _candidates(
    fragment: SegmentFragment,
    own: SegmentMember,
    members: Iterable[SegmentMember],
    formers: Mapping[str, str],
) -> Iterator[_Candidate]:
    linked = fragment.links_of(own.host_uid)
    for member in members:
        if member is own or (linked is not None and member.host_uid not in linked):
            continue
        protected = linked is None or linked[member.host_uid]
        macs = tuple(mac for mac in member.macs if mac not in own.macs)
        vtep, former = normal(member.vtep), formers.get(member.host_uid, "")
        yield _Candidate(
            Remote(
                member.host_uid,
                vtep,
                macs,
                member.neighbours,
                protected,
                former,
                _known_vtep(member, formers),
            ),
            True,
            f"the VTEP of host {member.host_name}, {member.vtep}",
            "that host's vteps",
        )
    for address in sorted({normal(each) for each in fragment.external_vteps}):
        words = f"the VTEP {address} outside of the fleet"
        yield _Candidate(Remote(address, address), False, words, "the segment's external_vteps")


def _vtep_fault(
    own: SegmentMember, candidate: _Candidate, counts: Mapping[Address | None, int]
) -> str:
    """Why nothing can be sent there; empty if it can."""
    if fault := _own_fault(own):
        return fault
    local, remote = _address(own.vtep), _address(candidate.remote.vtep)
    words, way_out = candidate.words, candidate.way_out
    if remote is None or remote.is_unspecified:
        return f"{words}, is not an address; correct {way_out}"
    if local is not None and local.version != remote.version:
        return (
            f"{words}, is of another address family than {local} of this host; choose another in "
            f"{way_out}, or give this host a VTEP of that family"
        )
    if counts[remote] > candidate.is_member:
        return f"{words}, is also another member's; make it unique in {way_out}"
    return ""


def _formers(
    fragment: SegmentFragment, own: SegmentMember, members: Iterable[SegmentMember]
) -> dict[str, str]:
    """By host, the former VTEPs that are of use: of the family of this host's VTEP and nobody
    else's. Where not all tunnels have split horizon there are none, as two side by side may loop.
    """
    if fragment.links_of(own.host_uid) is not None:
        return {}
    changing = [each for each in members if each.former_vtep]
    if not changing:
        return {}
    local = _address(own.vtep)
    taken = Counter(_address(each.vtep) for each in members)
    taken.update(_address(each.former_vtep) for each in changing)
    taken.update(_address(each) for each in set(fragment.external_vteps))
    return {
        each.host_uid: str(former)
        for each in changing
        if (former := _address(each.former_vtep)) is not None
        and not former.is_unspecified
        and local is not None
        and former.version == local.version
        and taken[former] == 1
    }


def _known_vtep(member: SegmentMember, formers: Mapping[str, str]) -> str:
    former = "" if member.former_is_unused else formers.get(member.host_uid, "")
    return former or normal(member.vtep)


def _own_fault(own: SegmentMember) -> str:
    address = _address(own.vtep)
    if address is not None and not address.is_unspecified:
        return ""
    return f"the VTEP of this host, {own.vtep!r}, is not an address; correct the host's vteps"


# --- what is known of them -----------------------------------------------------------------------


def _table(remotes: Collection[Remote]) -> Iterator[FdbEntry]:
    count = Counter(mac for remote in remotes for mac in remote.macs)
    for remote in remotes:
        vtep = remote.known_vtep or remote.vtep
        yield FdbEntry(BROADCAST_FDB, vtep)
        yield from (FdbEntry(mac, vtep) for mac in remote.macs if count[mac] == 1)


def _addresses(own: SegmentMember, remotes: Collection[Remote]) -> Iterator[Neighbour]:
    """An address that several ports have is asked for, as nobody can tell whose it is."""
    there = [(normal(each.ip), each.mac) for remote in remotes for each in remote.neighbours]
    own_ips = {normal(each.ip) for each in own.neighbours}
    count = Counter(ip for ip, _ in there)
    return (Neighbour(ip, mac) for ip, mac in there if count[ip] == 1 and ip not in own_ips)


def normal(text: str) -> str:
    """An address in the one form in which it is compared."""
    address = _address(text)
    return text if address is None else str(address)


@functools.lru_cache(maxsize=16384)
def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
