"""Numbers and names have one meaning at a time on every host, and deletions reach every host."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from controller.domain.errors import ConflictError
from controller.domain.host_intent import Departed
from controller.domain.intent import Kind, Manifest, SegmentSpec
from controller.services import changes, desired, queries, status
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Host:
    """A host whose agent applies what it is told to have applied."""

    def __init__(self, db: Database, number: int) -> None:
        self.db = db
        self.manifest = host(number)
        (created,) = apply(db, self.manifest).results
        assert created.uid is not None
        self.uid = created.uid
        self.confirmed = 0
        self.epoch = status.open_session(db, self.uid, SessionStart("n", "1"), now=NOW)

    def confirm(self, *failures: ReportedFailure) -> None:
        self.confirmed = changes.head(self.db)
        applied_hash = b"%d" % self.confirmed
        report = HostReport(self.confirmed, self.confirmed, applied_hash, Outcome.APPLIED, failures)
        assert status.record(self.db, self.uid, self.epoch, report, now=NOW)

    @property
    def departed(self) -> Departed:
        return desired.load_host_intent(self.db, self.uid, confirmed=self.confirmed).departed


def uid_of(db: Database, manifest: Manifest) -> UUID:
    ref = manifest.ref
    return queries.get(db, ADMIN, ref.kind, ref.project, ref.name).object.uid


def vni_of(db: Database, name: str) -> int:
    spec = queries.get(db, ADMIN, Kind.SEGMENT, "default", name).object.spec
    assert isinstance(spec, SegmentSpec)
    assert spec.vni is not None
    return spec.vni


def local_vlans(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT local_vlan FROM host_segment ORDER BY local_vlan")
        return [vlan for (vlan,) in rows]


def test_a_vni_is_free_again_only_when_the_host_confirmed_the_removal(db: Database) -> None:
    h1 = Host(db, 1)
    apply(db, segment("red"), port("p1", "h1", segment="red"))
    h1.confirm()
    remove(db, segment("red"), port("p1", "h1"))
    with pytest.raises(ConflictError) as caught:
        apply(db, segment("blue", vni=10_000))
    assert caught.value.violations[0].code == "vni_taken"
    apply(db, segment("blue"))
    assert vni_of(db, "blue") == 10_001
    h1.confirm()
    apply(db, segment("green"))
    assert vni_of(db, "green") == 10_000


def test_a_vni_of_a_segment_that_no_host_was_on_is_free_at_once(db: Database) -> None:
    apply(db, segment("red"))
    remove(db, segment("red"))
    apply(db, segment("blue"))
    assert vni_of(db, "blue") == 10_000


def test_a_local_vlan_is_not_reused_before_the_host_confirmed(
    db: Database, database_url: str
) -> None:
    h1 = Host(db, 1)
    apply(db, segment("red"), segment("blue"), port("p1", "h1", segment="red"))
    h1.confirm()
    remove(db, port("p1", "h1"))
    apply(db, port("p2", "h1", segment="blue"))
    assert local_vlans(database_url) == [1, 2]
    h1.confirm()
    apply(db, segment("green"), port("p3", "h1", segment="green"))
    assert local_vlans(database_url) == [1, 2]
    intent = desired.load_host_intent(db, h1.uid)
    assert intent.local_vlans == {
        uid_of(db, segment("blue")): 2,
        uid_of(db, segment("green")): 1,
    }


def test_what_a_host_reports_as_left_over_stays_held(db: Database, database_url: str) -> None:
    h1 = Host(db, 1)
    apply(db, segment("red"), port("p1", "h1", segment="red"))
    h1.confirm()
    left = uid_of(db, port("p1", "h1"))
    remove(db, port("p1", "h1"), segment("red"))
    h1.confirm(ReportedFailure(f"port:{left}", "conflict", "DeviceEnslaved", "it cannot go"))
    apply(db, segment("blue"), bridge("br-x", "h1"))
    assert vni_of(db, "blue") == 10_001
    assert local_vlans(database_url) == [1]
    with pytest.raises(ConflictError) as caught:
        apply(db, port("p2", "h1", bridge="br-x", interface="p1"))
    assert caught.value.violations[0].code == "interface_held"
    h1.confirm()
    apply(db, port("p2", "h1", bridge="br-x", interface="p1"), segment("green"))
    assert vni_of(db, "green") == 10_000
    assert local_vlans(database_url) == []


def test_a_segment_that_comes_back_before_the_confirmation_keeps_its_vlan(
    db: Database, database_url: str
) -> None:
    h1 = Host(db, 1)
    wanted = (segment("red"), segment("blue"), port("p1", "h1", segment="blue"))
    apply(db, *wanted, port("p2", "h1", segment="red"))
    h1.confirm()
    remove(db, port("p2", "h1"))
    before = desired.load_host_intent(db, h1.uid)
    apply(db, port("p4", "h1", segment="red"))
    after = desired.load_host_intent(db, h1.uid)
    assert len(before.local_vlans) == 1
    assert sorted(after.local_vlans.values()) == local_vlans(database_url) == [1, 2]


def test_a_segment_that_comes_back_to_another_overlay_bridge_is_given_a_vlan_there(
    db: Database,
) -> None:
    h1 = Host(db, 1)
    apply(db, segment("red"), segment("blue"), port("p1", "h1", segment="red"))
    h1.confirm()
    remove(db, port("p1", "h1"))
    apply(db, host(1, overlay_bridge="br-two"))
    for name, on in (("p2", "blue"), ("p3", "red")):
        apply(db, port(name, "h1", segment=on))
    assert sorted(desired.load_host_intent(db, h1.uid).local_vlans.values()) == [1, 2]


def test_a_deleted_host_holds_nothing(db: Database, database_url: str) -> None:
    h1 = Host(db, 1)
    apply(db, segment("red"), port("p1", "h1", segment="red"))
    h1.confirm()
    remove(db, port("p1", "h1"), segment("red"), h1.manifest)
    apply(db, segment("blue"))
    assert vni_of(db, "blue") == 10_000
    assert local_vlans(database_url) == []


def test_a_device_name_is_not_reused_before_the_host_confirmed(db: Database) -> None:
    h1 = Host(db, 1)
    apply(db, segment("red"), port("p1", "h1", segment="red"), bridge("br-x", "h1"))
    h1.confirm()
    apply(db, port("p1", "h1", segment="red", mtu=1300))
    remove(db, port("p1", "h1"), bridge("br-x", "h1"))
    for reused in (
        port("p2", "h1", segment="red", interface="p1"),
        bridge("br-y", "h1", interface="p1"),
        bridge("br-y", "h1", interface="br-x"),
    ):
        with pytest.raises(ConflictError) as caught:
            apply(db, reused)
        assert caught.value.violations[0].code == "interface_held"
    h1.confirm()
    apply(db, port("p2", "h1", segment="red", interface="p1"))


def test_what_was_deleted_is_named_until_the_host_confirmed(db: Database) -> None:
    h1, h2 = Host(db, 1), Host(db, 2)
    red, p1, p2, x = (
        segment("red"),
        port("p1", "h1", segment="red"),
        port("p2", "h2", segment="red"),
        bridge("br-x", "h1"),
    )
    apply(db, red, p1, p2, x)
    red_uid, p1_uid, p2_uid, x_uid = (uid_of(db, m) for m in (red, p1, p2, x))
    h1.confirm()
    h2.confirm()
    assert h1.departed == Departed()
    remove(db, p1, x)
    assert h1.departed.ports == {p1_uid}
    assert h1.departed.bridges == {x_uid}
    assert h1.departed.segments == {red_uid}
    assert h2.departed.members == {(red_uid, h1.uid)}
    assert h2.departed.ports == frozenset()
    h1.confirm()
    h2.confirm()
    assert h1.departed == h2.departed == Departed()
    remove(db, p2)
    assert h2.departed.ports == {p2_uid}
    assert h1.departed == Departed()


def test_what_came_and_went_between_two_confirmations_is_named(db: Database) -> None:
    h1, h2 = Host(db, 1), Host(db, 2)
    red = segment("red")
    apply(db, red, port("p2", "h2", segment="red"))
    h1.confirm()
    h2.confirm()
    apply(db, port("p1", "h1", segment="red"))
    p1, red_uid = uid_of(db, port("p1", "h1")), uid_of(db, red)
    remove(db, port("p1", "h1"))
    assert h1.departed.ports == {p1}
    assert h1.departed.segments == {red_uid}
    assert h2.departed.members == {(red_uid, h1.uid)}


def test_a_batch_is_the_same_as_its_hosts_one_by_one(db: Database) -> None:
    hosts = [Host(db, number) for number in range(1, 5)]
    apply(db, segment("red"), segment("blue"))
    apply(db, *(port(f"r{n}", f"h{n}", segment="red") for n in range(1, 5)))
    apply(db, *(port(f"b{n}", f"h{n}", segment="blue") for n in range(1, 3)))
    hosts[0].confirm()
    remove(db, port("b2", "h2"), port("r4", "h4"))
    confirmed = {h.uid: h.confirmed for h in hosts}
    batch = desired.load_host_intents(db, [h.uid for h in hosts], confirmed=confirmed)
    for h in hosts:
        alone = desired.load_host_intent(db, h.uid, confirmed=h.confirmed)
        together = batch[h.uid]
        assert alone.departed == together.departed
        assert alone.local_vlans == together.local_vlans
        assert {p.uid for p in alone.ports} == {p.uid for p in together.ports}
        assert {s.segment.uid: {m.uid for m in s.members} for s in alone.segments} == {
            s.segment.uid: {m.uid for m in s.members} for s in together.segments
        }
    red = {id(s) for i in batch.values() for s in i.segments if s.segment.name == "red"}
    assert len(red) == 1, "hosts share what they have in common"


def test_only_hosts_that_a_change_concerns_are_dirty(db: Database) -> None:
    h1, h2, h3, h4 = (Host(db, number) for number in range(1, 5))
    apply(db, segment("red"), port("p1", "h1", segment="red"), port("p2", "h2", segment="red"))

    def dirty(*manifests: Manifest, removed: tuple[Manifest, ...] = ()) -> frozenset[UUID]:
        before = changes.head(db)
        if manifests:
            apply(db, *manifests)
        if removed:
            remove(db, *removed)
        return changes.dirty_hosts(db, before, changes.head(db))

    assert dirty(bridge("br-x", "h4")) == {h4.uid}
    assert dirty(port("p1b", "h1", segment="red")) == {h1.uid}
    assert dirty(port("p3", "h3", segment="red")) == {h1.uid, h2.uid, h3.uid}
    assert dirty(segment("red", mtu=1300)) == {h1.uid, h2.uid, h3.uid}
    assert dirty(host(2, vteps=("192.0.2.22",))) == {h1.uid, h2.uid, h3.uid}
    assert dirty(segment("blue")) == frozenset()
    assert dirty(removed=(port("p3", "h3"),)) == {h1.uid, h2.uid, h3.uid}
    assert dirty(removed=(port("p1b", "h1"),)) == {h1.uid}
    assert dirty(removed=(bridge("br-x", "h4"), host(4))) == {h4.uid}
    assert dirty(port("p1", "h1", segment="blue")) == {h1.uid, h2.uid}
