"""ETags: what an object's reader and its writer compare. Pure.

What is read has a status besides, which no revision stands for: its ETag begins with the revision
and goes on with a digest of all that is answered. A write replaces intent alone, so that only the
revision counts for it.
"""

from __future__ import annotations

import hashlib
import re

from controller.domain.errors import InvalidError, PreconditionRequiredError, Violation

_DIGEST_CHARACTERS = 16
_ETAG = re.compile(rf'"(\d{{1,18}})(?:-[0-9a-f]{{{_DIGEST_CHARACTERS}}})?"')
_LIST = re.compile(r'\s*(?:W/)?"([^"]*)"\s*(?:,|$)')


def etag(revision: int) -> str:
    return f'"{revision}"'


def etag_of(revision: int, answer: bytes) -> str:
    """Another for each other answer, so that caches may rely on it (RFC 9110, 8.8.1)."""
    return f'"{revision}-{hashlib.sha256(answer).hexdigest()[:_DIGEST_CHARACTERS]}"'


def required_revision(if_match: str | None) -> int | None:
    """The revision that the caller wants to change; None for ``*``, whatever is there."""
    if if_match is None:
        raise PreconditionRequiredError(
            'this change needs the header If-Match: the revision of what you read (If-Match: "7"), '
            "its ETag, or * to change whatever is there"
        )
    if if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        detail = f"the header If-Match is {if_match!r}, which is no ETag of this API"
        fix = 'send the revision in quotes (If-Match: "7"), the ETag as it was read, or *'
        raise InvalidError(detail, [Violation("", "if_match", detail, fix)])
    return int(found[1])


def wants_new(if_match: str | None, if_none_match: str | None) -> bool:
    """Whether a PUT may only create (RFC 9110, 13.1.2). Of ETags only ``*`` makes sense there."""
    if if_none_match is None:
        return False
    if if_none_match.strip() != "*" or if_match is not None:
        detail = "a PUT takes If-None-Match: * to create, or If-Match to replace, and not both"
        fix = "send one of the two, or neither to create what is not there"
        raise InvalidError(detail, [Violation("", "if_none_match", detail, fix)])
    return True


def is_unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller has this answer already (RFC 9110, 13.1.2: compared weakly)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag.strip('"') in _LIST.findall(if_none_match)
