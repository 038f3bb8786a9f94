"""What can go wrong on a host: every failure names its resource, its cause and the way out.

Kinds are those of ``ovsfleet.v1.ErrorKind``; each knows whether trying again soon can help, so that
the reconciler does not hammer what only new intent or somebody at the host can mend.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ErrorKind(enum.Enum):
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    CONFLICT = "conflict"
    TRANSIENT = "transient"
    DATAPATH = "datapath"
    BUG = "bug"

    @property
    def may_retry(self) -> bool:
        """Whether the same plan may succeed soon, without new intent and without a person."""
        return self not in (ErrorKind.INVALID, ErrorKind.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class Failure:
    """One resource that is not as intended.

    ``resource`` is an id as in ``ovsfleet/v1/state.proto``, or ``host``; ``reason`` a stable
    CamelCase word; ``message`` a sentence with the cause and what a person can do.
    """

    resource: str
    kind: ErrorKind
    reason: str
    message: str

    def __lt__(self, other: Failure) -> bool:
        return (self.resource, self.reason) < (other.resource, other.reason)
