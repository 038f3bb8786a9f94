"""Where the kernel's forwarding tables send to, though intent has no such end any more.

A tunnel of Open vSwitch has a row, and the row has our mark: one that is absent from intent without
having been deleted stays (``removal``). An entry of a vxlan device has an address alone. Whose that
was is known when a state takes the place of another one, and is kept beside the accepted state
until the end is named as removed, is a member again, or nothing is sent to it any more. Until then
it is reached as before. What has the address or a MAC by now goes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from agent.errors import ErrorKind, Failure
from agent.fragments import LostEnds, SegmentFragment, SegmentMember
from agent.model import Backend, HostState, SegmentAttachment, segment_id, tunnel_id
from agent.observed import ObservedState
from agent.planner.brake import NOT_REMOVED
from agent.planner.neighbours import normal
from agent.planner.ownership import aliased_id

_NOTHING = LostEnds()


def lost_ends(
    accepted: HostState, offered: HostState, removed: Collection[str]
) -> dict[str, LostEnds]:
    """What is absent and not ``removed`` once ``offered`` takes the place of ``accepted``.

    Of a segment that the host does not have any more, everybody: it may come back with fewer.
    """
    before = {each.segment_uid: each for each in accepted.attachments}
    now = {each.segment_uid: each for each in offered.attachments}
    found: dict[str, LostEnds] = {}
    for uid in sorted(before.keys() | accepted.lost.keys()):
        attachment = now.get(uid) or before.get(uid)
        is_of_kernel = attachment is None or attachment.backend is Backend.KERNEL
        if not is_of_kernel or segment_id(uid) in removed:
            continue
        ends = accepted.lost.get(uid, _NOTHING)
        was, following = _fragment(accepted, before.get(uid)), _fragment(offered, now.get(uid))
        if was is not None and (following is None or following.hash != was.hash):
            ends = _with_all(ends, was, accepted.host_uid)
        ends = _without(ends, uid, following, removed)
        if ends != _NOTHING:
            found[uid] = ends
    return found


def with_lost_ends(desired: HostState, observed: ObservedState) -> HostState:
    """``desired`` with what was lost as members still, where the kernel sends to them yet.

    Where there is no device, all of them: it is being made anew.
    """
    if not desired.lost:
        return desired
    here = still_lost(desired, observed)
    fragments = dict(desired.fragments)
    for attachment in desired.attachments:
        fragment = desired.fragments.get(attachment.fragment_hash)
        ends = here.get(attachment.segment_uid)
        if ends is not None and fragment is not None:
            fragments[attachment.fragment_hash] = _completed(fragment, ends)
    return replace(desired, fragments=fragments, lost=here)


def still_lost(desired: HostState, observed: ObservedState) -> Mapping[str, LostEnds]:
    """Of what was lost, what the host still sends to, or may again."""
    if not desired.lost:
        return desired.lost
    attached = {each.segment_uid: each for each in desired.attachments}
    devices = _devices(observed, desired.fleet_uid)
    found: dict[str, LostEnds] = {}
    for uid, ends in desired.lost.items():
        names = devices.get(segment_id(uid), [])
        if uid not in attached and not names:
            continue
        left = ends
        if fragment := _fragment(desired, attached.get(uid)):
            left = _not_replaced(left, fragment)
        if names:
            tables = (observed.fdb.get(name, frozenset()) for name in names)
            left = _reached(left, {entry.dst for table in tables for entry in table})
        if left != _NOTHING:
            found[uid] = left
    return found


def lost_failures(desired: HostState) -> Iterator[Failure]:
    """``desired`` is as ``with_lost_ends`` returns it."""
    attached = {each.segment_uid for each in desired.attachments}
    for uid, ends in desired.lost.items():
        if uid in attached:
            for member in ends.members:
                words = f"host {member.host_name} ({member.vtep})"
                yield _not_removed(tunnel_id(uid, member.host_uid), words)
            for address in ends.vteps:
                yield _not_removed(tunnel_id(uid, address), f"the VTEP {address}")


def kernel_ends(desired: HostState) -> frozenset[str]:
    """What counts beside rows and devices as ours where ends were lost: the tunnels that the
    kernel's tables stand for.
    """
    if not desired.lost:
        return frozenset()
    fragments = (
        desired.fragments.get(each.fragment_hash)
        for each in desired.attachments
        if each.backend is Backend.KERNEL
    )
    return frozenset(
        tunnel_id(fragment.segment_uid, end)
        for fragment in fragments
        if fragment is not None
        for end in fragment.ends_of(desired.host_uid)
    )


# --- what was lost -------------------------------------------------------------------------------


def _fragment(state: HostState, attachment: SegmentAttachment | None) -> SegmentFragment | None:
    return None if attachment is None else state.fragments.get(attachment.fragment_hash)


def _with_all(known: LostEnds, fragment: SegmentFragment, host_uid: str) -> LostEnds:
    members = (each for each in fragment.members if each.host_uid != host_uid)
    vteps = sorted({*known.vteps, *fragment.external_vteps})
    return LostEnds((*known.members, *members), tuple(vteps))


def _without(
    known: LostEnds, uid: str, fragment: SegmentFragment | None, removed: Collection[str]
) -> LostEnds:
    """``known`` less what is there and what was removed."""
    if known == _NOTHING:
        return known
    there = frozenset[str]()
    if fragment is not None:
        there = frozenset({each.host_uid for each in fragment.members})
        there |= frozenset(fragment.external_vteps)

    def is_lost(end: str) -> bool:
        return end not in there and tunnel_id(uid, end) not in removed

    return LostEnds(
        tuple(each for each in known.members if is_lost(each.host_uid)),
        tuple(each for each in known.vteps if is_lost(each)),
    )


# --- what is still there -------------------------------------------------------------------------


def _devices(observed: ObservedState, owner: str) -> Mapping[str, list[str]]:
    """Names of the kernel's devices by the segments that they carry."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, link in observed.links.items():
        if link.kind == "vxlan":
            found[aliased_id(link, owner)].append(name)
    return found


def _reached(ends: LostEnds, destinations: AbstractSet[str]) -> LostEnds:
    return LostEnds(
        tuple(each for each in ends.members if _addresses(each) & destinations),
        tuple(each for each in ends.vteps if normal(each) in destinations),
    )


def _addresses(member: SegmentMember) -> frozenset[str]:
    return frozenset(normal(each) for each in (member.vtep, member.former_vtep) if each)


def _not_replaced(ends: LostEnds, fragment: SegmentFragment) -> LostEnds:
    """``ends`` less those whose address somebody has that is there, or another one of them."""
    taken = {normal(each.vtep) for each in fragment.members}
    taken |= {normal(each) for each in fragment.external_vteps}
    members: list[SegmentMember] = []
    for member in ends.members:
        if (vtep := normal(member.vtep)) not in taken:
            taken.add(vtep)
            members.append(member)
    return LostEnds(
        tuple(
            replace(each, former_vtep="") if normal(each.former_vtep) in taken else each
            for each in members
        ),
        tuple(each for each in ends.vteps if normal(each) not in taken),
    )


def _completed(fragment: SegmentFragment, lost: LostEnds) -> SegmentFragment:
    """``fragment`` with the lost ends, less the MACs and addresses that others have by now."""
    macs = {mac for each in fragment.members for mac in each.macs}
    ips = {normal(each.ip) for member in fragment.members for each in member.neighbours}
    members = (
        replace(
            member,
            macs=tuple(mac for mac in member.macs if mac not in macs),
            neighbours=tuple(each for each in member.neighbours if normal(each.ip) not in ips),
        )
        for member in lost.members
    )
    return replace(
        fragment,
        hash=fragment.hash + b"+",
        members=(*fragment.members, *members),
        external_vteps=(*fragment.external_vteps, *lost.vteps),
    )


def _not_removed(resource: str, words: str) -> Failure:
    message = (
        f"{words} has no part in the segment any more, but intent does not say that it was taken "
        "out, so that the kernel still sends to it; `ovsfleet release HOST --removals` ends that"
    )
    return Failure(resource, ErrorKind.CONFLICT, NOT_REMOVED, message)
