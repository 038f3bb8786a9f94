"""Words that agents send, cut to size and made storable. Owns nothing."""

from __future__ import annotations

_LONGEST_WORD = 200


def text(value: str, longest: int = _LONGEST_WORD) -> str:
    """PostgreSQL stores every character but NUL."""
    return value.replace("\0", "")[:longest]
