"""The collections of hosts, bridges, segments, ports and tunnels, with the same five operations.

Owns nothing. One description of a collection makes its routes, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel

from controller.api.bodies import Body, described, json_body
from controller.api.conversion import to_document, to_manifest
from controller.api.dependencies import Caller, Context, Project, RequestId, require, require_writes
from controller.api.errors import declared
from controller.api.etags import etag, is_unchanged, required_revision
from controller.api.listing import list_page
from controller.api.paging import DEFAULT_PAGE_SIZE
from controller.api.schemas.base import Text
from controller.api.schemas.documents import (
    AnyDocument,
    BridgeDocument,
    BridgePage,
    Deletion,
    HostDocument,
    HostPage,
    PortDocument,
    PortPage,
    SegmentDocument,
    SegmentPage,
    TunnelDocument,
    TunnelPage,
)
from controller.api.schemas.manifests import (
    AnyManifest,
    BridgeManifest,
    HostManifest,
    PortManifest,
    SegmentManifest,
    TunnelManifest,
)
from controller.auth import Verb
from controller.domain.errors import InvalidError, Violation
from controller.domain.intent import DEFAULT_PROJECT, Kind, Mode, Ref, Removal
from controller.services import intent, queries

_READ = ("unauthenticated", "not_found", "invalid", "unavailable")
_WRITE = (*_READ, "malformed", "forbidden", "conflict", "too_large", "unsupported_media")
_CHANGE = (*_WRITE, "stale", "precondition_required")

IfMatch = Annotated[
    str | None, Header(description="ETag of what the change is based on, or `*`. Required.")
]
IfNoneMatch = Annotated[str | None, Header(description="ETag of what the caller has already.")]
PageSize = Annotated[int, Query(ge=1, description="More than 1000 counts as 1000.")]
PageToken = Annotated[str, Query(max_length=2048)]
LabelSelector = Annotated[
    str, Query(max_length=2048, description="`k=v`, `k!=v`, `k in (a,b)`, `k`, `!k`, with commas.")
]


@dataclass(frozen=True, slots=True)
class Collection:
    kind: Kind
    path: str
    manifest: type[BaseModel]
    document: type[AnyDocument]
    page: type[BaseModel]

    @property
    def one(self) -> str:
        return self.kind.lower()


_ON_HOSTS = frozenset({Kind.BRIDGE, Kind.PORT, Kind.TUNNEL})

COLLECTIONS = (
    Collection(Kind.HOST, "hosts", HostManifest, HostDocument, HostPage),
    Collection(Kind.BRIDGE, "bridges", BridgeManifest, BridgeDocument, BridgePage),
    Collection(Kind.SEGMENT, "segments", SegmentManifest, SegmentDocument, SegmentPage),
    Collection(Kind.PORT, "ports", PortManifest, PortDocument, PortPage),
    Collection(Kind.TUNNEL, "tunnels", TunnelManifest, TunnelDocument, TunnelPage),
)


def collection_router(collection: Collection) -> APIRouter:
    router = APIRouter(prefix=f"/v1/{collection.path}", tags=[collection.path])
    _add_readers(router, collection)
    _add_create(router, collection)
    _add_replace(router, collection)
    _add_delete(router, collection)
    return router


def _host_named(
    host: Annotated[Text | None, Query(description="Only what is on it: its name or uid.")] = None,
) -> str | None:
    return host


def _no_host() -> None:
    return None


def _add_readers(router: APIRouter, of: Collection) -> None:
    on_host = Depends(_host_named if of.kind in _ON_HOSTS else _no_host)

    @router.get(
        "",
        operation_id=f"list_{of.path}",
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
    ) -> dict[str, Any]:
        return list_page(
            context.db,
            caller,
            kind=of.kind,
            project=project,
            page_size=page_size,
            page_token=page_token,
            label_selector=label_selector,
            host=host,
        )

    @router.get(
        "/{name_or_uid}",
        operation_id=f"get_{of.one}",
        response_model=of.document,
        responses={304: {"description": "Not changed"}, **declared(*_READ)},
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
        tag = etag(view.object.revision)
        if is_unchanged(if_none_match, view.object.revision):
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return to_document(view)


def _add_create(router: APIRouter, of: Collection) -> None:
    submitted = Depends(json_body(of.manifest))

    @router.post(
        "",
        operation_id=f"create_{of.one}",
        status_code=201,
        response_model=of.document,
        responses=declared(*_WRITE),
        openapi_extra=described(of.manifest),
    )
    def create_object(
        *,
        context: Context,
        caller: Caller,
        request_id: RequestId,
        response: Response,
        body: Body[Any] = submitted,
    ) -> AnyDocument:
        manifest = to_manifest(body.value, mode=Mode.CREATE)
        require_writes(caller, [(manifest.ref, "")])
        view = intent.commit_one(context.db, caller, manifest, request_id=request_id)
        ref = manifest.ref
        response.headers["ETag"] = etag(view.object.revision)
        response.headers["Location"] = f"/v1/{of.path}/{ref.name}?project={ref.project}"
        return to_document(view)


def _add_replace(router: APIRouter, of: Collection) -> None:
    submitted = Depends(json_body(of.manifest))

    @router.put(
        "/{name_or_uid}",
        operation_id=f"replace_{of.one}",
        response_model=of.document,
        responses=declared(*_CHANGE),
        openapi_extra=described(of.manifest),
    )
    def replace_object(
        *,
        context: Context,
        caller: Caller,
        request_id: RequestId,
        name_or_uid: Text,
        response: Response,
        project: Project = DEFAULT_PROJECT,
        if_match: IfMatch = None,
        body: Body[Any] = submitted,
    ) -> AnyDocument:
        require(caller, Verb.WRITE, of.kind, project, name_or_uid)
        expected = required_revision(if_match)
        ref = queries.get(context.db, caller, of.kind, project, name_or_uid).object.ref
        _refuse_renaming(body.value, ref)
        manifest = to_manifest(body.value, ref=ref, mode=Mode.REPLACE, expected_revision=expected)
        view = intent.commit_one(context.db, caller, manifest, request_id=request_id)
        response.headers["ETag"] = etag(view.object.revision)
        return to_document(view)


def _add_delete(router: APIRouter, of: Collection) -> None:
    @router.delete(
        "/{name_or_uid}",
        operation_id=f"delete_{of.one}",
        response_model=Deletion,
        responses=declared(*_READ, "forbidden", "conflict", "stale", "precondition_required"),
    )
    def delete_object(
        *,
        context: Context,
        caller: Caller,
        request_id: RequestId,
        name_or_uid: Text,
        project: Project = DEFAULT_PROJECT,
        if_match: IfMatch = None,
    ) -> Deletion:
        require(caller, Verb.WRITE, of.kind, project, name_or_uid)
        expected = required_revision(if_match)
        ref = queries.get(context.db, caller, of.kind, project, name_or_uid).object.ref
        change = intent.Change(removals=(Removal(ref, expected_revision=expected),))
        result = intent.commit(context.db, caller, change, request_id=request_id)
        return Deletion(revision=result.revision)


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
