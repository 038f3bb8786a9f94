"""What a host is like now: its agent is asked, looks, and answers. Owns nothing.

It mixes the projects that meet on a host, so that it is for those only who may see all of them.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from controller.api.dependencies import Caller, Context, require
from controller.api.errors import declared
from controller.api.schemas.answers import ObjectReference
from controller.api.schemas.base import Text
from controller.api.schemas.drift import DriftDifference
from controller.api.schemas.observed import ObservedCounts, ObservedDocument, ObservedItem
from controller.api.waiting import answered
from controller.auth import Verb
from controller.domain.intent import DEFAULT_PROJECT, Kind, Ref
from controller.services import observations
from controller.services.observations import PATIENCE, Item, Observed

router = APIRouter(prefix="/v1", tags=["hosts"])

_MOST_RESOURCES = 100


@router.get(
    "/hosts/{name_or_uid}/observed",
    operation_id="get_observed",
    response_model=ObservedDocument,
    responses=declared("unauthenticated", "forbidden", "not_found", "invalid", "unavailable"),
)
async def get_observed(
    *,
    request: Request,
    context: Context,
    caller: Caller,
    name_or_uid: Text,
    resource: Annotated[
        list[Text],
        Query(
            max_length=_MOST_RESOURCES,
            description="Only these, such as `port:<uid>`; a segment stands for its tunnels too.",
        ),
    ] = [],  # noqa: B006 (FastAPI copies it)
) -> ObservedDocument:
    """What the host is like now, resource by resource: its agent looks, and changes nothing.

    503 with the code `host_away` when it cannot be asked or does not answer within 10 seconds,
    `agent_too_old` when it does not know how."""
    require(caller, Verb.INSPECT, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    question = await run_in_threadpool(observations.ask, context.db, caller, name_or_uid, resource)
    look = partial(observations.read, context.db, question)
    found = await answered(request, caller.name, look, PATIENCE.total_seconds())
    if found is None:
        raise observations.unanswered(question)
    return _document(question.host.name, found)


def _document(host: str, found: Observed) -> ObservedDocument:
    answer = found.answer
    return ObservedDocument(
        host=host,
        revision=answer.revision,
        asked_at=found.asked_at,
        received_at=found.received_at,
        items=[_item(each, found) for each in answer.items],
        counts=ObservedCounts(**{state.value: n for state, n in answer.counts.items()}),
        truncated=sum(answer.counts.values()) > len(answer.items),
    )


def _reference(ref: Ref | None) -> ObjectReference | None:
    if ref is None:
        return None
    return ObjectReference(kind=ref.kind.value, name=ref.name, project=ref.project)


def _item(item: Item, found: Observed) -> ObservedItem:
    return ObservedItem(
        resource=item.resource,
        object=_reference(found.object_of(item.resource)),
        remote=_reference(found.remote_of(item.resource)),
        state=item.state.value,
        differences=[DriftDifference(**asdict(each)) for each in item.differences],
        reason=item.reason,
        message=item.message,
    )
