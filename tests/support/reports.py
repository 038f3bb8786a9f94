"""A host that reports as its agent would, straight into the status service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from controller.services.status import (
    HostReport,
    Outcome,
    ReportedFailure,
    SessionStart,
    open_session,
    record,
)
from controller.store.engine import Database


class ReportingHost:
    """Holds the session of one host."""

    def __init__(self, db: Database, uid: str) -> None:
        self._db = db
        self._uid = UUID(uid)
        start = SessionStart(instance_nonce=f"test-{uid}", agent_version="0")
        self._epoch = open_session(db, self._uid, start, now=datetime.now(UTC))

    def report(self, applied_revision: int, failures: Sequence[ReportedFailure] = ()) -> None:
        report = HostReport(
            observed_revision=applied_revision,
            applied_revision=applied_revision,
            applied_hash=b"",
            outcome=Outcome.APPLIED,
            failures=tuple(failures),
        )
        assert record(self._db, self._uid, self._epoch, report, now=datetime.now(UTC))
