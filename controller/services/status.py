"""What hosts report: sessions, applied revisions and failures.

Owns ``host_status`` and ``resource_failure``. The session epoch fences: a report of a session that
a newer one has replaced changes nothing. Must not touch intent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controller.domain.status import Phase
from controller.store.engine import Database


class Outcome(enum.StrEnum):
    """What the agent made of the state it accepted last."""

    APPLIED = "applied"
    HELD = "held"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What an agent says when it opens a session."""

    instance_nonce: str
    agent_version: str
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    accepted_revision: int = 0
    applied_revision: int = 0
    applied_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class ReportedFailure:
    resource: str
    kind: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class HostReport:
    observed_revision: int
    applied_revision: int
    applied_hash: bytes
    outcome: Outcome
    failures: tuple[ReportedFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusChange:
    host_uid: UUID
    host: str
    phase: Phase
    connected: bool
    applied_revision: int
    observed_revision: int
    outcome: Outcome | None
    """None before the first report."""
    failures: int


def open_session(db: Database, host_uid: UUID, start: SessionStart, *, now: datetime) -> int:
    """Starts a session and fences all earlier ones; answers its epoch, which only grows.

    NotFoundError when the host is not intended."""
    raise NotImplementedError


def heartbeat(db: Database, host_uid: UUID, session_epoch: int, *, now: datetime) -> bool:
    """False: fenced, a newer session exists."""
    raise NotImplementedError


def heartbeats(db: Database, sessions: Mapping[UUID, int], *, now: datetime) -> frozenset[UUID]:
    """One heartbeat for many hosts in one statement; answers the hosts whose session is fenced."""
    raise NotImplementedError


def record(
    db: Database, host_uid: UUID, session_epoch: int, report: HostReport, *, now: datetime
) -> bool:
    """Takes a report in; False: fenced. A failure that was known keeps its ``since``."""
    raise NotImplementedError


def advance(db: Database, hosts: Mapping[UUID, bytes], revision: int, *, now: datetime) -> int:
    """Brings hosts whose desired state did not change with ``revision`` forward to it.

    ``hosts`` maps each to the hash it has to have applied for that. Answers how many moved."""
    raise NotImplementedError


def close_session(db: Database, host_uid: UUID, session_epoch: int, *, now: datetime) -> None:
    """The stream ended. Without effect when a newer session exists."""
    raise NotImplementedError


def changed_since(db: Database, cursor: int) -> tuple[tuple[StatusChange, ...], int]:
    """Hosts whose status changed, at least once each, and the cursor to go on from; 0: all."""
    raise NotImplementedError


def sweep_liveness(db: Database, *, now: datetime, silence: timedelta) -> int:
    """Connected hosts that were silent for longer become unknown; answers how many did."""
    raise NotImplementedError
