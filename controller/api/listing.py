"""One page of a collection, with what a label selector asks beyond equality. Owns nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from controller.api.conversion import to_document
from controller.api.label_selectors import Selector, parse_selector
from controller.api.paging import LARGEST_PAGE_SIZE, decode_page_token, encode_page_token
from controller.auth import Principal
from controller.domain.intent import Kind
from controller.services import queries
from controller.services.queries import Page
from controller.store.engine import Database

_MOST_READS = 10
"""A selector that nothing matches ends a page early (and not the list) after so many reads."""


def list_page(
    db: Database,
    principal: Principal,
    *,
    kind: Kind,
    project: str | None,
    page_size: int,
    page_token: str,
    label_selector: str,
    host: str | None = None,
) -> dict[str, Any]:
    selector = parse_selector(label_selector)
    question = (kind.value, project, label_selector, host)
    after = decode_page_token(page_token, *question)
    read = partial(
        queries.list_views, db, principal, kind, project, labels=selector.equalities, host=host
    )
    page = _matching(read, min(page_size, LARGEST_PAGE_SIZE), after, selector)
    return {
        "items": [to_document(view) for view in page.items],
        "next_page_token": encode_page_token(page.next_after, *question),
        "revision": page.revision,
    }


def _matching(read: Callable[..., Page], page_size: int, after: str, selector: Selector) -> Page:
    """Reads on until the page is full of what matches.

    Answers the revision of the first read: who watches from there misses nothing.
    """
    page = read(page_size=page_size, after=after)
    found = [view for view in page.items if selector.matches(view.object.labels)]
    revision = page.revision
    for _ in range(_MOST_READS):
        if not page.next_after or len(found) == page_size:
            break
        page = read(page_size=page_size - len(found), after=page.next_after)
        found += [view for view in page.items if selector.matches(view.object.labels)]
    return Page(tuple(found), page.next_after, revision)
