"""What of the tables of a kernel segment's devices is on account of members that came, went or
changed: news of intent, though intent for the segment itself says the same as before. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from agent.fragments import Neighbour
from agent.model import BROADCAST_FDB, Backend, HostState, SegmentAttachment, segment_id
from agent.observed import FdbEntry
from agent.planner.neighbours import Neighbours, neighbours
from agent.planner.plan import AddFdb, AddNeighbours, DeleteFdb, DeleteNeighbours, Step


@dataclass(frozen=True, slots=True)
class Entries:
    fdb: frozenset[FdbEntry]
    addresses: frozenset[Neighbour]

    def __or__(self, other: Entries) -> Entries:
        return Entries(self.fdb | other.fdb, self.addresses | other.addresses)


NO_ENTRIES = Entries(frozenset(), frozenset())


def moved_entries(before: HostState, after: HostState) -> Mapping[str, Entries]:
    """By segment, what is wanted of the tables by one of both and not by the other."""
    if before is after:
        return {}
    known = {each.segment_uid: each for each in before.attachments}
    found = {
        segment_id(each.segment_uid): _moved(_table(before, old), _table(after, each))
        for each in after.attachments
        if each.backend is Backend.KERNEL
        and (old := known.get(each.segment_uid)) is not None
        and old.fragment_hash != each.fragment_hash
    }
    return {resource: entries for resource, entries in found.items() if entries != NO_ENTRIES}


def divided(steps: Iterable[Step], news: Entries) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps less what is on account of ``news``, and that; an entry of a MAC that moved is,
    wherever it leads."""
    macs = frozenset(each.mac for each in news.fdb) - {BROADCAST_FDB}
    rest: list[Step] = []
    told: list[Step] = []
    for step in steps:
        if not isinstance(step, AddFdb | DeleteFdb | AddNeighbours | DeleteNeighbours):
            rest.append(step)
            continue
        its = tuple(_is_news(entry, news, macs) for entry in step.entries)
        rest.extend(_part(step, [not each for each in its]))
        told.extend(_part(step, its))
    return tuple(rest), tuple(told)


def _table(state: HostState, attachment: SegmentAttachment) -> Neighbours | None:
    fragment = state.fragments.get(attachment.fragment_hash)
    if fragment is None or all(each.host_uid != state.host_uid for each in fragment.members):
        return None
    return neighbours(fragment, state.host_uid)


def _moved(before: Neighbours | None, after: Neighbours | None) -> Entries:
    if before is None or after is None:
        return NO_ENTRIES
    return Entries(before.fdb ^ after.fdb, before.addresses ^ after.addresses)


def _is_news(entry: FdbEntry | Neighbour, news: Entries, macs: frozenset[str]) -> bool:
    if isinstance(entry, FdbEntry):
        return entry in news.fdb or entry.mac in macs
    return entry in news.addresses


def _part(
    step: AddFdb | DeleteFdb | AddNeighbours | DeleteNeighbours, chosen: Iterable[bool]
) -> Iterator[Step]:
    if isinstance(step, AddFdb | DeleteFdb):
        entries = tuple(e for e, is_in in zip(step.entries, chosen, strict=True) if is_in)
        if entries:
            yield replace(step, entries=entries)
        return
    there = tuple(e for e, is_in in zip(step.entries, chosen, strict=True) if is_in)
    if there:
        yield replace(step, entries=there)
