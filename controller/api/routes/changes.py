"""Many objects in one request: all of it is written, as one revision, or nothing. Owns nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Query, Response

from controller.api.bodies import JSON, YAML, Body, described, manifest_body
from controller.api.conversion import to_change_result, to_manifest, to_removal
from controller.api.dependencies import require_writes
from controller.api.errors import PROBLEM_JSON, WRITE_CODES, declared
from controller.api.label_selectors import parse_selector
from controller.api.schemas.answers import ChangeResultDocument
from controller.api.schemas.manifests import KindName
from controller.api.schemas.requests import (
    KINDS,
    ApplyRequest,
    ConfirmCount,
    DeleteRequest,
    PruneRequest,
)
from controller.api.writes import Force, Write, Writing, answered
from controller.domain.errors import InvalidError, Violation
from controller.domain.intent import Kind
from controller.services.intent import Change, Writer
from controller.services.pruning import Prune
from controller.services.requests import Answer

router = APIRouter(prefix="/v1", tags=["changes"])

_ERRORS = declared(*WRITE_CODES, "stale")

_ERRORS[409]["content"][PROBLEM_JSON]["schema"] = {
    "anyOf": [
        {"$ref": "#/components/schemas/ConfirmationProblem"},
        {"$ref": "#/components/schemas/Problem"},
    ]
}

DryRun = Annotated[
    bool, Query(description="Check everything, answer the same, write nothing. For YAML bodies.")
]
PruneSelector = Annotated[
    str | None, Query(max_length=2048, description="`prune.label_selector`, for YAML bodies.")
]
PruneKinds = Annotated[
    list[KindName] | None,
    Query(alias="prune_kind", max_length=KINDS, description="`prune.kinds`, for YAML bodies."),
]
SeenRevision = Annotated[
    int | None,
    Query(
        ge=0,
        description="A fleet revision that the caller has looked at: when something that would be"
        " replaced or deleted was changed after it, or what would be created was deleted, nothing"
        " is done.",
    ),
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
    write: Writing,
    body: Annotated[Body[ApplyRequest], Depends(manifest_body(ApplyRequest))],
    dry_run: DryRun = False,
    prune_selector: PruneSelector = None,
    prune_kinds: PruneKinds = None,
    confirm_count: ConfirmCount = None,
    seen_revision: SeenRevision = None,
    force: Force = False,
) -> Response:
    """Create or replace every object that is named, and delete what is to be pruned."""
    manifests = tuple(
        to_manifest(shape, pointer=f"/objects/{i}") for i, shape in enumerate(body.value.objects)
    )
    asked = _agreed_prune(body.value.prune, _asked_in_query(prune_selector, prune_kinds or []))
    change = Change(
        manifests,
        prune=None if asked is None else _to_prune(asked),
        asks=True,
        confirm_count=_agreed_count(body.value.confirm_count, confirm_count),
        seen=seen_revision,
        force=force,
    )
    with body.located():
        require_writes(write.caller, [(manifest.ref, manifest.pointer) for manifest in manifests])
        return _change(write, change, body, dry_run=dry_run or body.value.dry_run)


@router.post(
    "/delete",
    operation_id="delete_objects",
    response_model=ChangeResultDocument,
    responses=_ERRORS,
    openapi_extra=described(DeleteRequest, JSON, YAML),
)
def delete_objects(
    *,
    write: Writing,
    body: Annotated[Body[DeleteRequest], Depends(manifest_body(DeleteRequest))],
    dry_run: DryRun = False,
    confirm_count: ConfirmCount = None,
    seen_revision: SeenRevision = None,
) -> Response:
    """Delete every object that is named; what is not there is reported as unchanged."""
    removals = tuple(
        to_removal(shape, pointer=f"/objects/{i}") for i, shape in enumerate(body.value.objects)
    )
    change = Change(
        removals=removals,
        asks=True,
        confirm_count=_agreed_count(body.value.confirm_count, confirm_count),
        seen=seen_revision,
    )
    with body.located():
        require_writes(write.caller, [(removal.ref, removal.pointer) for removal in removals])
        return _change(write, change, body, dry_run=dry_run or body.value.dry_run)


def _change(write: Write, change: Change, body: Body[Any], *, dry_run: bool) -> Response:
    """A dry run asks for no confirmation: it is how one finds out what there is to confirm."""
    change = replace(change, asks=change.asks and not dry_run)

    def carry_out(writer: Writer) -> Answer:
        result = writer.commit(change, dry_run=dry_run)
        return answered(to_change_result(result, body.with_lines(result.warnings)))

    return write.once(carry_out, sha256=body.sha256, dry_run=dry_run)


def _asked_in_query(selector: str | None, kinds: list[KindName]) -> PruneRequest | None:
    if selector is not None:
        return PruneRequest(label_selector=selector, kinds=kinds)
    if kinds:
        detail = "prune_kind says which kinds to prune, but no prune_selector says which of them"
        fix = "add prune_selector, or leave prune_kind out"
        raise InvalidError(detail, [Violation("", "missing_selector", detail, fix)])
    return None


def _to_prune(asked: PruneRequest) -> Prune:
    selector = parse_selector(asked.label_selector)
    if all(requirement.negated for requirement in selector.requirements):
        code = "only_negated" if selector.requirements else "empty"
        detail = (
            "label_selector of prune names no label that something has to have, and would choose"
            " everything else, too"
        )
        fix = "name a label that what is to be pruned has: k=v, k in (a,b) or k"
        raise InvalidError(detail, [Violation("/prune/label_selector", code, detail, fix)])
    kinds = frozenset(Kind(kind) for kind in asked.kinds)
    return Prune(selector.equalities, selector.matches, kinds)


def _agreed_prune(
    in_body: PruneRequest | None, in_query: PruneRequest | None
) -> PruneRequest | None:
    if in_body is not None and in_query is not None:
        same_kinds = {*in_body.kinds} == {*in_query.kinds}
        if in_body.label_selector != in_query.label_selector or not same_kinds:
            _refuse_contradiction("/prune", "prune", "prune_selector and prune_kind")
    return in_query if in_body is None else in_body


def _agreed_count(in_body: int | None, in_query: int | None) -> int | None:
    if None not in (in_body, in_query) and in_body != in_query:
        _refuse_contradiction("/confirm_count", "confirm_count", "confirm_count")
    return in_query if in_body is None else in_body


def _refuse_contradiction(pointer: str, in_body: str, in_query: str) -> NoReturn:
    detail = f"{in_body!r} in the body says something else than {in_query} in the query"
    fix = "say it in one of the two places, or the same in both"
    raise InvalidError(detail, [Violation(pointer, "contradictory", detail, fix)])
