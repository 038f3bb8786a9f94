"""States of hosts: held in maintenance, emptied before they go."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from controller.domain.errors import ConflictError
from controller.domain.host_intent import HostIntent
from controller.domain.intent import (
    Kind,
    Lifecycle,
    Manifest,
)
from controller.domain.status import Phase
from controller.services import changes, desired, queries, status
from controller.services.status import HostReport, Outcome, SessionStart
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Agent:
    """Reports every revision that a host is sent as applied."""

    def __init__(self, db: Database, number: int) -> None:
        self.db = db
        self.uid: UUID = queries.get(db, ADMIN, Kind.HOST, "default", f"h{number}").object.uid
        self.epoch = status.open_session(db, self.uid, SessionStart("n", "1"), now=NOW)
        self.confirmed = 0

    @property
    def sent(self) -> int:
        return self.intent.revision

    @property
    def intent(self) -> HostIntent:
        return desired.load_host_intent(self.db, self.uid, confirmed=self.confirmed)

    def apply(self, outcome: Outcome = Outcome.APPLIED) -> None:
        revision = self.confirmed = self.sent
        report = HostReport(changes.head(self.db), revision, b"%d" % revision, outcome)
        assert status.record(self.db, self.uid, self.epoch, report, now=NOW)


def condition(db: Database, kind: Kind, name: str) -> tuple[Phase, str, str]:
    found = queries.get(db, ADMIN, kind, "default", name).status
    realized = found.conditions[-1]
    return found.phase, realized.reason, realized.message


def test_a_host_in_maintenance_is_held_until_it_is_active_again(db: Database) -> None:
    apply(db, host(1), host(2), segment("red"), port("p1", "h1", segment="red"))
    h1 = Agent(db, 1)
    h1.apply()
    before = changes.head(db)
    apply(db, host(1, state=Lifecycle.MAINTENANCE))
    apply(db, port("p2", "h1", segment="red"), port("p3", "h2", segment="red"))
    apply(db, host(1, state=Lifecycle.MAINTENANCE, underlay_mtu=1400))
    assert h1.sent == before
    h1.apply()
    assert h1.sent == before
    for kind, name in ((Kind.HOST, "h1"), (Kind.PORT, "p2"), (Kind.SEGMENT, "red")):
        phase, reason, message = condition(db, kind, name)
        assert (phase, reason) == (Phase.PENDING, "Maintenance")
        assert "set its state to active" in message
    assert condition(db, Kind.PORT, "p1")[0] is Phase.READY
    assert h1.uid in changes.dirty_hosts(db, changes.head(db), apply(db, host(1)).revision)
    assert h1.sent == changes.head(db)
    h1.apply()
    assert condition(db, Kind.PORT, "p2")[0] is Phase.READY


def test_a_host_that_is_born_in_maintenance_is_sent_what_it_was_born_with(db: Database) -> None:
    born = apply(db, host(1, state=Lifecycle.MAINTENANCE)).revision
    apply(db, segment("red"), port("p1", "h1", segment="red"))
    assert Agent(db, 1).sent == born


def test_a_revert_outlives_maintenance_and_ends_with_it(db: Database) -> None:
    apply(db, host(1), segment("red"))
    h1 = Agent(db, 1)
    h1.apply()
    good = h1.confirmed
    apply(db, port("p1", "h1", segment="red"))
    report = HostReport(changes.head(db), good, b"%d" % good, Outcome.REVERTED)
    assert status.record(db, h1.uid, h1.epoch, report, now=NOW)
    apply(db, host(1, state=Lifecycle.MAINTENANCE))
    apply(db, port("p2", "h1", segment="red"))
    assert h1.sent == good
    apply(db, host(1))
    assert h1.sent == changes.head(db)


def test_a_host_that_is_decommissioned_is_emptied_and_its_peers_drop_its_tunnels(
    db: Database,
) -> None:
    apply(db, host(1), host(2), segment("red"), bridge("b1", "h1"))
    apply(db, port("p1", "h1", segment="red"), port("p2", "h2", segment="red"))
    h1, h2 = Agent(db, 1), Agent(db, 2)
    apply(db, host(1, state=Lifecycle.DECOMMISSIONING))
    h1.apply()
    h2.apply()
    with pytest.raises(ConflictError) as refused:
        apply(db, port("p3", "h1", segment="red"), bridge("b2", "h1"))
    assert [each.code for each in refused.value.violations] == ["host_decommissioning"] * 2
    apply(db, port("p1", "h1", segment="red", mtu=1400))
    h1.apply()
    phase, reason, message = condition(db, Kind.HOST, "h1")
    assert (phase, reason) == (Phase.PENDING, "Decommissioning")
    assert "1 Bridge, 1 Port" in message
    remove(db, port("p1", "h1"), bridge("b1", "h1"))
    assert (uid_of(db, segment("red")), h1.uid) in h2.intent.departed.members
    h1.apply()
    assert condition(db, Kind.HOST, "h1")[:2] == (Phase.READY, "Decommissioned")
    remove(db, host(1))


def uid_of(db: Database, manifest: Manifest) -> UUID:
    ref = manifest.ref
    return queries.get(db, ADMIN, ref.kind, ref.project, ref.name).object.uid
