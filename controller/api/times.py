"""Times in questions. Pure; owns nothing."""

from __future__ import annotations

from datetime import datetime

from controller.domain.errors import InvalidError, Violation


def moment(field: str, words: str) -> datetime:
    """InvalidError, which names the field, for what is no time with a zone."""
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        detail = f"{field} {words!r} is no time with a zone"
        fix = "write it as 2026-01-31T12:00:00Z"
        raise InvalidError(detail, [Violation("", field, detail, fix)])
    return found


def optional_moment(field: str, words: str | None) -> datetime | None:
    return None if words is None else moment(field, words)
