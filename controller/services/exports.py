"""Intent as it stands at one revision, read page by page, and what a request would make of it.

Owns nothing and leaves nothing written. A revision never changes, so pages of it agree with each
other although each is read in a snapshot of its own, and nobody's slow download holds a
transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.auth import Principal
from controller.domain.intent import Kind, Manifest, Object
from controller.domain.validation import Draft
from controller.services.intent import Change, commit
from controller.services.queries import scope
from controller.store.engine import Database
from controller.store.listing import read_page

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


def differences(
    db: Database, principal: Principal, manifests: tuple[Manifest, ...], *, request_id: str
) -> Differences:
    """What applying would change. Raises what applying would raise, because it is applied, and
    taken back: that frees the same numbers, and refuses the same.

    Numbers that the controller would give may be others by the time that it is done."""
    result = commit(db, principal, Change(manifests), request_id=request_id, dry_run=True)
    planned = result.planned
    drafts = {draft.ref: draft for draft in (*planned.creates, *planned.updates)}
    changes = tuple(drafts[m.ref] for m in manifests if m.ref in drafts)
    compared_with = result.revision - 1 if changes else result.revision
    return Differences(compared_with, changes)
