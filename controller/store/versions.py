"""Writes a planned change: closes versions, opens versions, and says so in the change log.

Must run under the revision lock. All rows of a kind go in one statement, however many there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, text, update

from controller.domain.departures import Revocation
from controller.domain.intent import Kind, SegmentSpec
from controller.domain.validation import Draft, references
from controller.store import credentials, grants, held, membership, objects, pools, status
from controller.store.changelog import append
from controller.store.engine import Transaction
from controller.store.entries import entries
from controller.store.membership import Member
from controller.store.tables import VERSIONED, HostSegmentRow
from controller.store.writing import Writing

_BULK = 1000
"""New versions of a kind in one change after which the database looks at its tables anew."""


def write(tx: Transaction, writing: Writing) -> frozenset[UUID]:
    """Answers the hosts that the change is about, themselves or by what is on them."""
    _close(tx, writing)
    _open(tx, writing)
    _settle_vnis(tx, writing)
    pools.settle_vteps(tx, writing)
    changed = membership.settle(tx, _touched_members(writing), writing.revision)
    said = entries(tx, writing, changed)
    append(tx, writing.revision, said)
    deleted = [gone.uid for gone in writing.planned.deletes if gone.kind is Kind.HOST]
    grants.end_bound(
        tx,
        writing.revision,
        changed=(d.current.uid for d in writing.drafts if d.current and d.current.spec != d.spec),
        deleted=(gone.uid for gone in writing.planned.deletes),
    )
    if deleted:
        # In the order of whoever opens a session: first certificates, then what hosts report.
        credentials.revoke(tx, deleted, Revocation.DELETED, writing.now)
    status.forget(tx, deleted)
    _analyze(tx, writing)
    return frozenset(e.host_uid or e.uid for e in said if e.ref.kind is not Kind.SEGMENT)


def _analyze(tx: Transaction, writing: Writing) -> None:
    """PostgreSQL does so by itself about a minute later; until then it would read the tables whole,
    as it does small ones, for every single change."""
    counts = Counter(draft.ref.kind for draft in writing.drafts)
    tables = {VERSIONED[kind].__tablename__ for kind, count in counts.items() if count >= _BULK}
    if counts[Kind.PORT] >= _BULK:
        tables.add(HostSegmentRow.__tablename__)
    for table in sorted(tables):
        tx.execute(text(f"ANALYZE {table}"))


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
        rows[draft.ref.kind] += objects.sides(draft.ref.kind, _row(draft, writing))
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


def _resolved(draft: Draft, writing: Writing) -> dict[tuple[Kind, str], UUID]:
    """By kind and name; what an object refers to by one name of a kind is one object."""
    refs = references(draft.ref, draft.spec)
    return {(ref.kind, ref.name): writing.uids[ref] for ref in refs}


def _settle_vnis(tx: Transaction, writing: Writing) -> None:
    before = {v.uid: v.spec.vni for v in writing.replaced if isinstance(v.spec, SegmentSpec)}
    after = {
        writing.uids[d.ref]: d.spec.vni for d in writing.drafts if isinstance(d.spec, SegmentSpec)
    }
    released = [vni for uid, vni in before.items() if vni is not None and after.get(uid) != vni]
    taken = {vni: uid for uid, vni in after.items() if vni is not None and before.get(uid) != vni}
    until = pools.quarantine_vnis(tx, released, writing.now)
    held.release_vnis(tx, until, writing.revision, writing.now)
    held.take_vnis(tx, taken, writing.now)


def _touched_members(writing: Writing) -> set[Member]:
    """Whom the ports of the change join to a segment, or part from it."""
    return {
        Member(host, segment)
        for ref, spec in writing.specs()
        if (segment := writing.segment_of(ref, spec)) is not None
        for host in writing.hosts_of(ref, spec)
    }
