"""The operations that every collection has, whatever its kind.

Owns nothing. One description of a collection makes its routes, so that they cannot differ.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response

from controller.api.bodies import Body, described, json_body, merge_patch_body, shaped
from controller.api.conversion import to_document, to_manifest, to_warnings
from controller.api.dependencies import Caller, Context, Project, require, require_writes
from controller.api.errors import MERGE_PATCH, READ_CODES, WRITE_CODES, declared
from controller.api.etags import etag, etag_of, is_unchanged, required_revision, wants_new
from controller.api.listing import AsRead, list_page
from controller.api.merge_patch import patched
from controller.api.paging import DEFAULT_PAGE_SIZE
from controller.api.routes.kinds import Collection
from controller.api.schemas.answers import Deletion
from controller.api.schemas.base import Text
from controller.api.schemas.manifests import (
    AnyManifest,
)
from controller.api.writes import Force, Writing, answered
from controller.auth import Verb
from controller.domain.errors import InvalidError, NotFoundError, StaleError, Violation
from controller.domain.intent import DEFAULT_PROJECT, Kind, Manifest, Mode, Object, Ref, Removal
from controller.services import queries
from controller.services.intent import Change, Writer
from controller.services.queries import is_uid
from controller.services.requests import Answer

_CHANGE = (*WRITE_CODES, "stale", "precondition_required")

IfMatch = Annotated[
    str | None,
    Header(
        description="The revision that the change is based on, in quotes, or the ETag that it was"
        " read with, or `*`. Required."
    ),
]
OnlyNew = Annotated[
    str | None, Header(alias="If-None-Match", description="`*`: create, and never replace.")
]
IfNoneMatch = Annotated[str | None, Header(description="ETag of what the caller has already.")]
PageSize = Annotated[int, Query(ge=1, description="More than 1000 counts as 1000.")]
PageToken = Annotated[str, Query(max_length=2048)]
LabelSelector = Annotated[
    str, Query(max_length=2048, description="`k=v`, `k!=v`, `k in (a,b)`, `k`, `!k`, with commas.")
]


def collection_router(collection: Collection) -> APIRouter:
    router = APIRouter(prefix=f"/v1/{collection.path}", tags=[collection.path])
    _add_readers(router, collection)
    _add_create(router, collection)
    _add_put(router, collection)
    _add_patch(router, collection)
    _add_delete(router, collection)
    return router


def _host_named(
    host: Annotated[Text | None, Query(description="Only what is on it: its name or uid.")] = None,
) -> str | None:
    return host


def _no_host(host: Annotated[Text | None, Query(include_in_schema=False)] = None) -> None:
    """Refuse to answer everything to who asked for less."""
    if host is not None:
        detail = (
            "'host' narrows lists of what is on hosts, and these objects are on none by themselves"
        )
        fix = "leave it out; GET .../{name}/realization names the hosts that an object is on"
        raise InvalidError(detail, [Violation("", "host", detail, fix)])


def _add_readers(router: APIRouter, of: Collection) -> None:
    on_host = Depends(_host_named if of.is_on_hosts else _no_host)

    @router.get(
        "",
        operation_id=f"list_{of.many}",
        response_model=of.page,
        responses=declared("unauthenticated", "invalid", "unavailable"),
    )
    def list_objects(
        *,
        context: Context,
        caller: Caller,
        project: Annotated[Text | None, Query()] = None,
        page_size: PageSize = DEFAULT_PAGE_SIZE,
        page_token: PageToken = "",
        label_selector: LabelSelector = "",
        host: str | None = on_host,
        reading: AsRead,
    ) -> Any:
        return list_page(
            context.db,
            caller,
            kind=of.kind,
            project=project,
            page_size=page_size,
            page_token=page_token,
            label_selector=label_selector,
            host=host,
            reading=reading,
        )

    @router.get(
        "/{name_or_uid}",
        operation_id=f"get_{of.one}",
        response_model=of.document,
        responses={304: {"description": "Not changed"}, **declared(*READ_CODES)},
    )
    def get_object(
        *,
        context: Context,
        caller: Caller,
        name_or_uid: Text,
        response: Response,
        project: Project = DEFAULT_PROJECT,
        if_none_match: IfNoneMatch = None,
    ) -> Any:
        view = queries.get(context.db, caller, of.kind, project, name_or_uid)
        document = to_document(view)
        tag = etag_of(view.object.revision, document.model_dump_json().encode())
        if is_unchanged(if_none_match, tag):
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return document


def _add_create(router: APIRouter, of: Collection) -> None:
    submitted = Depends(json_body(of.manifest))

    @router.post(
        "",
        operation_id=f"create_{of.one}",
        status_code=201,
        response_model=of.written,
        responses=declared(*WRITE_CODES),
        openapi_extra=described(of.manifest),
    )
    def create_object(
        *, write: Writing, force: Force = False, body: Body[Any] = submitted
    ) -> Response:
        manifest = to_manifest(body.value, mode=Mode.CREATE)
        require_writes(write.caller, [(manifest.ref, "")])
        return write.once(partial(_write_one, of, manifest, force=force), sha256=body.sha256)


def _add_put(router: APIRouter, of: Collection) -> None:
    submitted = Depends(json_body(of.manifest))

    @router.put(
        "/{name_or_uid}",
        operation_id=f"replace_{of.one}",
        response_model=of.written,
        responses={
            201: {"description": "Created", "model": of.written},
            **declared(*_CHANGE),
        },
        openapi_extra=described(of.manifest),
    )
    def put_object(
        *,
        write: Writing,
        name_or_uid: Text,
        project: Project = DEFAULT_PROJECT,
        if_match: IfMatch = None,
        if_none_match: OnlyNew = None,
        force: Force = False,
        body: Body[Any] = submitted,
    ) -> Response:
        require(write.caller, Verb.WRITE, of.kind, project, name_or_uid)
        only_new = wants_new(if_match, if_none_match)

        def put(writer: Writer) -> Answer:
            there = _named(writer, of.kind, project, name_or_uid)
            if there is None or only_new:
                ref = Ref(of.kind, project, name_or_uid)
                _require_absent(ref, there, if_match)
                manifest = to_manifest(body.value, ref=ref, mode=Mode.CREATE)
            else:
                manifest = _replacing(body.value, there.ref, required_revision(if_match))
            _refuse_renaming(body.value, manifest.ref)
            return _write_one(of, manifest, writer, force=force)

        return write.once(put, sha256=body.sha256)


def _add_patch(router: APIRouter, of: Collection) -> None:
    submitted = Depends(merge_patch_body())

    @router.patch(
        "/{name_or_uid}",
        operation_id=f"patch_{of.one}",
        response_model=of.written,
        responses=declared(*_CHANGE),
        openapi_extra=described(of.manifest, MERGE_PATCH),
    )
    def patch_object(
        *,
        write: Writing,
        name_or_uid: Text,
        project: Project = DEFAULT_PROJECT,
        if_match: IfMatch = None,
        force: Force = False,
        body: Body[Any] = submitted,
    ) -> Response:
        require(write.caller, Verb.WRITE, of.kind, project, name_or_uid)
        expected = required_revision(if_match)

        def patch(writer: Writer) -> Answer:
            there = writer.find(of.kind, project, name_or_uid)
            document = to_document(writer.view(there.ref))
            shape: Any = shaped(of.manifest, patched(document, body.value))
            _refuse_renaming(shape, there.ref)
            manifest = _replacing(shape, there.ref, expected)
            return _write_one(of, manifest, writer, force=force)

        return write.once(patch, sha256=body.sha256)


def _add_delete(router: APIRouter, of: Collection) -> None:
    @router.delete(
        "/{name_or_uid}",
        operation_id=f"delete_{of.one}",
        response_model=Deletion,
        responses=declared(*READ_CODES, "forbidden", "conflict", "stale", "precondition_required"),
    )
    def delete_object(
        *,
        write: Writing,
        name_or_uid: Text,
        project: Project = DEFAULT_PROJECT,
        if_match: IfMatch = None,
    ) -> Response:
        require(write.caller, Verb.WRITE, of.kind, project, name_or_uid)
        expected = required_revision(if_match)

        def delete(writer: Writer) -> Answer:
            ref = writer.find(of.kind, project, name_or_uid).ref
            result = writer.commit(Change(removals=(Removal(ref, expected_revision=expected),)))
            warnings = to_warnings(result.warnings)
            return answered(Deletion(revision=result.revision, warnings=warnings))

        return write.once(delete)


def _write_one(of: Collection, manifest: Manifest, writer: Writer, *, force: bool) -> Answer:
    """Answers the object as this change has left it: the next writer waits."""
    result = writer.commit(Change((manifest,), force=force))
    view = writer.view(manifest.ref)
    document = of.written(**dict(to_document(view)), warnings=to_warnings(result.warnings))
    headers = {"ETag": etag(view.object.revision)}
    if manifest.mode is not Mode.CREATE:
        return answered(document, headers=headers)
    ref = manifest.ref
    headers["Location"] = f"/v1/{of.path}/{ref.name}?project={ref.project}"
    return answered(document, 201, headers)


def _named(writer: Writer, kind: Kind, project: str, name_or_uid: str) -> Object | None:
    """The object at the address; NotFoundError for a uid, because a caller can choose none."""
    try:
        return writer.find(kind, project, name_or_uid)
    except NotFoundError:
        if is_uid(name_or_uid):
            raise
        return None


def _require_absent(ref: Ref, there: Object | None, if_match: str | None) -> None:
    """Of a PUT that can only create: its precondition must not ask for the opposite."""
    if there is not None:
        raise StaleError(
            f"there is a {ref.kind} {ref.name!r} already, at revision {there.revision};"
            " send If-Match to replace it"
        )
    if if_match is not None:
        raise StaleError(
            f"there is no {ref.kind} {ref.name!r} that If-Match could be about;"
            " leave the header out to create it"
        )


def _replacing(shape: AnyManifest, ref: Ref, expected: int | None) -> Manifest:
    return to_manifest(shape, ref=ref, mode=Mode.REPLACE, expected_revision=expected)


def _refuse_renaming(shape: AnyManifest, ref: Ref) -> None:
    metadata = shape.metadata
    violations = [
        Violation(
            f"/metadata/{field}",
            "read_only",
            f"{field} is {given!r}, but the object at this address has {field} {stored!r}",
            f"keep {field} {stored!r}; to rename an object, create a new one",
        )
        for field, given, stored in (
            ("name", metadata.name, ref.name),
            ("project", metadata.project or ref.project, ref.project),
        )
        if given != stored
    ]
    if violations:
        raise InvalidError(violations[0].detail, violations)
