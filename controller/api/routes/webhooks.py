"""``/v1/webhooks``: who is told what happens, and whether it got there. Owns nothing.

A webhook is not intent: it has an ETag, and no revision of the fleet.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response

from controller.api.bodies import Body, described, json_body
from controller.api.dependencies import Caller, Context, RequestId
from controller.api.errors import declared
from controller.api.etags import etag, etag_of, is_unchanged, required_revision
from controller.api.paging import (
    DEFAULT_PAGE_SIZE,
    LARGEST_PAGE_SIZE,
    decode_page_token,
    encode_page_token,
)
from controller.api.schemas.base import Text
from controller.api.schemas.webhooks import (
    DeliveryDocument,
    DeliveryList,
    DeliveryObject,
    NewWebhookDocument,
    WebhookDocument,
    WebhookPage,
    WebhookRequest,
)
from controller.api.writes import WithoutKey
from controller.domain.errors import InvalidError, Violation
from controller.domain.intent import Kind
from controller.domain.webhooks import Event
from controller.services import webhooks
from controller.services.webhooks import Delivery, View, Wanted

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

_LIST = ("unauthenticated", "forbidden", "invalid", "unavailable")
_READ = (*_LIST, "not_found")
_WRITE = (*_LIST, "malformed", "conflict", "too_large", "unsupported_media")
_MATCH = ("stale", "precondition_required")

_QUESTION = "webhooks"

IfMatch = Annotated[
    str | None, Header(description="ETag of what the change is based on, or `*`. Required.")
]
Given = Annotated[Body[WebhookRequest], Depends(json_body(WebhookRequest))]


@router.get(
    "",
    operation_id="list_webhooks",
    response_model=WebhookPage,
    responses=declared(*_LIST),
)
def list_webhooks(
    context: Context,
    caller: Caller,
    page_size: Annotated[
        int, Query(ge=1, description="More than 1000 counts as 1000.")
    ] = DEFAULT_PAGE_SIZE,
    page_token: Annotated[str, Query(max_length=2048)] = "",
) -> WebhookPage:
    after = decode_page_token(page_token, _QUESTION)
    size = min(page_size, LARGEST_PAGE_SIZE)
    found, following = webhooks.list_page(context.db, caller, page_size=size, after=after)
    return WebhookPage(
        items=[_document(each) for each in found],
        next_page_token=encode_page_token(following, _QUESTION),
    )


@router.post(
    "",
    operation_id="create_webhook",
    dependencies=[WithoutKey],
    status_code=201,
    response_model=NewWebhookDocument,
    responses=declared(*_WRITE),
    openapi_extra=described(WebhookRequest),
)
def create_webhook(
    context: Context, caller: Caller, request_id: RequestId, response: Response, body: Given
) -> NewWebhookDocument:
    """Tells of what happens from now on. The answer is the only one that shows the secret."""
    view, secret = webhooks.create(
        context.db,
        caller,
        _wanted(body.value),
        allow_loopback=context.allow_loopback_webhooks,
        now=context.now(),
        request_id=request_id,
    )
    response.headers["ETag"] = etag(view.revision)
    response.headers["Location"] = f"/v1/webhooks/{view.name}"
    return NewWebhookDocument(**_document(view).model_dump(), secret=secret)


@router.get(
    "/{name}",
    operation_id="get_webhook",
    response_model=WebhookDocument,
    responses={304: {"description": "Not changed"}, **declared(*_READ)},
)
def get_webhook(
    context: Context,
    caller: Caller,
    name: Text,
    response: Response,
    if_none_match: Annotated[
        str | None, Header(description="ETag of what the caller has already.")
    ] = None,
) -> Any:
    view = webhooks.get(context.db, caller, name)
    document = _document(view)
    tag = etag_of(view.revision, document.model_dump_json().encode())
    if is_unchanged(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return document


@router.put(
    "/{name}",
    operation_id="replace_webhook",
    dependencies=[WithoutKey],
    response_model=WebhookDocument,
    responses=declared(*_WRITE, *_MATCH, "not_found"),
    openapi_extra=described(WebhookRequest),
)
def replace_webhook(
    *,
    context: Context,
    caller: Caller,
    request_id: RequestId,
    name: Text,
    response: Response,
    body: Given,
    if_match: IfMatch = None,
) -> WebhookDocument:
    """What waits to be sent goes to the new URL, signed with the new secret if one is given."""
    expected = required_revision(if_match)
    _refuse_renaming(name, body.value.name)
    view = webhooks.replace(
        context.db,
        caller,
        _wanted(body.value),
        expected_revision=expected,
        allow_loopback=context.allow_loopback_webhooks,
        now=context.now(),
        request_id=request_id,
    )
    response.headers["ETag"] = etag(view.revision)
    return _document(view)


@router.delete(
    "/{name}",
    operation_id="delete_webhook",
    dependencies=[WithoutKey],
    status_code=204,
    responses=declared(*_READ, *_MATCH),
)
def delete_webhook(
    context: Context, caller: Caller, request_id: RequestId, name: Text, if_match: IfMatch = None
) -> None:
    """What waits to be sent is not sent any more."""
    expected = required_revision(if_match)
    webhooks.delete(context.db, caller, name, expected_revision=expected, request_id=request_id)


@router.post(
    "/{name}/test",
    operation_id="test_webhook",
    dependencies=[WithoutKey],
    status_code=202,
    response_model=DeliveryDocument,
    responses=declared(*_READ),
)
def test_webhook(
    context: Context, caller: Caller, request_id: RequestId, name: Text
) -> DeliveryDocument:
    """Sends the event `webhook.test`, like any other; `deliveries` tells what became of it."""
    sent = webhooks.send_test(context.db, caller, name, now=context.now(), request_id=request_id)
    return _delivery(sent)


@router.get(
    "/{name}/deliveries",
    operation_id="list_webhook_deliveries",
    response_model=DeliveryList,
    responses=declared(*_READ),
)
def list_webhook_deliveries(context: Context, caller: Caller, name: Text) -> DeliveryList:
    """The last 100 messages, newest first."""
    found = webhooks.newest(context.db, caller, name)
    return DeliveryList(items=[_delivery(each) for each in found])


def _wanted(shape: WebhookRequest) -> Wanted:
    return Wanted(
        name=shape.name,
        url=shape.url,
        events=frozenset(Event(word) for word in shape.events),
        label_selector=shape.label_selector,
        kinds=None if shape.kinds is None else frozenset(Kind(word) for word in shape.kinds),
        project=shape.project,
        secret=shape.secret,
    )


def _document(view: View) -> WebhookDocument:
    return WebhookDocument.model_validate(view, from_attributes=True)


def _delivery(delivery: Delivery) -> DeliveryDocument:
    subject = json.loads(delivery.body)["object"]
    return DeliveryDocument(
        id=delivery.id,
        event=delivery.event,
        object=None if subject is None else DeliveryObject(**subject),
        state=delivery.state,
        attempts=delivery.attempt,
        status_code=delivery.status_code,
        error=delivery.error,
        created_at=delivery.created_at,
        next_attempt_at=delivery.next_at if delivery.state == "waiting" else None,
        finished_at=delivery.finished_at,
    )


def _refuse_renaming(stored: str, given: str) -> None:
    if stored != given:
        detail = f"name is {given!r}, but the webhook at this address is {stored!r}"
        fix = f"keep name {stored!r}; to rename a webhook, create a new one"
        raise InvalidError(detail, [Violation("/name", "read_only", detail, fix)])
