"""Writes a planned change: closes versions, opens versions, and says so in the change log.

Must run under the revision lock. All rows of a kind go in one statement, however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, update

from controller.domain.intent import HostSpec, Kind, Object, PortSpec, Ref, SegmentSpec
from controller.domain.validation import Draft, Planned, references
from controller.store import held, membership, objects, status
from controller.store.changelog import Entry, append
from controller.store.engine import Transaction
from controller.store.membership import Member
from controller.store.tables import VERSIONED


@dataclass(frozen=True, slots=True)
class Writing:
    """One planned change with everything it takes to write it."""

    planned: Planned
    revision: int
    now: datetime
    uids: Mapping[Ref, UUID]
    """Of every object that the change writes or refers to."""

    @property
    def drafts(self) -> tuple[Draft, ...]:
        return self.planned.creates + self.planned.updates

    @property
    def replaced(self) -> tuple[Object, ...]:
        """The versions that the change closes."""
        updated = (d.current for d in self.planned.updates if d.current is not None)
        return (*updated, *self.planned.deletes)


def write(tx: Transaction, writing: Writing) -> None:
    _close(tx, writing)
    _open(tx, writing)
    _settle_vnis(tx, writing)
    changed = membership.settle(tx, _touched_members(writing), writing.revision)
    changed |= membership.segments_of(tx, _moved_hosts(writing))
    entries = [*_entries(writing), *_membership_entries(tx, changed)]
    append(tx, writing.revision, entries)
    status.forget(tx, [gone.uid for gone in writing.planned.deletes if gone.kind is Kind.HOST])
    status.release_pins(
        tx, {e.host_uid or e.uid for e in entries if e.ref.kind is not Kind.SEGMENT}
    )


def _close(tx: Transaction, writing: Writing) -> None:
    uids: dict[Kind, list[UUID]] = defaultdict(list)
    for version in writing.replaced:
        uids[version.kind].append(version.uid)
    for kind, closing in uids.items():
        row = VERSIONED[kind]
        tx.execute(
            update(row)
            .where(row.uid == func.any(closing), objects.current(kind))
            .values(valid_to=writing.revision)
        )


def _open(tx: Transaction, writing: Writing) -> None:
    rows: dict[Kind, list[dict[str, Any]]] = defaultdict(list)
    for draft in writing.drafts:
        rows[draft.ref.kind].append(_row(draft, writing))
    for kind, opening in rows.items():
        tx.execute(insert(VERSIONED[kind]), opening)


def _row(draft: Draft, writing: Writing) -> dict[str, Any]:
    return {
        "uid": writing.uids[draft.ref],
        "valid_from": writing.revision,
        "project": draft.ref.project,
        "name": draft.ref.name,
        "labels": dict(draft.labels),
        "created_at": draft.current.created_at if draft.current else writing.now,
        "updated_at": writing.now,
        **objects.spec_columns(draft.spec, _resolved(draft, writing)),
    }


def _resolved(draft: Draft, writing: Writing) -> dict[str, UUID]:
    refs = references(draft.ref, draft.spec)
    return {ref.kind.lower(): writing.uids[ref] for ref in refs}


def _settle_vnis(tx: Transaction, writing: Writing) -> None:
    before = {v.uid: v.spec.vni for v in writing.replaced if isinstance(v.spec, SegmentSpec)}
    after = {
        writing.uids[d.ref]: d.spec.vni for d in writing.drafts if isinstance(d.spec, SegmentSpec)
    }
    released = [vni for uid, vni in before.items() if vni is not None and after.get(uid) != vni]
    taken = {vni: uid for uid, vni in after.items() if vni is not None and before.get(uid) != vni}
    held.release_vnis(tx, released, writing.revision)
    held.take_vnis(tx, taken)


def _touched_members(writing: Writing) -> set[Member]:
    """Whom the ports of the change join to a segment, or part from it."""
    specs = [(v.ref, v.spec) for v in writing.replaced]
    specs += [(draft.ref, draft.spec) for draft in writing.drafts]
    found = set()
    for ref, spec in specs:
        if isinstance(spec, PortSpec) and spec.segment is not None:
            uids = {r.kind: writing.uids[r] for r in references(ref, spec)}
            found.add(Member(uids[Kind.HOST], uids[Kind.SEGMENT]))
    return found


def _moved_hosts(writing: Writing) -> list[UUID]:
    """Hosts that bring something else to the meshes they are in than before."""
    return [
        draft.current.uid
        for draft in writing.planned.updates
        if draft.current is not None and _in_mesh(draft.spec) != _in_mesh(draft.current.spec)
    ]


def _in_mesh(spec: object) -> object:
    return (spec.vteps, spec.underlay_mtu) if isinstance(spec, HostSpec) else None


def _entries(writing: Writing) -> Iterable[Entry]:
    for action, drafts in (
        ("created", writing.planned.creates),
        ("updated", writing.planned.updates),
    ):
        for draft in drafts:
            host = _resolved(draft, writing).get("host")
            yield Entry(draft.ref, writing.uids[draft.ref], action, host)
    for gone in writing.planned.deletes:
        hosts = (r for r in references(gone.ref, gone.spec) if r.kind is Kind.HOST)
        host = next((writing.uids[ref] for ref in hosts), None)
        yield Entry(gone.ref, gone.uid, "deleted", host)


def _membership_entries(tx: Transaction, segments: Iterable[UUID]) -> Iterable[Entry]:
    uids = list(segments)
    row = VERSIONED[Kind.SEGMENT]
    query = objects.versions(Kind.SEGMENT).where(
        row.uid == func.any(uids), objects.current(Kind.SEGMENT)
    )
    # A segment that is gone by now has an entry of its own that says so.
    for segment in objects.fetch(tx, Kind.SEGMENT, query):
        yield Entry(segment.ref, segment.uid, "membership", None)
