"""Many objects in one request: all of it is written, as one revision, or nothing. Owns nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from controller.api.bodies import JSON, YAML, Body, described, manifest_body
from controller.api.conversion import to_change_result, to_manifest, to_removal
from controller.api.dependencies import Caller, Context, RequestId, require_writes
from controller.api.errors import declared
from controller.api.schemas.documents import ChangeResultDocument
from controller.api.schemas.requests import ApplyRequest, DeleteRequest
from controller.services import intent
from controller.services.intent import Change

router = APIRouter(prefix="/v1", tags=["changes"])

_ERRORS = declared(
    "malformed",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "too_large",
    "unsupported_media",
    "invalid",
    "unavailable",
)

DryRun = Annotated[
    bool, Query(description="Check everything, answer the same, write nothing. For YAML bodies.")
]


@router.post(
    "/apply",
    operation_id="apply",
    response_model=ChangeResultDocument,
    responses=_ERRORS,
    openapi_extra=described(ApplyRequest, JSON, YAML),
)
def apply(
    *,
    context: Context,
    caller: Caller,
    request_id: RequestId,
    body: Annotated[Body[ApplyRequest], Depends(manifest_body(ApplyRequest))],
    dry_run: DryRun = False,
) -> ChangeResultDocument:
    """Create or replace every object that is named."""
    manifests = tuple(
        to_manifest(shape, pointer=f"/objects/{i}") for i, shape in enumerate(body.value.objects)
    )
    with body.located():
        require_writes(caller, [(manifest.ref, manifest.pointer) for manifest in manifests])
        result = intent.commit(
            context.db,
            caller,
            Change(manifests=manifests),
            request_id=request_id,
            dry_run=dry_run or body.value.dry_run,
        )
    return to_change_result(result)


@router.post(
    "/delete",
    operation_id="delete_objects",
    response_model=ChangeResultDocument,
    responses=_ERRORS,
    openapi_extra=described(DeleteRequest, JSON, YAML),
)
def delete_objects(
    *,
    context: Context,
    caller: Caller,
    request_id: RequestId,
    body: Annotated[Body[DeleteRequest], Depends(manifest_body(DeleteRequest))],
    dry_run: DryRun = False,
) -> ChangeResultDocument:
    """Delete every object that is named; what is not there is reported as unchanged."""
    removals = tuple(
        to_removal(shape, pointer=f"/objects/{i}") for i, shape in enumerate(body.value.objects)
    )
    with body.located():
        require_writes(caller, [(removal.ref, removal.pointer) for removal in removals])
        result = intent.commit(
            context.db,
            caller,
            Change(removals=removals),
            request_id=request_id,
            dry_run=dry_run or body.value.dry_run,
        )
    return to_change_result(result)
