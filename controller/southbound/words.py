"""Words that agents send, cut to size and made storable. Owns nothing."""

from __future__ import annotations

_LONGEST_WORD = 200


_LONGEST_IFACE_ID = 255


def iface_id(value: str) -> str:
    """The value, or nothing: one that was cut would be the iface-id of something else."""
    return value if len(value) <= _LONGEST_IFACE_ID and "\0" not in value else ""


def text(value: str, longest: int = _LONGEST_WORD) -> str:
    """PostgreSQL stores every character but NUL."""
    return value.replace("\0", "")[:longest]
