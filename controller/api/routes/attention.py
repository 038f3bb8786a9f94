"""What waits for a person. Owns nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.gathering import gathered
from controller.api.paging import DEFAULT_PAGE_SIZE, decode_page_token, encode_page_token
from controller.api.routes.collections import PageToken
from controller.api.schemas.base import Text
from controller.api.schemas.manifests import KindName
from controller.api.schemas.overview import AttentionItem, AttentionPage
from controller.domain.intent import Kind
from controller.services.attention import Asked, Item, attention

router = APIRouter(prefix="/v1", tags=["fleet"])

_LARGEST_PAGE = 500


@router.get(
    "/attention",
    operation_id="list_attention",
    response_model=AttentionPage,
    responses=declared("unauthenticated", "invalid", "unavailable"),
)
async def list_attention(
    *,
    request: Request,
    context: Context,
    caller: Caller,
    kind: Annotated[KindName | None, Query(description="Only things of this kind.")] = None,
    host: Annotated[
        Text | None, Query(description="Only this host, by name or uid, and what is on it.")
    ] = None,
    project: Annotated[Text | None, Query(description="Only what this project owns.")] = None,
    page_size: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> Response:
    """Everything that is not as intended and why, with what is the most urgent on top."""
    question = ("attention", kind, host, project)
    asked = Asked(None if kind is None else Kind(kind), host, project)
    after = decode_page_token(page_token, *question)

    def look() -> AttentionPage:
        found = attention(
            context.db, caller, asked, now=context.now(), page_size=page_size, after=after
        )
        return AttentionPage(
            items=[_document(item) for item in found.items],
            total=found.total,
            next_page_token=encode_page_token(found.next_after, *question),
        )

    return await gathered(request, caller, (*question, page_size, page_token), look)


def _document(item: Item) -> AttentionItem:
    return AttentionItem(
        kind=item.ref.kind.value,
        project=item.ref.project,
        name=item.ref.name,
        uid=item.uid,
        host=item.host,
        phase=item.phase.value,
        reason=item.reason,
        message=item.message,
        since=item.since,
        fix=item.fix,
    )
