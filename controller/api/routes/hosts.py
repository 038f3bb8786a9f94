"""What only hosts have: a compiled desired state, join tokens and failures. Owns nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from google.protobuf.json_format import MessageToDict

from controller.api.bodies import Body, described, json_body
from controller.api.conversion import to_failure
from controller.api.dependencies import Caller, Context, RequestId, require
from controller.api.errors import declared
from controller.api.schemas.answers import DesiredState, FailureList, JoinTokenDocument
from controller.api.schemas.base import Text
from controller.api.schemas.requests import JoinTokenRequest
from controller.api.writes import WithoutKey
from controller.auth import Verb
from controller.compiler import compile_host, host_state
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import desired, enrolment, queries

router = APIRouter(prefix="/v1/hosts/{name_or_uid}", tags=["hosts"])

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
    responses=declared(*_READ, "malformed", "too_large", "unsupported_media"),
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
    """A secret, shown only here, with which one machine becomes this host."""
    require(caller, Verb.ENROL, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    made = enrolment.create_join_token(
        context.db,
        caller,
        name_or_uid,
        ttl=timedelta(seconds=body.value.ttl_seconds),
        now=context.now(),
        request_id=request_id,
    )
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
