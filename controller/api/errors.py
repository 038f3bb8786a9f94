"""Every error becomes one shape, problem+json (RFC 9457), by one table.

Owns nothing. An unexpected exception shows the caller its request id and nothing of the inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from controller.api.schemas.problem import ConfirmationProblem, Problem, ProblemError
from controller.api.violations import parameter_violations
from controller.domain import errors
from controller.domain.errors import DomainError, InvalidError, Violation
from controller.services.intent import ConfirmationNeededError
from controller.services.observations import AgentTooOldError, HostAwayError
from controller.services.requests import KeyReusedError, RequestInProgressError

PROBLEM_JSON = "application/problem+json"
MERGE_PATCH = "application/merge-patch+json"
_RETRY_AFTER_SECONDS = "2"


class TooLargeError(DomainError):
    """The body is longer than the server reads."""

    code = "too_large"


class UnsupportedMediaError(DomainError):
    """The body is in a format that this resource does not read."""

    code = "unsupported_media"


class MethodNotAllowedError(DomainError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    title: str


_TABLE: Mapping[str, _Row] = {
    errors.MalformedError.code: _Row(400, "The request cannot be read"),
    errors.UnauthenticatedError.code: _Row(401, "Not signed in"),
    errors.ForbiddenError.code: _Row(403, "Not allowed"),
    errors.NotFoundError.code: _Row(404, "Not found"),
    MethodNotAllowedError.code: _Row(405, "Method not allowed"),
    errors.ConflictError.code: _Row(409, "Conflict with what exists"),
    ConfirmationNeededError.code: _Row(409, "Confirmation needed"),
    RequestInProgressError.code: _Row(409, "The request is being carried out"),
    errors.StaleError.code: _Row(412, "Changed meanwhile"),
    TooLargeError.code: _Row(413, "Request too large"),
    UnsupportedMediaError.code: _Row(415, "Unsupported format"),
    errors.InvalidError.code: _Row(422, "The request breaks a rule"),
    KeyReusedError.code: _Row(422, "The Idempotency-Key was used for another request"),
    errors.PreconditionRequiredError.code: _Row(428, "If-Match is required"),
    "internal": _Row(500, "Internal error"),
    errors.UnavailableError.code: _Row(503, "Temporarily unavailable"),
    HostAwayError.code: _Row(503, "The host cannot be asked"),
    AgentTooOldError.code: _Row(503, "The host's agent is too old"),
}

_EXTRA_HEADERS: Mapping[str, Mapping[str, str]] = {
    errors.UnauthenticatedError.code: {"WWW-Authenticate": 'Bearer realm="ovsfleet"'},
    errors.UnavailableError.code: {"Retry-After": _RETRY_AFTER_SECONDS},
    HostAwayError.code: {"Retry-After": _RETRY_AFTER_SECONDS},
    RequestInProgressError.code: {"Retry-After": _RETRY_AFTER_SECONDS},
}

# Of several codes of one status the general one stands first.
_CODE_OF_STATUS = {row.status: code for code, row in reversed([*_TABLE.items()])}


def problem_response(
    scope: Scope,
    code: str,
    detail: str,
    violations: tuple[Violation, ...] = (),
    *,
    headers: Mapping[str, str] | None = None,
    deletes: Mapping[str, int] | None = None,
) -> JSONResponse:
    """``deletes`` is what a confirmation is needed for: how many objects of which kind."""
    row = _TABLE[code]
    problem = Problem(
        type=f"urn:ovsfleet:problem:{code}",
        title=row.title,
        status=row.status,
        detail=detail,
        instance=scope["path"],
        code=code,
        request_id=scope.get("state", {}).get("request_id", ""),
        errors=[_error(violation) for violation in violations],
    )
    if deletes is not None:
        total = sum(deletes.values())
        problem = ConfirmationProblem(**problem.model_dump(), confirm_count=total, deletes=deletes)
    return JSONResponse(
        problem.model_dump(),
        status_code=row.status,
        media_type=PROBLEM_JSON,
        headers={**_EXTRA_HEADERS.get(code, {}), **(headers or {})},
    )


def internal_problem(scope: Scope) -> JSONResponse:
    return problem_response(
        scope,
        "internal",
        "the controller failed on this request; its log has the reason under this request_id",
    )


READ_CODES = ("unauthenticated", "not_found", "invalid", "unavailable")
"""What reading an object can be answered with."""
WRITE_CODES = (
    *READ_CODES,
    "malformed",
    "forbidden",
    "conflict",
    "too_large",
    "unsupported_media",
)
"""What a request with manifests can be answered with."""


def declared(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the errors that a route can answer with."""
    return {
        _TABLE[code].status: {
            "description": _TABLE[code].title,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for code in codes
    }


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_bad_parameters)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_domain_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, DomainError):
        raise error
    code = error.code if error.code in _TABLE else InvalidError.code
    counts = error.counts if isinstance(error, ConfirmationNeededError) else None
    refuses_patch = isinstance(error, UnsupportedMediaError) and request.method == "PATCH"
    return problem_response(
        request.scope,
        code,
        error.detail,
        error.violations,
        headers={"Accept-Patch": MERGE_PATCH} if refuses_patch else None,
        deletes=None if counts is None else {kind.value: counts[kind] for kind in counts},
    )


async def _on_bad_parameters(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    violations = parameter_violations(error.errors())
    return problem_response(request.scope, InvalidError.code, summary(violations), violations)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: an unknown path or a method that the path has not."""
    if not isinstance(error, HTTPException):
        raise error
    code = _CODE_OF_STATUS.get(error.status_code, errors.MalformedError.code)
    path, method = request.scope["path"], request.method
    details = {
        errors.NotFoundError.code: f"there is nothing at {path}; /docs lists what there is",
        MethodNotAllowedError.code: f"{method} is not possible on {path}; /docs lists what is",
    }
    detail = details.get(code, str(error.detail))
    return problem_response(request.scope, code, detail, headers=error.headers)


def summary(violations: tuple[Violation, ...]) -> str:
    """One sentence for a person who reads no further."""
    if len(violations) == 1:
        return violations[0].detail
    return f"{violations[0].detail} (and {len(violations) - 1} more)"


def _error(violation: Violation) -> ProblemError:
    return ProblemError(
        pointer=violation.pointer,
        code=violation.code,
        detail=violation.detail,
        fix=violation.fix,
    )
