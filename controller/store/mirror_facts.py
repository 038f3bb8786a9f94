"""What is known of mirrors on their hosts: also, of which there is nothing to copy. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, select

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import Kind, Ref
from controller.domain.mirroring import nothing_to_mirror
from controller.domain.status import HostFacts
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.facts import resource_facts
from controller.store.tables import HostSegmentRow, MirrorRow, SegmentRow


def mirror_facts(
    tx: Transaction, on_hosts: Mapping[UUID, Sequence[UUID]]
) -> dict[UUID, tuple[HostFacts, ...]]:
    """The same as ``resource_facts``; a mirror has one host."""
    found, missing = resource_facts(tx, on_hosts), _missing(tx, on_hosts)
    return {
        uid: tuple(replace(each, missing=missing.get(uid, "")) for each in facts)
        for uid, facts in found.items()
    }


def _missing(tx: Transaction, uids: Collection[UUID]) -> dict[UUID, str]:
    row = MirrorRow
    query = objects.versions(Kind.MIRROR).where(
        row.uid == func.any(list(uids)),
        objects.current(Kind.MIRROR),
        ~row.spec.has_key("bridge"),
    )
    mirrors = [(v["host_uid"], objects.read(Kind.MIRROR, v)) for v in tx.execute(query).mappings()]
    segments = _segments(tx, {host for host, _ in mirrors}) if mirrors else {}
    return {
        mirror.uid: nothing_to_mirror(mirror.spec, segments.get(host, set()))
        for host, mirror in mirrors
        if isinstance(mirror.spec, MirrorSpec)
    }


def _segments(tx: Transaction, hosts: Collection[UUID]) -> Mapping[UUID, set[Ref]]:
    """By host, those that its overlay bridge has a VLAN for."""
    member, segment = HostSegmentRow, SegmentRow
    query = (
        select(member.host_uid, segment.project, segment.name)
        .join(segment, segment.uid == member.segment_uid)
        .where(
            member.host_uid == func.any(list(hosts)),
            member.released_revision.is_(None),
            member.local_vlan.is_not(None),
            objects.current(Kind.SEGMENT),
        )
    )
    found: dict[UUID, set[Ref]] = defaultdict(set)
    for host, project, name in tx.execute(query):
        found[host].add(Ref(Kind.SEGMENT, project, name))
    return found
