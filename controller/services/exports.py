"""Intent as it stands at one revision, read page by page, and what a request would make of it.

Owns nothing and writes nothing. A revision never changes, so pages of it agree with each other
although each is read in a snapshot of its own, and nobody's slow download holds a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.auth import Principal
from controller.domain.intent import Kind, Manifest, Object
from controller.domain.validation import Draft, named, plan_change, wanted
from controller.services.queries import scope
from controller.store.engine import Database
from controller.store.fleet import read_fleet
from controller.store.listing import read_page
from controller.store.objects import fetch_refs
from controller.store.world import load_world

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What to export; None and nothing is all within reach."""

    kinds: tuple[Kind, ...] = tuple(Kind)
    project: str | None = None
    labels: Mapping[str, str] | None = None
    name: str | None = None


def pages(
    db: Database, principal: Principal, question: Question, revision: int
) -> Iterator[Sequence[Object]]:
    """Kind by kind in the order in which they refer to each other, then by project and name."""
    for kind in question.kinds:
        projects = scope(principal, kind, question.project)
        after: tuple[str, str] | None = None
        is_last = False
        while not is_last:
            with db.snapshot() as tx:
                page = read_page(
                    tx,
                    kind,
                    projects,
                    limit=_PAGE,
                    after=after,
                    labels=question.labels or {},
                    revision=revision,
                    name=question.name,
                )
            yield [each.object for each in page]
            is_last = len(page) < _PAGE
            after = None if is_last else (page[-1].object.project, page[-1].object.name)


@dataclass(frozen=True, slots=True)
class Differences:
    revision: int
    """What the request was compared with."""
    changes: tuple[Draft, ...]
    """In the order of the request, as each object would be, with ``current`` as it is; those that
    would stay as they are, are left out."""


def differences(db: Database, principal: Principal, manifests: tuple[Manifest, ...]) -> Differences:
    """What applying would change. Raises every violation at once, as applying does.

    Numbers that the controller would give may be others by the time that it is done."""
    with db.snapshot() as tx:
        head = read_fleet(tx).revision
        current = {found.ref: found for found in fetch_refs(tx, named(manifests, ()))}
        world = load_world(tx, wanted(manifests, (), current))
    planned = plan_change(replace(world, within=principal.projects), manifests, ())
    drafts = {draft.ref: draft for draft in (*planned.creates, *planned.updates)}
    return Differences(head, tuple(drafts[m.ref] for m in manifests if m.ref in drafts))
