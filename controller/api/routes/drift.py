"""What others changed on hosts, for reading only. Owns nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.paging import (
    DEFAULT_PAGE_SIZE,
    LARGEST_PAGE_SIZE,
    decode_page_token,
    encode_page_token,
)
from controller.api.routes.collections import PageSize, PageToken
from controller.api.schemas.answers import ObjectReference
from controller.api.schemas.base import Text
from controller.api.schemas.drift import (
    DriftActionName,
    DriftDifference,
    DriftEventDocument,
    DriftEventPage,
)
from controller.api.schemas.manifests import KindName
from controller.api.times import moment
from controller.domain.intent import Kind
from controller.domain.safety import DriftAction
from controller.services import drift
from controller.services.drift import EventPage, FoundEvent, Wanted

router = APIRouter(prefix="/v1", tags=["drift"])


@router.get(
    "/drift-events",
    operation_id="list_drift_events",
    response_model=DriftEventPage,
    responses=declared("unauthenticated", "invalid", "unavailable"),
)
def list_drift_events(
    *,
    context: Context,
    caller: Caller,
    host: Annotated[Text | None, Query(description="Name; also of one that is gone.")] = None,
    kind: Annotated[KindName | None, Query(description="Of the object.")] = None,
    project: Annotated[Text | None, Query(description="Of the object.")] = None,
    name: Annotated[Text | None, Query(description="Of the object.")] = None,
    since: Annotated[
        Text | None, Query(description="Found at this time or later: `2026-01-31T12:00:00Z`.")
    ] = None,
    action: Annotated[DriftActionName | None, Query()] = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> DriftEventPage:
    """What others changed on hosts, as agents found it, newest first. Kept for 30 days."""
    question = ("drift", host, kind, project, name, since, action)
    wanted = Wanted(
        host=host,
        kind=None if kind is None else Kind(kind),
        project=project,
        name=name,
        since=None if since is None else moment("since", since),
        action=None if action is None else DriftAction(action),
    )
    after = decode_page_token(page_token, *question)
    size = min(page_size, LARGEST_PAGE_SIZE)
    found = drift.list_events(context.db, caller, wanted, page_size=size, after=after)
    return _page(found, question)


@router.get(
    "/hosts/{name_or_uid}/drift-events",
    operation_id="list_host_drift_events",
    response_model=DriftEventPage,
    responses=declared("unauthenticated", "not_found", "invalid", "unavailable"),
)
def list_host_drift_events(
    context: Context,
    caller: Caller,
    name_or_uid: Text,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> DriftEventPage:
    """What others changed on this host, newest first."""
    question = ("drift of host", name_or_uid)
    after = decode_page_token(page_token, *question)
    size = min(page_size, LARGEST_PAGE_SIZE)
    found = drift.list_on_host(context.db, caller, name_or_uid, page_size=size, after=after)
    return _page(found, question)


def _page(found: EventPage, question: tuple[str | None, ...]) -> DriftEventPage:
    return DriftEventPage(
        items=[_document(event) for event in found.items],
        next_page_token=encode_page_token(found.next_after, *question),
    )


def _document(event: FoundEvent) -> DriftEventDocument:
    of = event.object
    reference = of and ObjectReference(kind=of.kind.value, name=of.name, project=of.project)
    return DriftEventDocument(
        at=event.at,
        received_at=event.received_at,
        host=event.host,
        resource=event.resource,
        object=reference,
        action=event.action.value,
        differences=[DriftDifference(**asdict(each)) for each in event.differences],
        who=event.who,
    )
