"""What a change says in the log: what it writes, and whom else that concerns.

Runs after the memberships were settled. Reads; owns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, or_

from controller.domain.intent import HostSpec, Kind, Object, PortSpec, Ref, Spec
from controller.domain.validation import Draft
from controller.store import objects
from controller.store.changelog import END, MACS, MEMBERSHIP, Entry, with_kernel_members
from controller.store.engine import Transaction
from controller.store.membership import segments_of
from controller.store.meshes import segments_with_profiles, with_answers
from controller.store.reach import concerned
from controller.store.tables import SegmentRow, TunnelRow
from controller.store.writing import Writing


def entries(tx: Transaction, writing: Writing, joined_or_left: Iterable[UUID]) -> list[Entry]:
    """``joined_or_left`` are the segments whose set of members the change made another."""
    changed = frozenset(joined_or_left) | segments_of(tx, _hosts_with_other(writing, _in_mesh))
    changed |= segments_with_profiles(tx, _changed_profiles(writing))
    # Whoever is told of a mesh is told of its addresses too.
    macs = _segments_with_other(writing, _mac) - changed
    ips = with_answers(tx, _segments_with_other(writing, _addresses) - changed - macs)
    learned = with_kernel_members(tx, macs | ips)
    return [
        *_own(writing),
        *_of_segments(tx, changed, MEMBERSHIP),
        *_of_segments(tx, learned, MACS),
        *_far_ends(tx, _hosts_with_other(writing, _at_tunnel_ends)),
        *(Entry(ref, uid, END, host) for ref, uid, host in concerned(tx, writing)),
    ]


def _own(writing: Writing) -> Iterator[Entry]:
    for action, drafts in (
        ("created", writing.planned.creates),
        ("updated", writing.planned.updates),
    ):
        for draft in drafts:
            uid = writing.uids[draft.ref]
            yield from _on_each_host(writing, draft.ref, draft.spec, uid, action)
            yield from _on_hosts_left(writing, draft, uid)
    for gone in writing.planned.deletes:
        yield from _on_each_host(writing, gone.ref, gone.spec, gone.uid, "deleted")


def _on_each_host(
    writing: Writing, ref: Ref, spec: Spec, uid: UUID, action: str
) -> Iterator[Entry]:
    """One entry for people, and one more for each further host that has an end of the object."""
    hosts = writing.hosts_of(ref, spec)
    yield Entry(ref, uid, action, hosts[0] if hosts else None)
    for host in hosts[1:]:
        yield Entry(ref, uid, END, host)


def _on_hosts_left(writing: Writing, draft: Draft, uid: UUID) -> Iterator[Entry]:
    """The hosts that an object was on and is not any more."""
    if draft.current is not None:
        now = writing.hosts_of(draft.ref, draft.spec)
        for host in writing.hosts_of(draft.ref, draft.current.spec):
            if host not in now:
                yield Entry(draft.ref, uid, END, host)


def _hosts_with_other(writing: Writing, brought: Callable[[HostSpec], object]) -> list[UUID]:
    """Hosts that bring something else to what they share with others than before."""
    return [
        draft.current.uid
        for draft in writing.planned.updates
        if draft.current is not None
        and isinstance(draft.spec, HostSpec)
        and isinstance(draft.current.spec, HostSpec)
        and brought(draft.spec) != brought(draft.current.spec)
    ]


def _in_mesh(host: HostSpec) -> object:
    return host.vteps, host.former_vteps, host.vtep_steps, host.underlay_mtu


def _at_tunnel_ends(host: HostSpec) -> object:
    return host.vteps


def _changed_profiles(writing: Writing) -> list[str]:
    """Tunnel profiles that say something else than before; new ones are of no segment yet."""
    return [
        draft.ref.name
        for draft in writing.planned.updates
        if draft.ref.kind is Kind.TUNNEL_PROFILE
        and draft.current is not None
        and draft.spec != draft.current.spec
    ]


class _Known(NamedTuple):
    """What kernel members know of a port."""

    port: UUID
    segment: UUID
    host: UUID
    known: object


def _mac(port: PortSpec) -> object:
    """None for one that is on two hosts: see ``slices``."""
    return port.mac if port.migrating_to is None else None


def _addresses(port: PortSpec) -> object:
    return port.addresses if port.mac is not None else None


def _segments_with_other(
    writing: Writing, learned: Callable[[PortSpec], object]
) -> frozenset[UUID]:
    before = {_known(writing, v.ref, v.spec, v.uid, learned) for v in writing.replaced}
    after = {_known(writing, d.ref, d.spec, writing.uids[d.ref], learned) for d in writing.drafts}
    return frozenset(known.segment for known in before ^ after if known is not None)


def _known(
    writing: Writing, ref: Ref, spec: Spec, uid: UUID, learned: Callable[[PortSpec], object]
) -> _Known | None:
    if not isinstance(spec, PortSpec) or spec.segment is None or not (what := learned(spec)):
        return None
    segment = writing.segment_of(ref, spec)
    hosts = writing.hosts_of(ref, spec)
    return _Known(uid, segment, hosts[0], what) if segment is not None and hosts else None


def _of_segments(tx: Transaction, segments: Iterable[UUID], action: str) -> Iterator[Entry]:
    uids = list(segments)
    if not uids:
        return
    query = objects.versions(Kind.SEGMENT).where(
        SegmentRow.uid == func.any(uids), objects.current(Kind.SEGMENT)
    )
    # A segment that is gone by now has an entry of its own that says so.
    for segment in objects.fetch(tx, Kind.SEGMENT, query):
        yield _following(segment, action, None)


def _far_ends(tx: Transaction, moved: Iterable[UUID]) -> Iterator[Entry]:
    """The hosts at both ends of the tunnels of hosts that moved."""
    hosts, row = list(moved), TunnelRow
    if not hosts:
        return
    query = objects.versions(Kind.TUNNEL).where(
        or_(row.a_host_uid == func.any(hosts), row.b_host_uid == func.any(hosts)),
        row.b_host_uid.is_not(None),
        objects.current(Kind.TUNNEL),
    )
    for found in tx.execute(query).mappings().all():
        tunnel = objects.read(Kind.TUNNEL, found)
        for host in (found["a_host_uid"], found["b_host_uid"]):
            yield _following(tunnel, END, host)


def _following(about: Object, action: str, host: UUID | None) -> Entry:
    return Entry(about.ref, about.uid, action, host)
