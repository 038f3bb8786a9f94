"""The schema: from nothing, back to nothing, and equal to what the code says."""

from __future__ import annotations

import threading
from dataclasses import replace

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text

from controller.domain.errors import ConflictError, UnavailableError
from controller.domain.intent import (
    Backend,
    BridgeSpec,
    BridgeType,
    DatapathType,
    HostSpec,
    Kind,
    Lifecycle,
    PortSpec,
    PortType,
    SegmentSpec,
)
from controller.domain.safety import DriftPolicy
from controller.domain.settings import PortSettings
from controller.domain.vtep_steps import VtepStep
from controller.services import changes, queries, status, vteps
from controller.services.grants import Wanted
from controller.store import migrate
from controller.store.constraints import MESSAGES
from controller.store.engine import Database
from controller.store.status import write_off
from controller.store.tables import Base
from tests.support import manifests
from tests.support.grants import adopt, release, withdraw
from tests.support.stored_fleet import NOW
from tests.support.watchers import group, mirror, policy

pytestmark = pytest.mark.integration


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows} - {"alembic_version"}


def test_an_empty_database_is_brought_to_the_newest_schema(empty_database_url: str) -> None:
    assert migrate.current(empty_database_url) is None
    assert not migrate.is_current(empty_database_url)
    migrate.upgrade(empty_database_url)
    assert migrate.is_current(empty_database_url)
    assert tables(empty_database_url) == set(Base.metadata.tables)


def test_the_migrated_schema_is_what_the_tables_say(database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_server_default": True, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_check_constraints_are_what_the_tables_say(database_url: str) -> None:
    """Alembic does not compare them."""
    declared = {
        constraint.name
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
        )
        assert {name for (name,) in rows} == declared


def test_every_constraint_that_has_a_message_exists(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes"
        )
        assert {name for (name,) in rows} >= MESSAGES.keys()


def test_a_broken_constraint_is_a_conflict_that_a_caller_can_mend(db: Database) -> None:
    insert = text(
        "INSERT INTO segment (uid, valid_from, project, name, labels, created_at, updated_at,"
        " vni, dst_port, address_family, backend, settings, drift_policy)"
        " VALUES (gen_random_uuid(), 1,"
        " 'default', :name, '{}', now(), now(), :vni, 4789, 'ipv4', 'ovs', '{}', 'enforce')"
    )
    with db.transaction() as tx:
        tx.execute(insert, {"name": "red", "vni": 7})
    with pytest.raises(ConflictError, match="this VNI"), db.transaction() as tx:
        tx.execute(insert, {"name": "blue", "vni": 7})
    with pytest.raises(ConflictError, match="this name"), db.transaction() as tx:
        tx.execute(insert, {"name": "red", "vni": 8})


def test_down_and_up_again_leaves_a_working_database(database_url: str) -> None:
    migrate.downgrade(database_url, "base")
    assert tables(database_url) == set()
    assert migrate.current(database_url) is None
    migrate.upgrade(database_url)
    db = Database(database_url)
    fleet = queries.fleet(db)
    db.close()
    assert (fleet.epoch, fleet.revision) == (1, 0)


BEFORE_TUNNELS = """
INSERT INTO host (uid, valid_from, project, name, labels, created_at, updated_at, vteps, vtep_ipv4,
    underlay_mtu, datapath_type, overlay_bridge)
SELECT uid, 1, 'default', 'h1', '{}', now(), now(), '{192.0.2.1}', '192.0.2.1', 1500, 'netdev',
    'br-fleet' FROM uids;
INSERT INTO segment (uid, valid_from, project, name, labels, created_at, updated_at, vni, dst_port,
    address_family, backend)
SELECT uid, 1, 'default', 'red', '{}', now(), now(), 10000, 4790, 'ipv4', 'ovs' FROM uids;
INSERT INTO port (uid, valid_from, project, name, labels, created_at, updated_at, host, host_uid,
    interface, type, segment, segment_uid, addresses)
SELECT uid, 1, 'default', 'p1', '{}', now(), now(), 'h1', uid, 'p1', 'internal', 'red', uid, '{}'
    FROM uids;
INSERT INTO host_segment (host_uid, segment_uid, bridge, local_vlan)
SELECT uid, uid, 'br-fleet', 1 FROM uids;
INSERT INTO vni_allocation (vni, segment_uid) SELECT 10000, uid FROM uids;
UPDATE fleet SET revision = 1;
"""


def test_intent_from_before_tunnels_and_backends_keeps_its_meaning(database_url: str) -> None:
    migrate.downgrade(database_url, "0002")
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE uids AS SELECT gen_random_uuid() AS uid")
        connection.execute(BEFORE_TUNNELS)
    migrate.upgrade(database_url)
    db = Database(database_url)
    wanted = (
        manifests.host(1),
        manifests.segment("red", vni=10_000),
        manifests.port("p1", "h1", segment="red"),
    )
    stored = {
        m.ref: queries.get(db, manifests.ADMIN, m.ref.kind, m.ref.project, m.ref.name)
        for m in wanted
    }
    # The same files, applied again, change nothing: not the UDP port, not the backend, no MAC.
    assert manifests.apply(db, *wanted).revision == 1
    host, red, p1 = (stored[m.ref].object.spec for m in wanted)
    assert host == HostSpec(("192.0.2.1",), datapath_type=DatapathType.NETDEV)
    assert red == SegmentSpec(10_000, dst_port=4790, backend=Backend.OVS)
    assert p1 == PortSpec("h1", "p1", segment="red")
    db.close()


def test_an_older_version_is_not_left_with_intent_that_it_cannot_read(database_url: str) -> None:
    db = Database(database_url)
    lan = manifests.bridge("lan", "h1")
    tunnel = manifests.tunnel("t1", "h1/lan", "203.0.113.9")
    manifests.apply(db, manifests.host(1), lan, tunnel)
    with pytest.raises(RuntimeError, match="Tunnel t1"):
        migrate.downgrade(database_url, "0002")
    assert migrate.is_current(database_url)
    manifests.remove(db, tunnel)
    db.close()
    migrate.downgrade(database_url, "0002")
    migrate.upgrade(database_url)
    db = Database(database_url)
    assert [entry.name for entry in changes.since(db, 0)] == ["h1", "lan"]
    db.close()


def test_settings_that_an_older_version_cannot_read_keep_it_away(database_url: str) -> None:
    db = Database(database_url)
    lan = manifests.bridge("lan", "h1")
    ports = [
        manifests.port("p1", "h1", bridge="lan", settings=PortSettings(transient=True)),
        manifests.port("eth1", "h1", bridge="lan", type=PortType.SYSTEM),
    ]
    manifests.apply(db, manifests.host(1), lan, *ports)
    with pytest.raises(RuntimeError, match="Port eth1, Port p1"):
        migrate.downgrade(database_url, "0004")
    migrate.upgrade(database_url)
    manifests.remove(db, ports[1])
    manifests.apply(db, manifests.port("p1", "h1", bridge="lan"))
    db.close()
    migrate.downgrade(database_url, "0004")
    migrate.upgrade(database_url)
    db = Database(database_url)
    p1 = queries.get(db, manifests.ADMIN, Kind.PORT, "default", "p1").object
    assert p1.spec == PortSpec("h1", "p1", bridge="lan")
    db.close()


def test_ports_with_a_policy_keep_an_older_version_away(database_url: str) -> None:
    db = Database(database_url)
    tap = manifests.port("p1", "h1", bridge="lan", type=PortType.TAP)
    shaped = manifests.port("p1", "h1", bridge="lan", type=PortType.TAP, qos_policy="slow")
    manifests.apply(db, manifests.host(1), manifests.bridge("lan", "h1"), policy("slow"), shaped)
    with pytest.raises(RuntimeError, match="Port p1"):
        migrate.downgrade(database_url, "0008")
    assert migrate.is_current(database_url)
    manifests.apply(db, tap)
    db.close()
    migrate.downgrade(database_url, "0008")
    migrate.upgrade(database_url)
    db = Database(database_url)
    p1 = queries.get(db, manifests.ADMIN, Kind.PORT, "default", "p1").object
    assert p1.spec == tap.spec
    db.close()


def test_linux_bridges_that_an_older_version_cannot_read_keep_it_away(database_url: str) -> None:
    db = Database(database_url)
    lan = manifests.bridge("lan", "h1", type=BridgeType.LINUX)
    nic = manifests.port("eth1", "h1", bridge="lan", type=PortType.SYSTEM)
    manifests.apply(db, manifests.host(1), manifests.bridge("old", "h1"), lan, nic)
    with pytest.raises(RuntimeError, match="Bridge lan"):
        migrate.downgrade(database_url, "0011")
    migrate.upgrade(database_url)
    manifests.remove(db, lan, nic)
    db.close()
    migrate.downgrade(database_url, "0011")
    migrate.upgrade(database_url)
    db = Database(database_url)
    old = queries.get(db, manifests.ADMIN, Kind.BRIDGE, "default", "old").object
    assert old.spec == BridgeSpec("h1", "old", type=BridgeType.OVS)
    db.close()


def test_bridges_of_groups_keep_an_older_version_away(database_url: str) -> None:
    db = Database(database_url)
    spec = BridgeSpec(None, "lan", host_group="edge")
    spread = replace(manifests.bridge("lan", "h1"), spec=spec)
    manifests.apply(db, manifests.host(1), manifests.bridge("old", "h1"))
    manifests.apply(db, group("edge", "role=edge"), spread)
    with pytest.raises(RuntimeError, match="Bridges of a HostGroup: delete these first: lan"):
        migrate.downgrade(database_url, "0014")
    migrate.upgrade(database_url)
    manifests.remove(db, spread)
    db.close()
    migrate.downgrade(database_url, "0014")
    migrate.upgrade(database_url)
    db = Database(database_url)
    old = queries.get(db, manifests.ADMIN, Kind.BRIDGE, "default", "old").object
    assert old.spec == BridgeSpec("h1", "old")
    db.close()


def test_drift_policies_keep_an_older_version_away(database_url: str) -> None:
    db = Database(database_url)
    manifests.apply(db, manifests.host(1, confirm_timeout_s=90), manifests.bridge("lan", "h1"))
    manifests.apply(
        db,
        mirror(
            "copies",
            "h1",
            bridge="lan",
            select_all=True,
            output_vlan=9,
            drift_policy=DriftPolicy.IGNORE,
        ),
    )
    with pytest.raises(RuntimeError, match="fields off first: host h1, mirror copies"):
        migrate.downgrade(database_url, "0017")
    manifests.apply(
        db, manifests.host(1), mirror("copies", "h1", bridge="lan", select_all=True, output_vlan=9)
    )
    db.close()
    migrate.downgrade(database_url, "0017")
    migrate.upgrade(database_url)
    db = Database(database_url)
    stored = queries.get(db, manifests.ADMIN, Kind.HOST, "default", "h1").object
    assert stored.spec == manifests.host(1).spec
    db.close()


def test_a_removed_host_keeps_an_older_version_away(database_url: str) -> None:
    db = Database(database_url)
    made = manifests.apply(db, manifests.host(1, state=Lifecycle.REMOVED))
    (uid,) = (each.uid for each in made.results if each.uid is not None)
    with pytest.raises(RuntimeError, match="delete these hosts, or set them active: h1"):
        migrate.downgrade(database_url, "0019")
    migrate.upgrade(database_url)
    manifests.apply(db, manifests.host(1))
    status.open_session(db, uid, status.SessionStart("n", "1"), now=NOW)
    with db.transaction() as tx:
        write_off(tx, uid, NOW)
    db.close()
    # Of one that came back, the older version can read what it was, and waits for nobody.
    migrate.downgrade(database_url, "0019")
    with psycopg.connect(database_url) as connection:
        states = connection.execute("SELECT state FROM host ORDER BY valid_from").fetchall()
        assert states == [("decommissioning",), ("active",)]
        assert connection.execute("SELECT FROM host_status").fetchall() == []
    migrate.upgrade(database_url)


def test_every_database_is_a_fleet_of_its_own(database_url: str, empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    uids = set()
    for url in (database_url, empty_database_url):
        db = Database(url)
        uids.add(queries.fleet(db).uid)
        db.close()
    # Both may be copies of one template only if a template was migrated, and this one was not.
    assert len(uids) == 2


def test_two_that_migrate_at_once_wait_for_each_other(empty_database_url: str) -> None:
    failures: list[Exception] = []

    def run() -> None:
        try:
            migrate.upgrade(empty_database_url)
        except Exception as error:  # noqa: BLE001 (it is what the test looks at)
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert migrate.is_current(empty_database_url)


def test_a_database_that_was_not_migrated_says_so(empty_database_url: str) -> None:
    db = Database(empty_database_url)
    with pytest.raises(UnavailableError, match="not migrated"):
        queries.fleet(db)
    db.close()


def test_a_database_that_is_away_is_unavailable(database_url: str) -> None:
    away = database_url.replace("/test_", "/missing_")
    with pytest.raises(UnavailableError):
        migrate.is_current(away)
    db = Database(away)
    with pytest.raises(UnavailableError):
        queries.fleet(db)
    db.close()


def test_a_host_whose_vtep_changes_keeps_an_older_version_away(database_url: str) -> None:
    db = Database(database_url)
    ports = [manifests.port(f"p{n}", f"h{n}", segment="red") for n in (1, 2)]
    hosts = [manifests.host(n) for n in (1, 2)]
    manifests.apply(db, *hosts, manifests.segment("red"), *ports)
    manifests.apply(db, manifests.host(1, vteps=("198.51.100.1",)))
    for step in VtepStep:
        with pytest.raises(RuntimeError, match="h1"):
            migrate.downgrade(database_url, "0015" if step is VtepStep.BOTH else "0016")
        migrate.upgrade(database_url)
        assert vteps.settle(db) == ("h1",)
    db.close()
    migrate.downgrade(database_url, "0015")
    migrate.upgrade(database_url)


def test_what_a_host_has_not_done_of_its_grants_keeps_an_older_version_away(
    database_url: str,
) -> None:
    db = Database(database_url)
    made = manifests.apply(db, manifests.host(1), manifests.bridge("b1", "h1"))
    uids = {each.ref.name: each.uid for each in made.results if each.uid is not None}
    adopt(db, "h1", Wanted(resource="overlay"))
    with pytest.raises(RuntimeError, match=r"--withdraw --only RESOURCE'\): h1"):
        migrate.downgrade(database_url, "0018")
    migrate.upgrade(database_url)
    withdraw(db, "h1")
    # What was forced never ends while its object is as it was: it is lost, and that is said.
    epoch = status.open_session(db, uids["h1"], status.SessionStart("n", "1"), now=NOW)
    held = status.ReportedFailure(f"bridge:{uids['b1']}", "conflict", "NoWayBack", "it waits")
    report = status.HostReport(1, 1, b"1", status.Outcome.APPLIED, (held,))
    assert status.record(db, uids["h1"], epoch, report, now=NOW)
    release(db, "h1", force=True)
    db.close()
    with pytest.warns(UserWarning, match="what was forced on these hosts.*: h1"):
        migrate.downgrade(database_url, "0018")
    migrate.upgrade(database_url)
