"""How what a host has compares with what is intended of it. Pure."""

from __future__ import annotations

import enum


class ObservedState(enum.StrEnum):
    """Of one resource, as its agent found it when it was asked."""

    AS_INTENDED = "as_intended"
    DIFFERS = "differs"
    MISSING = "missing"
    """It, or a row or device of it, is not there."""
    FOREIGN = "foreign"
    """Something that is not the fleet's is in its place."""
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    """It cannot be as intended for another reason, or was refused."""


OBSERVE = "observe"
"""The word by which an agent says that it can be asked (``Capabilities.session_features``)."""
