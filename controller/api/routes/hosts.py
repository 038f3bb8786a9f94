"""What only hosts have: a compiled desired state, join tokens and failures. Owns nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from google.protobuf.json_format import MessageToDict

from controller.api.bodies import Body, described, json_body
from controller.api.context import AppContext
from controller.api.conversion import to_document, to_failure, to_warnings
from controller.api.dependencies import Caller, Context, RequestId, require
from controller.api.errors import WRITE_CODES, declared
from controller.api.etags import etag
from controller.api.routes.kinds import COLLECTIONS
from controller.api.schemas.answers import (
    DesiredState,
    FailureList,
    JoinTokenDocument,
    ReplacementDocument,
)
from controller.api.schemas.base import Text
from controller.api.schemas.requests import DecommissionRequest, JoinTokenRequest
from controller.api.writes import WithoutKey, Writing, answered
from controller.auth import Principal, Verb
from controller.compiler import compile_host, host_state
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import decommissioning, desired, enrolment, queries
from controller.services.enrolment import JoinToken
from controller.services.intent import Writer
from controller.services.requests import Answer

router = APIRouter(prefix="/v1/hosts/{name_or_uid}", tags=["hosts"])

_HOSTS = next(each for each in COLLECTIONS if each.kind is Kind.HOST)
_READ = ("unauthenticated", "forbidden", "not_found", "invalid", "unavailable")


@router.get(
    "/desired-state",
    operation_id="get_desired_state",
    response_model=DesiredState,
    responses=declared(*_READ),
)
def get_desired_state(context: Context, caller: Caller, name_or_uid: Text) -> DesiredState:
    """What the host is told: compiled now, from its pinned revision or the head.

    Without `removed`, which depends on what the host has confirmed and is not state.
    """
    require(caller, Verb.INSPECT, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    host = queries.get(context.db, caller, Kind.HOST, DEFAULT_PROJECT, name_or_uid).object
    intent = desired.load_host_intent(context.db, host.uid)
    compiled = compile_host(intent)
    message = host_state(compiled, intent, known_fragments=())
    message.ClearField("removed")
    state: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return DesiredState(revision=intent.revision, hash=compiled.hash.hex(), state=state)


@router.post(
    "/join-tokens",
    operation_id="create_join_token",
    dependencies=[WithoutKey],
    status_code=201,
    response_model=JoinTokenDocument,
    responses=declared(*_READ, "conflict", "malformed", "too_large", "unsupported_media"),
    openapi_extra=described(JoinTokenRequest),
)
def create_join_token(
    *,
    context: Context,
    caller: Caller,
    request_id: RequestId,
    name_or_uid: Text,
    body: Annotated[Body[JoinTokenRequest], Depends(json_body(JoinTokenRequest, empty_ok=True))],
) -> JoinTokenDocument:
    """A secret, shown only here, with which one machine becomes this host. For the same machine set
    up anew; a new one takes a host's place by `replace`."""
    require(caller, Verb.ENROL, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    made = _token(context, caller, request_id, name_or_uid, body.value, replaces=False)
    return _token_document(context, made)


@router.post(
    "/replace",
    operation_id="replace_machine",
    dependencies=[WithoutKey],
    status_code=201,
    response_model=ReplacementDocument,
    responses=declared(*_READ, "conflict", "malformed", "too_large", "unsupported_media"),
    openapi_extra=described(JoinTokenRequest),
)
def replace_machine(
    *,
    context: Context,
    caller: Caller,
    request_id: RequestId,
    name_or_uid: Text,
    body: Annotated[Body[JoinTokenRequest], Depends(json_body(JoinTokenRequest, empty_ok=True))],
) -> ReplacementDocument:
    """A secret, shown only here, with which a new machine takes the host's place: its name, VTEPs
    and ports. The machine before may not speak for the host from then on. A token that is not used
    changes nothing."""
    require(caller, Verb.ENROL, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    made = _token(context, caller, request_id, name_or_uid, body.value, replaces=True)
    document = _token_document(context, made).model_dump()
    return ReplacementDocument(**document, warnings=to_warnings(made.warnings))


@router.post(
    "/decommission",
    operation_id="decommission_host",
    response_model=_HOSTS.written,
    responses=declared(*WRITE_CODES),
    openapi_extra=described(DecommissionRequest),
)
def decommission_host(
    *,
    context: Context,
    write: Writing,
    name_or_uid: Text,
    body: Annotated[
        Body[DecommissionRequest], Depends(json_body(DecommissionRequest, empty_ok=True))
    ],
) -> Response:
    """Sets the state `decommissioning`: nothing new may be put on the host, and the controller
    removes it when nothing is left on it and nobody has a tunnel to it. May be sent again."""
    require(write.caller, Verb.WRITE, Kind.HOST, DEFAULT_PROJECT, name_or_uid)

    def work(writer: Writer) -> Answer:
        host = writer.find(Kind.HOST, DEFAULT_PROJECT, name_or_uid)
        result = decommissioning.decommission(
            writer,
            host,
            force=body.value.force,
            now=context.now(),
            listened=context.listened(),
        )
        view = writer.view(host.ref)
        document = dict(to_document(view))
        written = _HOSTS.written(**document, warnings=to_warnings(result.warnings))
        return answered(written, headers={"ETag": etag(view.object.revision)})

    return write.once(work, sha256=body.sha256)


def _token(
    context: AppContext,
    caller: Principal,
    request_id: str,
    host: str,
    asked: JoinTokenRequest,
    *,
    replaces: bool,
) -> JoinToken:
    return enrolment.create_join_token(
        context.db,
        caller,
        host,
        ttl=timedelta(seconds=asked.ttl_seconds),
        now=context.now(),
        request_id=request_id,
        replaces=replaces,
    )


def _token_document(context: AppContext, made: JoinToken) -> JoinTokenDocument:
    token = context.join_token(host=made.host, secret=made.secret)
    return JoinTokenDocument(
        token=token,
        host=made.host,
        expires_at=made.expires_at,
        command=f"ovsfleet-agent enroll --token {token}",
    )


@router.get(
    "/failures",
    operation_id="list_failures",
    response_model=FailureList,
    responses=declared(*_READ),
)
def list_failures(context: Context, caller: Caller, name_or_uid: Text) -> FailureList:
    """Everything on the host that is not as intended, oldest first."""
    found = queries.failures(context.db, caller, name_or_uid)
    return FailureList(items=[to_failure(failure) for failure in found])
