"""A fleet in the database, and agents of its hosts that say what they have applied."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from controller.domain.host_intent import HostIntent
from controller.domain.intent import Kind, Manifest
from controller.services import changes, desired, queries, status
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, remove

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class StoredFleet:
    def __init__(self, db: Database, *manifests: Manifest) -> None:
        self.db = db
        made = apply(db, *manifests)
        self.uid = {r.ref.name: r.uid for r in made.results if r.uid is not None}

    def dirty_after(self, *manifests: Manifest, gone: tuple[Manifest, ...] = ()) -> set[str]:
        """Change something, and say which hosts that makes dirty."""
        before = changes.head(self.db)
        if manifests:
            apply(self.db, *manifests)
        if gone:
            remove(self.db, *gone)
        found = changes.dirty_hosts(self.db, before, changes.head(self.db))
        return {name for name, uid in self.uid.items() if uid in found}


class ReportingFleet(StoredFleet):
    """Each of its hosts has a session."""

    def __init__(self, db: Database, *manifests: Manifest) -> None:
        super().__init__(db, *manifests)
        self.epoch = {
            m.ref.name: status.open_session(
                db, self.uid[m.ref.name], SessionStart("n", "1"), now=NOW
            )
            for m in manifests
            if m.ref.kind is Kind.HOST
        }

    def confirm(self, *names: str, failure: ReportedFailure | None = None) -> None:
        """Report the head as applied."""
        head = changes.head(self.db)
        failures = (failure,) if failure else ()
        for name in names:
            report = HostReport(head, head, b"%d" % head, Outcome.APPLIED, failures)
            assert status.record(self.db, self.uid[name], self.epoch[name], report, now=NOW)


class FollowingAgent:
    """Of host ``h<number>``: ``apply`` reports what the host is sent as applied, and no more."""

    def __init__(self, db: Database, number: int) -> None:
        self.db = db
        self.uid: UUID = queries.get(db, ADMIN, Kind.HOST, "default", f"h{number}").object.uid
        self.epoch = status.open_session(db, self.uid, SessionStart("n", "1"), now=NOW)
        self.confirmed = 0

    @property
    def intent(self) -> HostIntent:
        return desired.load_host_intent(self.db, self.uid, confirmed=self.confirmed)

    @property
    def sent(self) -> int:
        return self.intent.revision

    def apply(self, outcome: Outcome = Outcome.APPLIED) -> None:
        revision = self.confirmed = self.sent
        report = HostReport(changes.head(self.db), revision, b"%d" % revision, outcome)
        assert status.record(self.db, self.uid, self.epoch, report, now=NOW)
