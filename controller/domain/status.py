"""How an object is doing: phases and conditions, derived and never stored.

An object is realized when every host it needs has applied a revision at least as new as the
object's own and no failure names it. Words: phase Pending, Ready, Degraded, Failed, Unknown;
``Condition`` as in the Kubernetes API conventions.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Phase(enum.StrEnum):
    PENDING = "Pending"
    READY = "Ready"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: str
    """``True``, ``False`` or ``Unknown``."""
    reason: str
    """A stable CamelCase word."""
    message: str
    last_transition: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    phase: Phase
    observed_revision: int
    """The object's newest revision that all of its hosts have applied; 0 for none."""
    conditions: tuple[Condition, ...] = ()
