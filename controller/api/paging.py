"""Opaque page tokens: where the last page ended, and which question it answered. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib

from controller.domain.paging import invalid_page_token

DEFAULT_PAGE_SIZE = 100
LARGEST_PAGE_SIZE = 1000

_DIGEST_BYTES = 8


def encode_page_token(after: str, *question: str | None) -> str:
    """``question`` is everything that a token must not be carried over from: the filters."""
    if not after:
        return ""
    return base64.urlsafe_b64encode(_digest(question) + after.encode()).decode().rstrip("=")


def decode_page_token(token: str, *question: str | None) -> str:
    if not token:
        return ""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        digest, after = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:].decode()
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise invalid_page_token("is not one that this controller gave out") from error
    if digest != _digest(question):
        raise invalid_page_token("belongs to a list with other filters, or was changed")
    return after


def _digest(question: tuple[str | None, ...]) -> bytes:
    return hashlib.sha256(repr(question).encode()).digest()[:_DIGEST_BYTES]
