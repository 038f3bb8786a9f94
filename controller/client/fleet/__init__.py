"""A fleet from Python, for orchestrators: ``from controller.client.fleet import Fleet``.

Speaks the public REST API and nothing else. The command line does not import it.
"""

from __future__ import annotations

from controller.client.fleet.errors import (
    FleetError,
    NotRealizedError,
    ProblemError,
    UnreachableError,
    Violation,
)
from controller.client.fleet.fleet import Fleet

__all__ = [
    "Fleet",
    "FleetError",
    "NotRealizedError",
    "ProblemError",
    "UnreachableError",
    "Violation",
]
