"""ETags: an object's revision in quotes, and the two headers that compare it. Pure."""

from __future__ import annotations

import re

from controller.domain.errors import InvalidError, PreconditionRequiredError, Violation

_ETAG = re.compile(r'"(\d{1,18})"')
_LIST = re.compile(r'\s*(?:W/)?"([^"]*)"\s*(?:,|$)')


def etag(revision: int) -> str:
    return f'"{revision}"'


def required_revision(if_match: str | None) -> int | None:
    """The revision that the caller wants to change; None for ``*``, whatever is there."""
    if if_match is None:
        raise PreconditionRequiredError(
            'this change needs the header If-Match: the ETag of what you read (If-Match: "7"), '
            "or * to change whatever is there"
        )
    if if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        detail = f"the header If-Match is {if_match!r}, which is no ETag of this API"
        fix = 'send the ETag as it was read, quotes included (If-Match: "7"), or *'
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


def is_unchanged(if_none_match: str | None, revision: int) -> bool:
    """Whether the caller has this revision already (RFC 9110, 13.1.2: compared weakly)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return str(revision) in _LIST.findall(if_none_match)
