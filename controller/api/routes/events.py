"""What happened, as one story, for reading only. Owns nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.paging import DEFAULT_PAGE_SIZE, decode_page_token, encode_page_token
from controller.api.routes.collections import PageToken
from controller.api.routes.history import LARGEST_STORY_PAGE, Since, StoryPageSize, Until
from controller.api.schemas.base import Text
from controller.api.schemas.events import EventDocument, EventPage, EventTypeName, SeverityName
from controller.api.schemas.manifests import KindName
from controller.api.times import optional_moment
from controller.domain.events import EventType, Severity
from controller.domain.intent import Kind
from controller.services import events
from controller.services.events import Wanted

router = APIRouter(prefix="/v1", tags=["events"])


@router.get(
    "/events",
    operation_id="list_events",
    response_model=EventPage,
    responses=declared("unauthenticated", "invalid", "unavailable"),
)
def list_events(
    *,
    context: Context,
    caller: Caller,
    host: Annotated[Text | None, Query(description="Name; also of one that is gone.")] = None,
    kind: Annotated[KindName | None, Query(description="Of the object.")] = None,
    project: Annotated[Text | None, Query(description="Of the object.")] = None,
    name: Annotated[Text | None, Query(description="Of the object.")] = None,
    type: Annotated[EventTypeName | None, Query()] = None,  # noqa: A002 (the API's word)
    severity: Annotated[SeverityName | None, Query(description="At least as severe.")] = None,
    since: Since = None,
    until: Until = None,
    page_size: StoryPageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> EventPage:
    """What happened, newest first: to intent, to hosts and to what is on them.

    That a host applied a revision is told where `host`, `name` or `type` asks for it: a change of a
    large mesh is applied by all of them."""
    question = ("events", host, kind, project, name, type, severity, since, until)
    wanted = Wanted(
        host=host,
        kind=None if kind is None else Kind(kind),
        project=project,
        name=name,
        type=None if type is None else EventType(type),
        severity=None if severity is None else Severity(severity),
        since=optional_moment("since", since),
        until=optional_moment("until", until),
    )
    found = events.list_events(
        context.db,
        caller,
        wanted,
        page_size=min(page_size, LARGEST_STORY_PAGE),
        after=decode_page_token(page_token, *question),
    )
    return EventPage(
        items=[EventDocument.model_validate(asdict(each)) for each in found.items],
        next_page_token=encode_page_token(found.next_after, *question),
    )
