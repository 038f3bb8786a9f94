"""Finding objects by a few letters. Owns nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.schemas.base import Text
from controller.api.schemas.manifests import KindName
from controller.api.schemas.overview import SearchAnswer, SearchItem, SearchMatch
from controller.domain.intent import Kind
from controller.services.search import SearchResult, search

router = APIRouter(prefix="/v1", tags=["fleet"])

_PAGE_SIZE = 20
_LARGEST_PAGE = 50


@router.get(
    "/search",
    operation_id="search",
    response_model=SearchAnswer,
    responses=declared("unauthenticated", "invalid", "unavailable"),
)
def search_objects(
    *,
    context: Context,
    caller: Caller,
    q: Annotated[
        Text,
        Query(
            min_length=1,
            description="A name, uid, VTEP, address, MAC address, VNI or iface-id, whole or in"
            " part; or a label, as `key=value`. Addresses and labels of ports are found whole.",
        ),
    ],
    kind: Annotated[KindName | None, Query(description="Only objects of this kind.")] = None,
    project: Annotated[Text | None, Query(description="Only what this project owns.")] = None,
    page_size: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = _PAGE_SIZE,
) -> SearchAnswer:
    """Objects of every kind that have this in their name or addresses, the best first."""
    of_kind = None if kind is None else Kind(kind)
    found = search(
        context.db, caller, q.strip(), kind=of_kind, project=project, page_size=page_size
    )
    return SearchAnswer(
        items=[_document(each) for each in found.items], truncated=found.is_truncated
    )


def _document(found: SearchResult) -> SearchItem:
    return SearchItem(
        kind=found.ref.kind.value,
        project=found.ref.project,
        name=found.ref.name,
        uid=found.uid,
        phase=found.phase.value,
        host=found.host,
        matched=SearchMatch.model_validate({"field": found.field, "value": found.value}),
    )
