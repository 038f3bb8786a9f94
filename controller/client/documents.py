"""Reading an object's document: the few facts that tables, descriptions and waits share. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
"""A JSON object as the API gives it."""

# What to do about reasons whose message cannot know the command line.
_ADVICE: Mapping[str, str] = {
    "NotEnrolled": "Run `ovsfleet enroll {host}` and the command that it prints on the host.",
    "NeverConnected": "Start the agent on the host: `ovsfleet-agent run`.",
}


def blocking_condition(document: Document) -> Mapping[str, Any] | None:
    """The condition that keeps the object from being Ready; the one that says most about it."""
    return next((c for c in _conditions(document) if c["status"] != "True"), None)


def headline_condition(document: Document) -> Mapping[str, Any] | None:
    """The condition worth one cell: what is wrong, else how it was realized."""
    return blocking_condition(document) or next(iter(_conditions(document)), None)


def _conditions(document: Document) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = document["status"].get("conditions", [])
    return sorted(conditions, key=lambda c: bool(c["type"] != "Realized"))


def reason_of(document: Document | None) -> str:
    """``Failed, NamespaceMissing: there is no network namespace blue``."""
    if document is None:
        return "not there"
    phase = str(document["status"]["phase"])
    condition = blocking_condition(document)
    if condition is None:
        return phase
    text = ": ".join(part for part in (condition["reason"], condition.get("message")) if part)
    return f"{phase}, {text}"


def advice_for(document: Document) -> str:
    condition = blocking_condition(document)
    template = _ADVICE.get(condition["reason"], "") if condition else ""
    host = document["spec"].get("host") or document["metadata"]["name"]
    return template.format(host=host)


def age(timestamp: str, now: datetime) -> str:
    """``45s``, ``12m``, ``7h``, ``30d``: one unit is enough for a table."""
    seconds = max(0, int((now - datetime.fromisoformat(timestamp)).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def utc_now() -> datetime:
    return datetime.now(UTC)


def plain(value: object) -> str:
    """Text that is safe on a terminal: an object's words must not drive the cursor."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value) or "-"
    return "".join(
        c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in str(value)
    )
