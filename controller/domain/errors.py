"""Errors of the domain. Each carries a code and the fields at fault; the edges translate them.

The REST API maps them to problem+json (RFC 9457), the southbound server to gRPC status codes, each
by one table. A message names the field, the reason and the way out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request.

    ``pointer`` is a JSON pointer (RFC 6901) into the request body, ``code`` a stable snake_case
    word, ``detail`` the reason with the offending value, ``fix`` what to do about it.
    """

    pointer: str
    code: str
    detail: str
    fix: str


class DomainError(Exception):
    """Base of everything that a caller can mend."""

    code = "error"

    def __init__(self, detail: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.violations = tuple(violations)


class MalformedError(DomainError):
    """The request could not be read at all (JSON or YAML syntax)."""

    code = "malformed"


class InvalidError(DomainError):
    """The request was read and breaks a rule."""

    code = "invalid"


class ConflictError(DomainError):
    """The request clashes with something that exists: a name, a VNI, an object still in use."""

    code = "conflict"


class NotFoundError(DomainError):
    """No such object, or not one the caller may see."""

    code = "not_found"


class StaleError(DomainError):
    """If-Match names a revision that is not the current one."""

    code = "stale"


class PreconditionRequiredError(DomainError):
    """A change came without If-Match."""

    code = "precondition_required"


class UnauthenticatedError(DomainError):
    """No credentials, or credentials that are not valid (any more)."""

    code = "unauthenticated"


class ForbiddenError(DomainError):
    """Valid credentials whose roles do not allow this."""

    code = "forbidden"


class UnavailableError(DomainError):
    """A part that the answer needs is down; the same request may succeed later."""

    code = "unavailable"
