"""Intent as canonical YAML: all of it in a stream, and what a request would change of it.

Owns nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from controller.api.bodies import JSON, YAML, Body, described, manifest_body
from controller.api.canonical import canonical
from controller.api.conversion import to_manifest
from controller.api.dependencies import Caller, Context, RequestId, require_writes
from controller.api.errors import WRITE_CODES, declared
from controller.api.etags import etag
from controller.api.label_selectors import Selector, parse_selector
from controller.api.schemas.base import Text
from controller.api.schemas.differences import (
    DifferenceDocument,
    DifferenceList,
    DiffRequest,
)
from controller.api.schemas.manifests import KindName
from controller.auth import Principal
from controller.domain.intent import Kind
from controller.domain.validation import Draft
from controller.services import changes, exports
from controller.services.exports import Question
from controller.store.engine import Database

router = APIRouter(prefix="/v1", tags=["changes"])


@router.get(
    "/export",
    operation_id="export_objects",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One document for each object.",
            "content": {YAML: {"schema": {"type": "string"}}},
        },
        **declared("unauthenticated", "invalid", "unavailable"),
    },
)
def export_objects(
    *,
    context: Context,
    caller: Caller,
    kind: Annotated[KindName | None, Query(description="Only these.")] = None,
    project: Annotated[Text | None, Query(description="Only what it owns.")] = None,
    label_selector: Annotated[
        str, Query(max_length=2048, description="As for lists, e.g. `rack=b`.")
    ] = "",
    name: Annotated[Text | None, Query(description="Only objects of this name.")] = None,
) -> StreamingResponse:
    """Everything that was intended, as it stands now: hosts first, each kind by project and name.

    Without uids, revisions, statuses and what has its default value; applying it changes nothing.
    The ETag is the fleet revision that it shows.
    """
    selector = parse_selector(label_selector)
    kinds = tuple(Kind) if kind is None else (Kind(kind),)
    question = Question(kinds, project, selector.equalities, name)
    revision = changes.head(context.db)
    documents = _documents(context.db, caller, question, selector, revision)
    # What is wrong before the first document is a problem; later it can only break the stream off.
    beginning = next(documents, "")
    return StreamingResponse(
        chain([beginning], documents), media_type=YAML, headers={"ETag": etag(revision)}
    )


def _documents(
    db: Database, caller: Principal, question: Question, selector: Selector, revision: int
) -> Iterator[str]:
    """Joined page by page: each piece of an answer costs a change of threads."""
    for page in exports.pages(db, caller, question, revision):
        found = (each for each in page if selector.matches(each.labels))
        if text := "".join(canonical(each.ref, each.labels, each.spec) for each in found):
            yield text


@router.post(
    "/diff",
    operation_id="diff",
    response_model=DifferenceList,
    responses=declared(*WRITE_CODES),
    openapi_extra=described(DiffRequest, JSON, YAML),
)
def diff(
    *,
    context: Context,
    caller: Caller,
    request_id: RequestId,
    body: Annotated[Body[DiffRequest], Depends(manifest_body(DiffRequest))],
) -> DifferenceList:
    """Checks a request as `/v1/apply` does, writes nothing, and shows each object that it would
    create or update, before and after."""
    manifests = tuple(
        to_manifest(shape, pointer=f"/objects/{i}") for i, shape in enumerate(body.value.objects)
    )
    with body.located():
        require_writes(caller, [(manifest.ref, manifest.pointer) for manifest in manifests])
        found = exports.differences(context.db, caller, manifests, request_id=request_id)
    return DifferenceList(
        revision=found.revision, items=[_difference(draft) for draft in found.changes]
    )


def _difference(draft: Draft) -> DifferenceDocument:
    ref, now = draft.ref, draft.current
    return DifferenceDocument(
        kind=ref.kind.value,
        name=ref.name,
        project=ref.project,
        before="" if now is None else canonical(now.ref, now.labels, now.spec),
        after=canonical(ref, draft.labels, draft.spec),
    )
