"""How far the hosts of one object are with it: a verdict for each host, and one for all. Pure.

It is judged from the same facts as the object's status, so that an object is realized exactly while
its phase is Ready.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controller.domain.intent import Kind
from controller.domain.status import (
    HostFacts,
    Liveness,
    Phase,
    Trouble,
    host_finding,
    resource_finding,
)


class State(enum.StrEnum):
    PENDING = "pending"
    """No host has it, and none that needs it can be heard."""
    IN_PROGRESS = "in_progress"
    """Some hosts have it, or are heard and have yet to report it; none failed."""
    REALIZED = "realized"
    DEGRADED = "degraded"
    """Some hosts failed, or a host has it in part."""
    ERROR = "error"
    """No host has it, and those that are done with it failed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one host is doing with the object."""

    host: str
    phase: Phase
    reason: str
    message: str
    is_heard: bool
    since: datetime | None = None
    """Since when it is not as intended; None when it is, or when that is not known."""

    @property
    def is_ok(self) -> bool:
        return self.phase is Phase.READY

    @property
    def is_failed(self) -> bool:
        return self.phase in {Phase.FAILED, Phase.DEGRADED}


def verdict(kind: Kind, revision: int, facts: HostFacts, *, changed_at: datetime) -> Verdict:
    """``revision`` is the object's, and ``changed_at`` when what the host needs was made."""
    judge = host_finding if kind is Kind.HOST else resource_finding
    phase, reason, message = judge(revision, facts)
    is_heard = facts.liveness is Liveness.CONNECTED
    since = None if phase is Phase.READY else _since(facts, changed_at, phase, is_heard=is_heard)
    return Verdict(facts.name, phase, reason, message, is_heard, since)


def _since(facts: HostFacts, changed_at: datetime, phase: Phase, *, is_heard: bool) -> datetime:
    if phase is Phase.PENDING:
        return changed_at
    if not is_heard:
        return facts.since or changed_at
    return _oldest(facts.troubles) or changed_at


def _oldest(troubles: Sequence[Trouble]) -> datetime | None:
    return min((t.since for t in troubles if t.since is not None), default=None)


def overall(verdicts: Sequence[Verdict]) -> State:
    """Of an object that is on no host at all, nothing is missing."""
    if all(each.is_ok for each in verdicts):
        return State.REALIZED
    if any(each.is_failed for each in verdicts):
        return State.ERROR if _has_nothing(verdicts) else State.DEGRADED
    if any(each.is_ok or each.is_heard for each in verdicts):
        return State.IN_PROGRESS
    return State.PENDING


def _has_nothing(verdicts: Sequence[Verdict]) -> bool:
    done = [each for each in verdicts if each.is_ok or each.is_failed]
    return all(each.phase is Phase.FAILED for each in done)


def pending_since(verdicts: Sequence[Verdict]) -> datetime | None:
    """Since when some host is not as intended; None when all are."""
    return min((each.since for each in verdicts if each.since is not None), default=None)
