"""Objects found by a few letters, with their phases. Owns nothing, and reads in one snapshot.

Must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from controller.auth import Principal
from controller.domain.intent import Kind, Ref
from controller.domain.status import Phase
from controller.services.queries import scope
from controller.services.statuses import derive
from controller.store.engine import Database
from controller.store.listing import Subject
from controller.store.search import Hit, Question
from controller.store.search import search as look

_KINDS = (
    Kind.HOST,
    Kind.SEGMENT,
    Kind.PORT,
    Kind.BRIDGE,
    Kind.TUNNEL,
    Kind.HOST_GROUP,
    Kind.TRANSPORT_ZONE,
    Kind.POOL,
    Kind.TUNNEL_PROFILE,
    Kind.QOS_POLICY,
    Kind.MIRROR,
    Kind.FLOW_EXPORT,
)
"""What people look for the most stands first."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    ref: Ref
    uid: UUID
    phase: Phase
    host: str | None
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class SearchResults:
    items: tuple[SearchResult, ...]
    is_truncated: bool


def search(
    db: Database,
    principal: Principal,
    words: str,
    *,
    kind: Kind | None,
    project: str | None,
    page_size: int,
) -> SearchResults:
    """The best ``page_size``: what is exactly this, begins with it, or has it within."""
    kinds = _KINDS if kind is None else (kind,)
    within = {each: scope(principal, each, project) for each in kinds}
    seen = tuple(each for each in kinds if within[each] != frozenset())
    projects = {each: None if (few := within[each]) is None else sorted(few) for each in seen}
    with db.snapshot() as tx:
        hits = look(tx, Question(words, seen, page_size + 1, projects))
        shown = hits[:page_size]
        of_kinds: defaultdict[Kind, list[Subject]] = defaultdict(list)
        for hit in shown:
            of_kinds[hit.ref.kind].append(hit.subject)
        phases = {
            uid: status.phase
            for each, subjects in of_kinds.items()
            for uid, status in derive(tx, each, subjects).items()
        }
    items = tuple(_result(hit, phases[hit.subject.uid]) for hit in shown)
    return SearchResults(items, is_truncated=len(hits) > page_size)


def _result(hit: Hit, phase: Phase) -> SearchResult:
    return SearchResult(hit.ref, hit.subject.uid, phase, hit.host, hit.field, hit.value)
