"""What became of objects and what was changed, newest first. For reading only; owns nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from controller.api.conversion import DOCUMENTS, spec_fields
from controller.api.dependencies import Caller, Context, Project
from controller.api.errors import READ_CODES, declared
from controller.api.paging import DEFAULT_PAGE_SIZE, decode_page_token, encode_page_token
from controller.api.routes.collections import PageToken
from controller.api.routes.kinds import COLLECTIONS, Collection
from controller.api.schemas.base import Text
from controller.api.schemas.history import (
    ChangeDocument,
    ChangePage,
    FieldChange,
    HistoryPage,
    VersionDocument,
)
from controller.api.schemas.manifests import KindName
from controller.api.times import optional_moment
from controller.domain.differences import differences
from controller.domain.intent import DEFAULT_PROJECT, Kind, Object
from controller.services import history
from controller.services.history import Step, Wanted

router = APIRouter(prefix="/v1")

LARGEST_STORY_PAGE = 500
StoryPageSize = Annotated[int, Query(ge=1, description="More than 500 counts as 500.")]
Since = Annotated[Text | None, Query(description="At this time or later: `2026-01-31T12:00:00Z`.")]
Until = Annotated[Text | None, Query(description="Before this time.")]


def _add(of: Collection) -> None:
    @router.get(
        f"/{of.path}/{{name_or_uid}}/history",
        operation_id=f"list_{of.one}_history",
        tags=[of.path],
        response_model=HistoryPage,
        responses=declared(*READ_CODES),
    )
    def list_history(
        *,
        context: Context,
        caller: Caller,
        name_or_uid: Text,
        project: Project = DEFAULT_PROJECT,
        page_size: StoryPageSize = DEFAULT_PAGE_SIZE,
        page_token: PageToken = "",
    ) -> HistoryPage:
        """Every version that the object had, who made it and what it changed, newest first.

        A deleted object is found by its uid, and by its name while there is no new one of that
        name."""
        question = ("history", of.kind.value, project, name_or_uid)
        found = history.read_history(
            context.db,
            caller,
            of.kind,
            project,
            name_or_uid,
            page_size=min(page_size, LARGEST_STORY_PAGE),
            after=decode_page_token(page_token, *question),
        )
        return HistoryPage(
            items=[_version(each) for each in found.items],
            next_page_token=encode_page_token(found.next_after, *question),
        )


for _collection in COLLECTIONS:
    _add(_collection)


def _version(step: Step) -> VersionDocument:
    now = _fields(step.object)
    changed = differences(_fields(step.before), now) if step.before is not None else ()
    return VersionDocument(
        revision=step.revision,
        at=step.at,
        principal=step.principal,
        request_id=step.request_id,
        action=step.action,
        labels=now["metadata"]["labels"],
        spec=now["spec"],
        changes=[FieldChange(**each._asdict()) for each in changed],
    )


def _fields(version: Object) -> dict[str, Any]:
    """What people write of an object, as its document has it."""
    shape: Any = DOCUMENTS[version.kind].model_fields["spec"].annotation
    spec = shape.model_validate(spec_fields(version.spec)).model_dump(mode="json")
    return {"metadata": {"labels": dict(sorted(version.labels.items()))}, "spec": spec}


@router.get(
    "/changes",
    operation_id="list_changes",
    tags=["changes"],
    response_model=ChangePage,
    responses=declared("unauthenticated", "invalid", "unavailable"),
)
def list_changes(
    *,
    context: Context,
    caller: Caller,
    kind: KindName | None = None,
    project: Annotated[Text | None, Query(description="Of the object.")] = None,
    name: Annotated[Text | None, Query(description="Of the object.")] = None,
    principal: Annotated[Text | None, Query(description="Who made the change.")] = None,
    since: Since = None,
    until: Until = None,
    page_size: StoryPageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> ChangePage:
    """What was changed, newest first: one entry for each object of each revision.

    `GET /v1/watch` tells the same forwards, and as it happens."""
    question = ("changes", kind, project, name, principal, since, until)
    wanted = Wanted(
        kind=None if kind is None else Kind(kind),
        project=project,
        name=name,
        principal=principal,
        since=optional_moment("since", since),
        until=optional_moment("until", until),
    )
    found = history.list_changes(
        context.db,
        caller,
        wanted,
        page_size=min(page_size, LARGEST_STORY_PAGE),
        after=decode_page_token(page_token, *question),
    )
    return ChangePage(
        items=[ChangeDocument.model_validate(asdict(each)) for each in found.items],
        next_page_token=encode_page_token(found.next_after, *question),
    )
