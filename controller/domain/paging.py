"""Where a page of a list ended, as words with slashes between them. Pure.

None of what is put there (kinds, projects, names, numbers, times) has a slash in it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from controller.domain.errors import InvalidError, Violation

_LONGEST_NUMBER = 18


def encode_place(*parts: object) -> str:
    words = (each.isoformat() if isinstance(each, datetime) else str(each) for each in parts)
    return "/".join(words)


def decode_place(place: str, *parts: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """Each part as its own function reads it, which may raise ValueError; None for the beginning.
    What is no such place was never given out, or by another version: InvalidError."""
    if not place:
        return None
    words = place.split("/")
    try:
        return tuple(read(word) for read, word in zip(parts, words, strict=True))
    except ValueError as error:
        raise invalid_page_token("is not one that this controller gave out") from error


def number(word: str) -> int:
    if len(word) > _LONGEST_NUMBER + 1:
        raise ValueError(word)
    return int(word)


def moment(word: str) -> datetime:
    found = datetime.fromisoformat(word)
    if found.tzinfo is None:
        raise ValueError(word)
    return found


def invalid_page_token(reason: str) -> InvalidError:
    detail = f"page_token {reason}"
    fix = "start again without page_token, and keep the filters the same from page to page"
    return InvalidError(detail, [Violation("", "page_token", detail, fix)])
