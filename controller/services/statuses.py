"""Statuses in bulk: facts from the store, judgement from ``controller.domain.status``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from controller.domain.intent import Kind
from controller.domain.status import (
    SegmentFacts,
    Status,
    definition_status,
    host_status,
    resource_status,
    segment_status,
    spread_status,
    tunnel_status,
    veiled,
)
from controller.store.engine import Transaction
from controller.store.facts import host_facts, resource_facts, segment_facts
from controller.store.listing import Subject
from controller.store.reach import reach


def derive(
    tx: Transaction, kind: Kind, subjects: Sequence[Subject], *, inspects: bool = True
) -> dict[UUID, Status]:
    """By uid. The number of queries depends on the kind only.

    Without ``inspects`` a host's status does not tell what of other projects failed there."""
    uids = [subject.uid for subject in subjects]
    match kind:
        case Kind.HOST:
            hosts = host_facts(tx, uids)
            if not inspects:
                hosts = {u: replace(f, troubles=veiled(f.troubles)) for u, f in hosts.items()}
            return {s.uid: host_status(s.revision, hosts[s.uid]) for s in subjects}
        case Kind.SEGMENT:
            segments = segment_facts(tx, uids)
            return {
                s.uid: segment_status(s.revision, segments.get(s.uid, SegmentFacts()))
                for s in subjects
            }
        case Kind.BRIDGE | Kind.PORT | Kind.MIRROR:
            found = resource_facts(tx, {s.uid: s.hosts for s in subjects})
            return {s.uid: resource_status(s.revision, found[s.uid][0]) for s in subjects}
        case Kind.TUNNEL:
            ends = resource_facts(tx, {s.uid: s.hosts for s in subjects})
            return {s.uid: tunnel_status(s.revision, ends[s.uid]) for s in subjects}
        case Kind.TUNNEL_PROFILE | Kind.QOS_POLICY | Kind.FLOW_EXPORT:
            reached = reach(tx, kind, uids)
            found = resource_facts(tx, {uid: reached[uid].hosts for uid in uids})
            return {
                s.uid: spread_status(s.revision, reached[s.uid].revision, found[s.uid])
                for s in subjects
            }
        case _:
            return {s.uid: definition_status(s.revision) for s in subjects}
