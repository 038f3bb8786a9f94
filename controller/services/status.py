"""What hosts report: sessions, applied revisions and failures.

Owns ``host_status`` and ``resource_failure``, and tells of what became another thing (``event``).
The session epoch fences: a report of a session that a newer one has replaced changes nothing. Must
not touch intent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from controller.compiler.naming import object_of
from controller.domain.departures import REFUSALS, Revocation
from controller.domain.errors import ForbiddenError, NotFoundError
from controller.domain.events import (
    Before,
    Failing,
    Reported,
    connected,
    disconnected,
    outcome_of,
    silent,
)
from controller.domain.events import failures_of as new_failures
from controller.domain.intent import Kind, Lifecycle
from controller.domain.status import CHANGE_RESOURCE, Outcome, Phase
from controller.services import enrolment
from controller.services.statuses import derive
from controller.store import credentials, events, grants
from controller.store import status as rows
from controller.store.engine import Database, Transaction
from controller.store.fleet import lock_revision
from controller.store.listing import Subject

__all__ = [
    "HostReport",
    "Outcome",
    "ReportedFailure",
    "SessionStart",
    "StatusChange",
    "advance",
    "changed_since",
    "close_session",
    "cursor_now",
    "failures_of",
    "heartbeat",
    "heartbeats",
    "open_session",
    "record",
    "sweep_liveness",
]


_CLOCKS_APART = timedelta(seconds=10)
"""Between the machines of controllers that share a database, at most. What one of them wrote is not
taken for the future, and written anew each time, by another."""


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
    failures: int | None
    """None for who may not see all that is on the host."""
    only_moved: bool = False
    """Nothing but the revisions moved: a change of intent did not concern the host."""


def open_session(
    db: Database, host_uid: UUID, start: SessionStart, *, now: datetime, serial: str | None = None
) -> int:
    """Starts a session and fences all earlier ones; answers its epoch, which only grows.

    Whoever comes with a certificate gives its ``serial``: who revokes it meanwhile waits, and
    fences the session then. NotFoundError when the host is not intended, ForbiddenError when no
    machine, or not this one, may speak for it."""
    columns = {**asdict(start), "capabilities": dict(start.capabilities)}
    with db.transaction() as tx:
        if serial is not None:
            enrolment.admit(tx, host_uid, serial)
        match credentials.lifecycle_of(tx, host_uid):
            case None:
                raise NotFoundError(f"there is no host {host_uid}")
            case Lifecycle.REMOVED:
                raise ForbiddenError(REFUSALS[Revocation.REMOVED])
        was_heard = rows.is_heard(tx, host_uid)
        epoch = rows.open_session(tx, host_uid, columns, now)
        if not was_heard:
            events.add(tx, [connected(host_uid)], now)
        return epoch


def heartbeat(db: Database, host_uid: UUID, session_epoch: int, *, now: datetime) -> bool:
    """False: fenced, a newer session exists."""
    return not heartbeats(db, {host_uid: session_epoch}, now=now)


def heartbeats(db: Database, sessions: Mapping[UUID, int], *, now: datetime) -> frozenset[UUID]:
    """One heartbeat for many hosts in one statement; answers the hosts whose session is fenced."""
    with db.transaction() as tx:
        heard = rows.heartbeats(tx, sessions, now)
        back = (host for host, was_silent in heard.items() if was_silent)
        events.add(tx, [connected(host, "HeardAgain") for host in back], now)
        return frozenset(sessions) - heard.keys()


def record(
    db: Database, host_uid: UUID, session_epoch: int, report: HostReport, *, now: datetime
) -> bool:
    """Takes a report in; False: fenced. A failure that was known keeps its ``since``.

    A host that reverted is pinned to the revision it went back to, until somebody releases it: what
    it is sent again it would only undo again. A report that comes after that pins it no more."""
    failures = {failure.resource: _columns(failure) for failure in report.failures}
    columns: dict[str, Any] = {
        "observed_revision": report.observed_revision,
        "applied_revision": report.applied_revision,
        "applied_hash": report.applied_hash,
        "outcome": report.outcome.value,
        "failures": len(failures),
    }
    applied = report.applied_revision
    with db.transaction() as tx:
        # The order of locks of those that write intent: the revision before the host's row.
        is_done = report.outcome is Outcome.APPLIED and grants.is_done(
            tx, host_uid, applied, list(failures)
        )
        head = lock_revision(tx) if is_done else 0
        if report.outcome is Outcome.REVERTED:
            rows.lock(tx, [host_uid])
            columns |= _undone(report)
            if not grants.was_released_after(tx, host_uid, report.observed_revision):
                columns["pinned_revision"] = report.applied_revision
        before = rows.record(tx, host_uid, session_epoch, columns, now)
        if before is None:
            return False
        _tell(tx, host_uid, before, report, now, is_pinned="pinned_revision" in columns)
        if failures or before.failures:
            rows.replace_failures(tx, host_uid, list(failures.values()), now)
        if is_done:
            grants.settle(tx, host_uid, applied, list(failures), head + 1)
        return True


def _tell(
    tx: Transaction,
    host_uid: UUID,
    before: Before,
    report: HostReport,
    now: datetime,
    *,
    is_pinned: bool,
) -> None:
    """What the report says that was not so before; a report that says the same writes nothing."""
    reported = Reported(
        report.outcome,
        report.applied_revision,
        report.observed_revision,
        is_pinned,
        _why_undone(report),
    )
    told = list(outcome_of(host_uid, before, reported))
    failing = {
        each.resource: Failing(each.resource, object_of(each.resource), each.reason, each.message)
        for each in report.failures
    }
    if failing or before.failures:
        was = rows.read_failing(tx, host_uid) if before.failures else {}
        told += new_failures(host_uid, was, failing)
    events.add(tx, told, now)


def _undone(report: HostReport) -> dict[str, Any]:
    return {
        "undone_revision": report.observed_revision,
        "pin_reason": _why_undone(report),
    }


def _why_undone(report: HostReport) -> str:
    said = (each.message for each in report.failures if each.resource == CHANGE_RESOURCE)
    return next(said, "")


def _columns(failure: ReportedFailure) -> dict[str, Any]:
    return {**asdict(failure), "object_uid": object_of(failure.resource)}


def failures_of(
    db: Database, hosts: Sequence[UUID], reason: str
) -> dict[UUID, tuple[ReportedFailure, ...]]:
    """What is stored of these hosts' failures with this reason; hosts without one are left out."""
    with db.snapshot() as tx:
        found = rows.read_failures(tx, hosts, reason)
    return {
        host: tuple(ReportedFailure(*failure) for _, *failure in of_host)
        for host, of_host in groupby(found, key=itemgetter(0))
    }


def advance(
    db: Database,
    hosts: Mapping[UUID, bytes],
    revision: int,
    *,
    now: datetime,  # noqa: ARG001 (every report says when; this one changes no time)
) -> int:
    """Brings hosts whose desired state did not change with ``revision`` forward to it.

    ``hosts`` maps each to the hash it has to have applied for that. Answers how many moved."""
    with db.transaction() as tx:
        return rows.advance(tx, hosts, revision)


def close_session(db: Database, host_uid: UUID, session_epoch: int, *, now: datetime) -> None:
    """The stream ended. Without effect when a newer session exists."""
    with db.transaction() as tx:
        if rows.close_session(tx, host_uid, session_epoch, now):
            events.add(tx, [disconnected(host_uid)], now)


def changed_since(db: Database, cursor: int) -> tuple[tuple[StatusChange, ...], int]:
    """Hosts whose status changed, at least once each, and the cursor to go on from; 0: all."""
    with db.snapshot() as tx:
        hosts, following = rows.changed_hosts(tx, cursor)
        reported = rows.read_reported(tx, hosts) if hosts else []
        subjects = [Subject(row.host_uid, row.revision) for row in reported]
        statuses = derive(tx, Kind.HOST, subjects) if subjects else {}
    changes = tuple(
        _change(row, statuses[row.host_uid].phase, only_moved=hosts[row.host_uid])
        for row in reported
    )
    return changes, following


def cursor_now(db: Database) -> int:
    """Where ``changed_since`` goes on for somebody who needs nothing of what was before."""
    with db.snapshot() as tx:
        return rows.cursor_now(tx)


def _change(row: rows.Reported, phase: Phase, *, only_moved: bool) -> StatusChange:
    return StatusChange(
        host_uid=row.host_uid,
        host=row.host,
        phase=phase,
        connected=row.heard,
        applied_revision=row.applied_revision,
        observed_revision=row.observed_revision,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        failures=row.failures,
        only_moved=only_moved,
    )


def sweep_liveness(db: Database, *, now: datetime, silence: timedelta) -> int:
    """Connected hosts that were silent for longer become unknown; answers how many did."""
    with db.transaction() as tx:
        # A host would be heard for as long as the clock was set back.
        rows.set_back(tx, ahead=now + max(silence, _CLOCKS_APART), now=now)
        hosts = rows.silence(tx, unheard_since=now - silence, now=now)
        events.add(tx, [silent(host) for host in hosts], now)
        return len(hosts)
