"""What a turn of the closed loop found: what the controller and a person on the host are told."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from agent.errors import Failure


class Outcome(enum.StrEnum):
    APPLIED = "applied"
    HELD = "held"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class Report:
    observed_revision: int
    applied_revision: int
    applied_hash: bytes
    outcome: Outcome
    failures: tuple[Failure, ...]
