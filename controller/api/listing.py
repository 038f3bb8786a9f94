"""One page of a collection: what was asked of it beyond the database's knowledge. Owns nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi.responses import JSONResponse

from controller.api.conversion import DOCUMENTS, to_document
from controller.api.filters import parse_filter, value_in
from controller.api.label_selectors import Selector, parse_selector
from controller.api.paging import LARGEST_PAGE_SIZE, decode_page_token, encode_page_token
from controller.api.sparse import parse_fields, pick
from controller.auth import Principal
from controller.domain.errors import InvalidError, Violation
from controller.domain.filtering import Filter, holds
from controller.domain.intent import Kind
from controller.services import queries
from controller.services.queries import Page, View
from controller.store.engine import Database
from controller.store.listing import Order, OrderBy

_MOST_READS = 10
"""A selector that nothing matches ends a page early (and not the list) after so many reads."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a list is to be read, in the caller's words."""

    filter: str = ""
    order_by: str = ""
    fields: str = ""


def _reading(
    filter_: Annotated[
        str,
        Query(
            alias="filter",
            max_length=2048,
            description='E.g. `spec.host = "h1" AND (status.phase != "Ready" OR'
            ' metadata.name : "web*")`.',
        ),
    ] = "",
    order_by: Annotated[
        str,
        Query(
            max_length=64,
            description="`name`, `created_at`, `updated_at` or `revision`, and maybe ` desc`.",
        ),
    ] = "",
    fields: Annotated[
        str,
        Query(
            max_length=2048,
            description="Items then have only these: `metadata.name,spec.host,status.phase`. They"
            " lack everything else, also what the schema, which is of whole items, requires.",
        ),
    ] = "",
) -> Reading:
    return Reading(filter_, order_by, fields)


AsRead = Annotated[Reading, Depends(_reading)]


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
    reading: Reading = Reading(),
) -> Any:
    """What the route answers: a page, or with ``fields`` a response of its own."""
    selector, asked = parse_selector(label_selector), parse_filter(kind, reading.filter)
    fields = parse_fields(reading.fields, DOCUMENTS[kind])
    question = (kind.value, project, label_selector, host, reading.filter, reading.order_by)
    after = decode_page_token(page_token, *question)
    read = partial(
        queries.list_views,
        db,
        principal,
        kind,
        project,
        labels=selector.equalities,
        host=host,
        asked=asked,
        order=_order(reading.order_by),
    )
    size = min(page_size, LARGEST_PAGE_SIZE)
    page = _matching(read, size, after, partial(_matches, selector, asked))
    documents = [to_document(view) for view in page.items]
    answer = {
        "items": documents,
        "next_page_token": encode_page_token(page.next_after, *question),
        "revision": page.revision,
    }
    if fields is None:
        return answer
    items = [pick(document.model_dump(mode="json"), fields) for document in documents]
    return JSONResponse({**answer, "items": items})


def _order(text: str) -> Order:
    word, *direction = text.split() or [OrderBy.NAME.value]
    if word not in set(OrderBy) or direction not in ([], ["asc"], ["desc"]):
        detail = f"order_by {text!r} is no order of this list"
        fix = f"use {', '.join(OrderBy)}, with desc behind it for the opposite"
        raise InvalidError(detail, [Violation("", "order_by", detail, fix)])
    return Order(OrderBy(word), direction == ["desc"])


def _matches(selector: Selector, asked: Filter | None, view: View) -> bool:
    if not selector.matches(view.object.labels):
        return False
    return asked is None or holds(asked, partial(value_in, view))


def _matching(
    read: Callable[..., Page], page_size: int, after: str, matches: Callable[[View], bool]
) -> Page:
    """Reads on until the page is full of what matches.

    Answers the revision of the first read: who watches from there misses nothing.
    """
    page = read(page_size=page_size, after=after)
    found = [view for view in page.items if matches(view)]
    revision = page.revision
    for _ in range(_MOST_READS):
        if not page.next_after or len(found) == page_size:
            break
        page = read(page_size=page_size - len(found), after=page.next_after)
        found += [view for view in page.items if matches(view)]
    return Page(tuple(found), page.next_after, revision)
