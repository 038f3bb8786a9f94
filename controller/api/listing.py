"""One page of a collection, with what a label selector asks beyond equality. Owns nothing."""

from __future__ import annotations

from typing import Any

from controller.api.conversion import to_document
from controller.api.label_selectors import Selector, parse_selector
from controller.api.paging import LARGEST_PAGE_SIZE, decode_page_token, encode_page_token
from controller.auth import Principal
from controller.domain.intent import Kind
from controller.services import queries
from controller.services.queries import Page, View
from controller.store.engine import Database

_MOST_READS = 10
"""A selector that nothing matches ends a page early (and not the list) after so many reads."""


def list_page(
    db: Database,
    principal: Principal,
    kind: Kind,
    project: str | None,
    page_size: int,
    page_token: str,
    label_selector: str,
) -> dict[str, Any]:
    selector = parse_selector(label_selector)
    question = (kind.value, project, label_selector)
    after = decode_page_token(page_token, *question)
    page = _matching(
        db, principal, kind, project, min(page_size, LARGEST_PAGE_SIZE), after, selector
    )
    return {
        "items": [to_document(view) for view in page.items],
        "next_page_token": encode_page_token(page.next_after, *question),
        "revision": page.revision,
    }


def _matching(
    db: Database,
    principal: Principal,
    kind: Kind,
    project: str | None,
    page_size: int,
    after: str,
    selector: Selector,
) -> Page:
    equalities = selector.equalities
    found: list[View] = []
    revision: int | None = None
    for _ in range(_MOST_READS):
        page = queries.list_views(
            db,
            principal,
            kind,
            project,
            page_size=page_size - len(found),
            after=after,
            labels=equalities or {},
        )
        # The oldest revision of all reads: who watches from there misses nothing.
        revision = page.revision if revision is None else revision
        found += [view for view in page.items if selector.matches(view.object.labels)]
        after = page.next_after
        if not after or len(found) >= page_size or selector.is_equality:
            break
    return Page(tuple(found), after, revision or 0)
