"""The one shape of every error (RFC 9457). Owns nothing."""

from __future__ import annotations

from pydantic import Field

from controller.api.schemas.base import Answer


class ProblemError(Answer):
    """One thing wrong with the request."""

    pointer: str
    """JSON pointer (RFC 6901) into the body; empty for what is not in the body."""
    code: str
    detail: str
    """The reason, with the offending value."""
    fix: str
    """The way out."""


class Problem(Answer):
    type: str
    """``urn:ovsfleet:problem:<code>``."""
    title: str
    status: int
    detail: str
    instance: str
    """Path of the request."""
    code: str
    request_id: str
    errors: list[ProblemError] = Field(default_factory=list)
    """All violations at once."""


class ConfirmationProblem(Problem):
    """``code`` is ``confirmation_needed``: so much would be deleted that the number is asked."""

    confirm_count: int
    """Send the request again with this number if that is what you want."""
    deletes: dict[str, int]
    """Number of objects by kind."""
