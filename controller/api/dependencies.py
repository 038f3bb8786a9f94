"""What routes are given: the context, the caller, the request's id. Owns nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from controller.api.context import AppContext
from controller.api.credentials import Credentials
from controller.api.schemas.base import Text
from controller.auth import Principal, Verb, may
from controller.domain.errors import (
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
    Violation,
)
from controller.domain.intent import Kind, Ref

_bearer = HTTPBearer(
    auto_error=False, description="An API token, `ovsf_…`.", scheme_name="api_token"
)


def _context(request: Request) -> AppContext:
    context: AppContext = request.app.state.context
    return context


def _request_id(request: Request) -> str:
    return str(request.state.request_id)


def _secret(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    if given is None:
        raise UnauthenticatedError(
            "this needs an API token: send the header Authorization: Bearer ovsf_…"
        )
    return given.credentials


def _principal(request: Request, secret: Annotated[str, Depends(_secret)]) -> Principal:
    credentials: Credentials = request.app.state.credentials
    return credentials.authenticate(secret)


Context = Annotated[AppContext, Depends(_context)]
RequestId = Annotated[str, Depends(_request_id)]
Secret = Annotated[str, Depends(_secret)]
Caller = Annotated[Principal, Depends(_principal)]
Project = Annotated[Text, Query(description="The project that owns the object.")]


def require(principal: Principal, verb: Verb, kind: Kind, project: str, name: str) -> None:
    """What the caller may not even see does not exist; what it may only see is forbidden."""
    if not may(principal, Verb.READ, kind, project):
        raise NotFoundError(f"there is no {kind} {name} in project {project}")
    if not may(principal, verb, kind, project):
        raise ForbiddenError(_refusal(principal, verb, kind, project))


def require_writes(principal: Principal, wanted: Iterable[tuple[Ref, str]]) -> None:
    """``wanted`` are objects to write and where in the body they stand; names all that are not
    allowed."""
    refused = [
        Violation(
            pointer,
            "forbidden",
            _refusal(principal, Verb.WRITE, ref.kind, ref.project),
            "leave it out, or use a token with a role that allows it",
        )
        for ref, pointer in wanted
        if not may(principal, Verb.WRITE, ref.kind, ref.project)
    ]
    if refused:
        raise ForbiddenError(refused[0].detail, refused)


def _refusal(principal: Principal, verb: Verb, kind: Kind, project: str) -> str:
    roles = ", ".join(sorted(principal.roles)) or "no role"
    return f"{principal.name} ({roles}) may not {verb} a {kind} in project {project}"
