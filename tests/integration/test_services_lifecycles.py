"""States of hosts: held in maintenance, emptied before they go."""

from __future__ import annotations

from uuid import UUID

import pytest

from controller.domain.errors import ConflictError
from controller.domain.intent import (
    Kind,
    Lifecycle,
    Manifest,
)
from controller.domain.status import Phase
from controller.services import changes, queries, status
from controller.services.status import HostReport, Outcome
from controller.store.engine import Database
from tests.support.grants import release
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment
from tests.support.stored_fleet import NOW, FollowingAgent

pytestmark = pytest.mark.integration


def condition(db: Database, kind: Kind, name: str) -> tuple[Phase, str, str]:
    found = queries.get(db, ADMIN, kind, "default", name).status
    realized = found.conditions[-1]
    return found.phase, realized.reason, realized.message


def test_a_host_in_maintenance_is_held_until_it_is_active_again(db: Database) -> None:
    apply(db, host(1), host(2), segment("red"), port("p1", "h1", segment="red"))
    h1 = FollowingAgent(db, 1)
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
    assert FollowingAgent(db, 1).sent == born


def test_a_revert_outlives_maintenance_and_ends_when_it_is_released(db: Database) -> None:
    apply(db, host(1), segment("red"))
    h1 = FollowingAgent(db, 1)
    h1.apply()
    good = h1.confirmed
    apply(db, port("p1", "h1", segment="red"))
    report = HostReport(changes.head(db), good, b"%d" % good, Outcome.REVERTED)
    assert status.record(db, h1.uid, h1.epoch, report, now=NOW)
    apply(db, host(1, state=Lifecycle.MAINTENANCE))
    apply(db, port("p2", "h1", segment="red"))
    assert h1.sent == good
    apply(db, host(1))
    assert h1.sent == good
    release(db, "h1")
    assert h1.sent == changes.head(db)


def test_a_host_that_is_decommissioned_is_emptied_and_its_peers_drop_its_tunnels(
    db: Database,
) -> None:
    apply(db, host(1), host(2), segment("red"), bridge("b1", "h1"))
    apply(db, port("p1", "h1", segment="red"), port("p2", "h2", segment="red"))
    h1, h2 = FollowingAgent(db, 1), FollowingAgent(db, 2)
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
    h2.apply()
    assert condition(db, Kind.HOST, "h1")[:2] == (Phase.READY, "Decommissioned")
    remove(db, host(1))


def uid_of(db: Database, manifest: Manifest) -> UUID:
    ref = manifest.ref
    return queries.get(db, ADMIN, ref.kind, ref.project, ref.name).object.uid
