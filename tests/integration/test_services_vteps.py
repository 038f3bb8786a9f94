"""A host that changes its VTEP keeps the former one until nobody can need it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from controller.compiler import compile_host
from controller.compiler.state_features import STATE_FEATURES
from controller.domain.errors import ConflictError
from controller.domain.intent import (
    AddressFamily,
    BridgeType,
    Kind,
    Lifecycle,
    Manifest,
    PortType,
    VethPeerSpec,
)
from controller.domain.topology import Topology
from controller.domain.vtep_steps import VtepStep
from controller.services import changes, desired, queries, status, vteps
from controller.services.effective_hosts import host_tunnels
from controller.services.intent import Change, ChangeResult, Writer
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.southbound.identity import HostIdentity
from controller.southbound.recorder import Recorder
from controller.southbound.sessions import HostSession
from controller.southbound.settling import VtepSettler
from controller.southbound.threads import Threads
from controller.southbound.timing import utc_now
from controller.store import former_vteps
from controller.store.engine import Database
from controller.store.fleet import lock_revision
from tests.support.agent_end import eventually
from tests.support.manifests import ADMIN, apply, host, port, remove, segment
from tests.support.stored_fleet import NOW, ReportingFleet

pytestmark = pytest.mark.integration

NEW = "198.51.100.1"
HOSTS = ("h1", "h2", "h3")


def moved(**spec: Any) -> Manifest:
    return host(1, vteps=(NEW,), **spec)


@pytest.fixture
def fleet(db: Database) -> ReportingFleet:
    """Two segments: h1 shares one with h2 and one with h3, and all have applied everything."""
    hosts = [host(number) for number in (1, 2, 3)]
    ports = [
        port(f"{name}{number}", f"h{number}", segment=name)
        for name, numbers in (("red", (1, 2)), ("blue", (1, 3)))
        for number in numbers
    ]
    made = ReportingFleet(db, *hosts, segment("red"), segment("blue"), *ports)
    made.confirm(*HOSTS)
    return made


def session_of(fleet: ReportingFleet, name: str) -> HostSession:
    identity = HostIdentity(fleet.uid[name], "ab", utc_now() + timedelta(days=1))
    return HostSession(
        identity,
        fleet.epoch[name],
        accepted_revision=0,
        accepted_hash=b"",
        applied_revision=0,
        applied_hash=b"",
        fragments=(),
        features=STATE_FEATURES,
    )


def spec_of(db: Database, name: str = "h1") -> Any:
    return queries.get(db, ADMIN, Kind.HOST, "default", name).object.spec


def told(db: Database, name: str = "h1") -> str:
    """What the host's condition says of the change."""
    conditions = queries.get(db, ADMIN, Kind.HOST, "default", name).status.conditions
    found = [each for each in conditions if each.type == "VtepsSettled"]
    assert all((each.status, each.reason) == ("False", "VtepChanging") for each in found)
    return found[0].message if found else ""


def sent(db: Database, uid: UUID) -> set[tuple[str, str]]:
    """VTEP and former VTEP of h1 in what a host is sent."""
    compiled = compile_host(desired.load_host_intent(db, uid))
    members = (each for f in compiled.fragments.values() for each in f.members)
    return {(each.vtep, each.former_vtep) for each in members if each.host_name == "h1"}


def test_a_former_vtep_stays_until_every_peer_has_the_new_one(
    db: Database, fleet: ReportingFleet
) -> None:
    assert fleet.dirty_after(moved()) == {*HOSTS}
    assert {*sent(db, fleet.uid["h1"])} == {*sent(db, fleet.uid["h3"])} == {(NEW, "192.0.2.1")}
    fleet.confirm("h1", "h2")
    assert vteps.settle(db) == ()
    assert told(db).endswith("without a failure: h3")
    fleet.confirm("h3")
    head = changes.head(db)
    assert vteps.settle(db) == ("h1",)
    assert changes.dirty_hosts(db, head, head + 1) == {fleet.uid[name] for name in HOSTS}
    assert sent(db, fleet.uid["h3"]) == {(NEW, "192.0.2.1")}
    assert vteps.settle(db) == ()
    fleet.confirm(*HOSTS)
    assert vteps.settle(db) == ("h1",)
    assert sent(db, fleet.uid["h3"]) == {(NEW, "")}
    fleet.confirm("h1", "h2")
    assert vteps.settle(db) == ()
    assert told(db).startswith("the former VTEP 192.0.2.1 goes and has to work until")
    assert told(db).endswith("without a failure: h3")
    fleet.confirm("h3")
    assert vteps.settle(db) == ("h1",)
    assert (spec_of(db).former_vteps, told(db)) == ((), "")
    assert vteps.settle(db) == ()


def ends(db: Database, name: str, where: str) -> set[tuple[str, str]]:
    """Addresses that the host's tunnels of a segment are between."""
    found = host_tunnels(db, ADMIN, name, page_size=50).tunnels
    return {(each.local_ip, each.remote_ip) for each in found if each.segment == where}


def test_effective_tunnels_are_between_the_addresses_of_each_step(
    db: Database, fleet: ReportingFleet
) -> None:
    linux = host(4, overlay_bridge_type=BridgeType.LINUX)
    peer = VethPeerSpec("red4", "eth0")
    workload = port("red4", "h4", segment="red", type=PortType.VETH, peer=peer)
    joined = ReportingFleet(db, linux, workload)
    apply(db, moved())
    assert ends(db, "h3", "blue") == {("192.0.2.3", "192.0.2.1"), ("192.0.2.3", NEW)}
    assert ends(db, "h1", "blue") == {("192.0.2.1", "192.0.2.3"), (NEW, "192.0.2.3")}
    assert ends(db, "h4", "red") == {("192.0.2.4", "192.0.2.1"), ("192.0.2.4", "192.0.2.2")}
    fleet.confirm(*HOSTS)
    joined.confirm("h4")
    vteps.settle(db)
    assert ends(db, "h4", "red") == {("192.0.2.4", NEW), ("192.0.2.4", "192.0.2.2")}
    assert ends(db, "h3", "blue") == {("192.0.2.3", "192.0.2.1"), ("192.0.2.3", NEW)}
    fleet.confirm(*HOSTS)
    joined.confirm("h4")
    vteps.settle(db)
    assert ends(db, "h3", "blue") == {("192.0.2.3", NEW)}


def test_nobody_else_gets_a_former_vtep(db: Database, fleet: ReportingFleet) -> None:
    apply(db, moved())
    for taker in (host(4, vteps=("192.0.2.1",)), segment("red", external_vteps=("192.0.2.1",))):
        with pytest.raises(ConflictError) as caught:
            apply(db, taker)
        assert {each.code for each in caught.value.violations} <= {"vtep_taken", "vtep_of_host"}
    for _ in VtepStep:
        with pytest.raises(ConflictError):
            apply(db, host(4, vteps=("192.0.2.1",)))
        fleet.confirm(*HOSTS)
        vteps.settle(db)
    apply(db, host(4, vteps=("192.0.2.1",)))


def test_who_is_gone_is_not_waited_for(db: Database, fleet: ReportingFleet) -> None:
    apply(db, moved())
    fleet.confirm("h1")
    assert told(db).endswith("without a failure: h2, h3")
    apply(db, host(2, state=Lifecycle.DECOMMISSIONING))
    fleet.confirm("h1")
    assert told(db).endswith("without a failure: h3")
    remove(db, port("blue3", "h3"))
    assert vteps.settle(db) == ("h1",)


def test_a_host_that_nobody_shares_a_full_mesh_with_keeps_nothing(
    db: Database, fleet: ReportingFleet
) -> None:
    star = segment("star", topology=Topology.HUB_SPOKE, hubs=("h4",))
    apply(db, host(4), star, port("s", "h4", segment="star"))
    apply(db, host(4, vteps=("198.51.100.4",)))
    assert spec_of(db, "h4").former_vteps == ()
    apply(db, host(1, vteps=("192.0.2.1", "2001:db8::1")))
    apply(db, host(1, vteps=("192.0.2.1", "2001:db8::2")))
    assert spec_of(db).former_vteps == ()


def test_a_host_that_moves_again_keeps_what_everybody_knows(
    db: Database, fleet: ReportingFleet
) -> None:
    apply(db, moved())
    fleet.confirm("h2")
    apply(db, host(1, vteps=("198.51.100.9",)))
    assert spec_of(db).former_vteps == ("192.0.2.1",)
    apply(db, host(1, underlay_mtu=1400, vteps=("198.51.100.9",)))
    assert spec_of(db).former_vteps == ("192.0.2.1",)
    apply(db, host(1))
    assert spec_of(db).former_vteps == ("198.51.100.9",)
    fleet.confirm(*HOSTS)
    assert vteps.settle(db) == ("h1",)


def test_a_tunnel_that_does_not_work_keeps_the_one_before(
    db: Database, fleet: ReportingFleet
) -> None:
    apply(db, moved())
    red = queries.get(db, ADMIN, Kind.SEGMENT, "default", "red").object.uid
    words = ("DATAPATH", "InterfaceError", "no such device")
    failure = ReportedFailure(f"tunnel:{red}/{fleet.uid['h1']}", *words)
    fleet.confirm("h1", "h3")
    fleet.confirm("h2", failure=failure)
    assert vteps.settle(db) == ()
    assert told(db).endswith("without a failure: h2")
    fleet.confirm("h2")
    assert vteps.settle(db) == ("h1",)


async def test_the_last_report_ends_the_change_by_itself(
    db: Database, fleet: ReportingFleet
) -> None:
    apply(db, moved())
    fleet.confirm("h1", "h3")
    threads = Threads(db)
    settler = VtepSettler(threads)
    recorder = Recorder(threads, utc_now, beat_s=0.01, on_written=settler.wake)
    settling = asyncio.create_task(settler.run())
    head = changes.head(db)
    report = HostReport(head, head, b"applied", Outcome.APPLIED)
    with db.transaction() as tx:
        lock_revision(tx)
        recorder.report(session_of(fleet, "h2"), report)
        # Whoever writes intent for long holds up no report.
        await asyncio.wait_for(recorder.flush(), 5.0)
        assert spec_of(db).vtep_steps == (VtepStep.BOTH,)
    await eventually(lambda: spec_of(db).vtep_steps == (VtepStep.NEW,), "the next step")
    settling.cancel()
    await threads.close(patience_s=5.0)


def test_a_refusal_of_one_host_holds_up_no_other(
    db: Database, fleet: ReportingFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Writer.commit

    def refusing(writer: Writer, change: Change) -> ChangeResult:
        if change.manifests[0].ref.name == "h1":
            raise ConflictError("the test refuses it", ())
        return commit(writer, change)

    apply(db, moved(), host(2, vteps=("198.51.100.2",)))
    fleet.confirm(*HOSTS)
    monkeypatch.setattr(Writer, "commit", refusing)
    assert vteps.settle(db) == ("h2",)


def test_who_applies_nothing_for_now_is_waited_for_and_who_is_given_up_is_not(
    db: Database, fleet: ReportingFleet
) -> None:
    apply(db, moved())
    fleet.confirm("h1", "h3")
    head = changes.head(db)
    held = HostReport(head, head, b"held", Outcome.HELD)
    status.record(db, fleet.uid["h2"], fleet.epoch["h2"], held, now=NOW)
    assert vteps.settle(db) == ()
    reverted = HostReport(head, head - 1, b"", Outcome.REVERTED)
    status.record(db, fleet.uid["h2"], fleet.epoch["h2"], reverted, now=NOW)
    assert vteps.settle(db) == ()
    assert told(db).endswith("without a failure: h2")
    fleet.confirm("h2")
    apply(db, host(3, state=Lifecycle.MAINTENANCE))
    fleet.confirm(*HOSTS)
    assert vteps.settle(db) == ()
    assert told(db).endswith("without a failure: h3")
    for _ in VtepStep:
        apply(db, host(3, state=Lifecycle.DECOMMISSIONING))
        fleet.confirm("h1", "h2")
        assert vteps.settle(db) == ("h1",)
    assert spec_of(db).former_vteps == ()


def test_an_agent_that_knows_no_former_vteps_keeps_none(
    db: Database, fleet: ReportingFleet
) -> None:
    apply(db, moved())
    red = queries.get(db, ADMIN, Kind.SEGMENT, "default", "red").object.uid
    too_old = ReportedFailure(f"segment:{red}", "unsupported", "AgentTooOld", "former_vteps")
    fleet.confirm("h1", "h3")
    fleet.confirm("h2", failure=too_old)
    assert vteps.settle(db) == ("h1",)


def test_what_else_changes_of_a_host_is_not_waited_for(db: Database, fleet: ReportingFleet) -> None:
    """It is nothing to the other members, which may never be sent anything after it."""
    apply(db, moved())
    fleet.confirm(*HOSTS)
    apply(db, replace(moved(), labels={"rack": "7"}))
    assert vteps.settle(db) == ("h1",)


def test_who_goes_back_needs_nobody_to_learn_it(db: Database, fleet: ReportingFleet) -> None:
    apply(db, moved())
    apply(db, host(1))
    assert spec_of(db).vtep_steps == (VtepStep.NEW,)
    fleet.confirm(*HOSTS)
    vteps.settle(db)
    assert spec_of(db).vtep_steps == (VtepStep.ALONE,)
    apply(db, moved())
    assert (spec_of(db).former_vteps, spec_of(db).vtep_steps) == (("192.0.2.1",), (VtepStep.BOTH,))


def test_each_family_has_a_former_vtep_of_its_own(db: Database, fleet: ReportingFleet) -> None:
    six = segment("six", address_family=AddressFamily.IPV6)
    both = [host(n, vteps=(f"192.0.2.{n}", f"2001:db8::{n}")) for n in (1, 2)]
    apply(db, six, *both, *(port(f"six{n}", f"h{n}", segment="six") for n in (1, 2)))
    apply(db, host(1, vteps=("192.0.2.1", "2001:db8::9")))
    assert spec_of(db).former_vteps == ("2001:db8::1",)
    apply(db, host(1, vteps=(NEW, "2001:db8::9")))
    assert spec_of(db).former_vteps == ("192.0.2.1", "2001:db8::1")
    assert sent(db, fleet.uid["h2"]) == {(NEW, "192.0.2.1"), ("2001:db8::9", "2001:db8::1")}
    fleet.confirm(*HOSTS)
    assert vteps.settle(db) == ("h1",)


def test_who_may_settle_is_found_without_comparing_every_host_with_every_other(
    db: Database, fleet: ReportingFleet
) -> None:
    hosts = [host(n, vteps=(f"192.0.2.{n}",)) for n in range(1, 31)]
    made = apply(db, *hosts, *(port(f"more{n}", f"h{n}", segment="red") for n in range(3, 31)))
    for each in made.results:
        if each.ref.kind is Kind.HOST and each.ref.name not in HOSTS and each.uid:
            status.open_session(db, each.uid, SessionStart("n", "1"), now=NOW)
    apply(db, *(host(n, vteps=(f"198.51.100.{n}",)) for n in range(1, 31)))
    with db.transaction() as tx:
        tx.execute(
            text(
                "INSERT INTO host_segment (host_uid, segment_uid, bridge, local_vlan)"
                " SELECT host_uid, md5(each::text)::uuid, bridge, 1000 + each"
                " FROM host_segment, generate_series(1, 20) AS each"
                " WHERE segment_uid = (SELECT uid FROM segment WHERE name = 'red')"
            )
        )
        tx.execute(text("ANALYZE host, host_segment"))
        query = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {former_vteps._SETTLED.element}")
        (found,) = tx.execute(query, {"most": 100, "hosts": None}).scalar_one()
    # 30 hosts of 21 segments: pairs would be 18,900.
    assert max(_rows(found["Plan"])) < 2500


def _rows(node: dict[str, Any]) -> Iterator[int]:
    yield node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Join Filter", 0)
    for each in node.get("Plans", ()):
        yield from _rows(each)
