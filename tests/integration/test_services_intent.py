"""Changes of intent on a real PostgreSQL: atomic, ordered, numbered, and readable as slices."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from controller.auth import Principal, Role
from controller.domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
)
from controller.domain.intent import (
    AddressFamily,
    Backend,
    BridgeType,
    Kind,
    Manifest,
    Mode,
    PortType,
    Ref,
    SegmentSpec,
    TunnelEnd,
    TunnelSpec,
    VethPeerSpec,
)
from controller.services import changes, desired, queries
from controller.services.changes import LogEntry
from controller.services.intent import Action, Change, ChangeResult, commit
from controller.store.engine import Database
from tests.support.manifests import (
    ADMIN,
    apply,
    bridge,
    host,
    port,
    removal,
    remove,
    segment,
    tunnel,
)

pytestmark = pytest.mark.integration


def uids(result: ChangeResult) -> dict[str, UUID]:
    return {r.ref.name: r.uid for r in result.results if r.uid is not None}


def test_what_was_committed_is_what_the_host_is_compiled_from(db: Database) -> None:
    result = apply(
        db,
        host(1, vteps=("2001:db8::1", "192.0.2.1")),
        host(2),
        segment("red", mtu=1400),
        port("p1", "h1", segment="red", addresses=("10.0.0.1/24",), mac="02:00:00:00:00:01"),
        port("p2", "h2", segment="red"),
        bridge("br-x", "h1"),
        port("x1", "h1", bridge="br-x", tag=7),
    )
    assert result.revision == 1
    assert {entry.action for entry in result.results} == {Action.CREATED}
    uid = uids(result)

    intent = desired.load_host_intent(db, uid["h1"])

    assert intent.revision == 1
    assert intent.host.name == "h1"
    assert {p.name for p in intent.ports} == {"p1", "x1"}
    assert {b.name for b in intent.bridges} == {"br-x"}
    (red,) = intent.segments
    assert isinstance(red.segment.spec, SegmentSpec)
    assert red.segment.spec.vni == 10_000
    assert {m.name for m in red.members} == {"h1", "h2"}
    assert intent.local_vlans == {uid["red"]: 1}


def test_specs_come_back_exactly_as_they_were_asked_for(db: Database) -> None:
    asked = (
        host(1, vteps=("2001:db8::1", "192.0.2.1")),
        host(2, overlay_bridge_type=BridgeType.LINUX),
        segment("red", vni=77, mtu=1400, backend=Backend.OVS, dst_port=4790),
        segment("blue", vni=78, backend=Backend.KERNEL, dst_port=8473),
        port(
            "p1",
            "h1",
            segment="red",
            type=PortType.VETH,
            mac="02:00:00:00:00:01",
            mtu=1300,
            addresses=("10.0.0.1/32", "2001:db8:1::5/64"),
            peer=VethPeerSpec("ns1", "eth0"),
        ),
        host(3),
        bridge("br-1", "h1"),
        bridge("br-3", "h3"),
        Manifest(
            Ref(Kind.TUNNEL, "default", "t1"),
            TunnelSpec(
                ends=(
                    TunnelEnd("h1", "br-1", "198.51.100.1", 7),
                    TunnelEnd("h3", "br-3", None, 8),
                ),
                key=79,
                dst_port=4791,
                ttl="inherit",
                tos=12,
                csum=False,
                df_default=True,
            ),
        ),
        tunnel("t2", "h1/br-1", "2001:db8:9::1", key=80, address_family=AddressFamily.IPV6, ttl=64),
    )
    apply(db, *asked)
    for manifest in asked:
        found = queries.get(db, ADMIN, manifest.ref.kind, "default", manifest.ref.name)
        assert found.object.spec == manifest.spec


def test_applying_the_same_twice_takes_no_revision(db: Database) -> None:
    wanted = (host(1), segment("red"), port("p1", "h1", segment="red"))
    first = apply(db, *wanted)
    second = apply(db, *wanted)
    assert second.revision == first.revision == changes.head(db)
    assert {r.action for r in second.results} == {Action.UNCHANGED}
    assert [r.revision for r in second.results] == [1, 1, 1]


def test_a_dry_run_answers_the_same_and_writes_nothing(db: Database, database_url: str) -> None:
    before = dump(database_url)
    change = Change((host(1), segment("red"), port("p1", "h1", segment="red")))
    result = commit(db, ADMIN, change, request_id="r", dry_run=True)
    assert result.revision == 1
    assert [r.action for r in result.results] == [Action.CREATED] * 3
    assert dump(database_url) == before


def test_one_bad_object_keeps_all_others_from_being_written(
    db: Database, database_url: str
) -> None:
    before = dump(database_url)
    with pytest.raises(InvalidError) as caught:
        apply(db, host(1), segment("red"), port("p1", "h1", segment="blue"), port("p2", "h9"))
    assert {v.code for v in caught.value.violations} >= {"unknown_segment", "unknown_host"}
    assert dump(database_url) == before


def test_a_stale_revision_is_refused(db: Database) -> None:
    apply(db, host(1))
    apply(db, host(1, underlay_mtu=9000))
    stale = replace(host(1), mode=Mode.REPLACE, expected_revision=1)
    with pytest.raises(StaleError):
        apply(db, stale)
    with pytest.raises(StaleError):
        apply(db, removals=(removal(host(1), expected_revision=1),))
    fresh = apply(db, replace(stale, expected_revision=2))
    assert fresh.revision == 3


def test_an_update_keeps_the_uid_and_closes_the_old_version(
    db: Database, database_url: str
) -> None:
    created = apply(db, host(1))
    updated = apply(db, host(1, underlay_mtu=9000))
    assert uids(updated) == uids(created)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT valid_from, valid_to, underlay_mtu FROM host ORDER BY valid_from"
        ).fetchall()
    assert rows == [(1, 2, 1500), (2, None, 9000)]


def test_what_is_still_in_use_cannot_be_deleted_alone(db: Database) -> None:
    wanted = (host(1), segment("red"), port("p1", "h1", segment="red"))
    apply(db, *wanted)
    with pytest.raises(ConflictError) as caught:
        remove(db, wanted[0], wanted[1])
    assert "p1" in caught.value.violations[0].detail
    result = remove(db, *wanted)
    assert {r.action for r in result.results} == {Action.DELETED}
    with pytest.raises(NotFoundError):
        queries.get(db, ADMIN, Kind.SEGMENT, "default", "red")


def test_removing_what_is_missing_is_unchanged_when_allowed(db: Database) -> None:
    result = apply(db, removals=(removal(segment("red"), missing_ok=True),))
    assert [(r.action, r.uid) for r in result.results] == [(Action.UNCHANGED, None)]
    assert result.revision == 0
    with pytest.raises(NotFoundError):
        remove(db, segment("red"))


@pytest.mark.parametrize("name", ["nul\x00", "\ud800", "ümlaut", "a" * 64, "Big", "a b"])
def test_a_name_that_cannot_be_stored_is_a_violation(db: Database, name: str) -> None:
    with pytest.raises(DomainError):
        apply(db, segment(name))
    with pytest.raises(DomainError):
        apply(db, host(1), segment("red"), port("p1", "h1", segment="red", mac=name))
    with pytest.raises(NotFoundError):
        queries.get(db, ADMIN, Kind.SEGMENT, "default", name)


def test_a_principal_changes_only_its_own_projects(db: Database) -> None:
    tenant = Principal("t", frozenset({Role.PROJECT_ADMIN}), frozenset({"blue"}))
    viewer = Principal("v", frozenset({Role.VIEWER}))
    change = Change((segment("red"),))
    with pytest.raises(NotFoundError):
        commit(db, tenant, change, request_id="r")
    with pytest.raises(ForbiddenError):
        commit(db, tenant, Change((host(1),)), request_id="r")
    with pytest.raises(ForbiddenError):
        commit(db, viewer, change, request_id="r")


def test_a_clash_does_not_tell_what_other_projects_have(db: Database) -> None:
    with psycopg.connect(db.url, autocommit=True) as connection:
        connection.execute("INSERT INTO project (name) VALUES ('blue')")
    apply(db, host(1), segment("secret", vni=5), port("secret-port", "h1", segment="secret"))
    tenant = Principal("t", frozenset({Role.PROJECT_ADMIN}), frozenset({"blue"}))
    mine = segment("mine", "blue", vni=5)
    same_device = port("p", "h1", "blue", segment="mine", interface="secret-port")
    with pytest.raises(ConflictError) as refused:
        commit(db, tenant, Change((mine, same_device)), request_id="r")
    told = [violation.detail for violation in refused.value.violations]
    assert len(told) == 2
    assert all("an object of another project" in detail for detail in told)
    assert not any("secret'" in detail or "Port secret" in detail for detail in told)
    with pytest.raises(ConflictError, match="Port secret-port") as plain:
        apply(db, mine, same_device)
    assert any("Segment secret" in v.detail for v in plain.value.violations)


def test_every_change_is_in_the_log_and_in_the_audit(db: Database, database_url: str) -> None:
    apply(db, host(1), segment("red"))
    apply(db, port("p1", "h1", segment="red"))
    remove(db, port("p1", "h1"))
    log = [(e.revision, e.kind, e.name, e.action) for e in changes.since(db, 0)]
    assert log == [
        (1, Kind.HOST, "h1", "created"),
        (1, Kind.SEGMENT, "red", "created"),
        (2, Kind.PORT, "p1", "created"),
        (3, Kind.PORT, "p1", "deleted"),
    ]
    with psycopg.connect(database_url) as connection:
        audit = connection.execute(
            "SELECT principal, request_id, action, revision, detail FROM audit ORDER BY id"
        ).fetchall()
    assert audit == [
        ("admin", "test", "intent.commit", 1, {"created": 2}),
        ("admin", "test", "intent.commit", 2, {"created": 1}),
        ("admin", "test", "intent.commit", 3, {"deleted": 1}),
    ]


def test_a_long_revision_can_be_read_in_parts(db: Database) -> None:
    apply(db, *(segment(f"s{number:03}") for number in range(25)))
    entries: list[LogEntry] = []
    revision, seq = 0, None
    while part := changes.since(db, revision, 10, seq=seq):
        entries += part
        revision, seq = part[-1].revision, part[-1].seq
    assert [e.name for e in entries] == [f"s{number:03}" for number in range(25)]
    assert changes.since(db, 1) == ()


def test_ten_thousand_ports_come_and_go_in_one_revision(db: Database) -> None:
    hosts = [host(number) for number in range(1, 101)]
    segments = [segment(f"s{number}") for number in range(100)]
    ports = [
        port(f"p{h.ref.name}-{number}", h.ref.name, interface=f"p{number}", segment=f"s{number}")
        for h in hosts
        for number in range(100)
    ]
    result = apply(db, *hosts, *segments, *ports)
    assert result.revision == 1
    assert len(result.results) == 10_200
    host_uids = [r.uid for r in result.results[:100] if r.uid is not None]
    slices = desired.load_host_intents(db, host_uids, confirmed={})
    assert {len(intent.ports) for intent in slices.values()} == {100}
    assert {len(s.members) for intent in slices.values() for s in intent.segments} == {100}
    assert remove(db, *ports).revision == 2


def dump(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the database, by table."""
    with psycopg.connect(url) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            )
        ]
        return {
            table: sorted(
                connection.execute(_all_of(table)),
                key=repr,
            )
            for table in tables
        }


def _all_of(table: str) -> sql.Composed:
    return sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
