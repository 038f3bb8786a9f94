"""All that a call can end with besides its answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.client.fleet.documents import RevisionDocument


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with the request, and the way out."""

    pointer: str
    """JSON pointer (RFC 6901) into the body; empty for what is not in the body."""
    code: str
    detail: str
    fix: str


class FleetError(Exception):
    """A call did not do what it was asked to."""


class ProblemError(FleetError):
    """The controller refused, and said why (RFC 9457)."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        title = str(document.get("title") or f"HTTP {status}")
        super().__init__(f"{title}: {document.get('detail') or 'without a reason'}")
        self.status = status
        self.code = str(document.get("code") or "")
        """What a program goes by: ``stale``, ``not_found``, ``confirmation_needed``, ..."""
        self.detail = str(document.get("detail") or "")
        self.violations = tuple(_violation(each) for each in document.get("errors") or ())
        """All of them, not only the first."""
        self.request_id = str(document.get("request_id") or "")
        """Under this id the controller's log tells more."""
        self.document = document
        """Everything that was said."""


class UnreachableError(FleetError):
    """There was no answer. A write that is not repeated by the client may have been done."""


class NotRealizedError(FleetError, TimeoutError):
    """In the time that was given not all hosts have applied a revision. It stays intended."""

    def __init__(self, document: RevisionDocument, timeout: float) -> None:
        hosts = document["hosts"]
        behind = ", ".join(f"{each['host']} ({each['reason']})" for each in document["pending"])
        super().__init__(
            f"After {timeout:g} s {hosts['applied']} of {hosts['total']} hosts have applied"
            f" revision {document['revision']}. Not yet: {behind}"
        )
        self.document = document
        """How far the hosts are, and what keeps those that are behind."""


def _violation(document: Mapping[str, Any]) -> Violation:
    return Violation(*(str(document.get(name, "")) for name in Violation.__slots__))
