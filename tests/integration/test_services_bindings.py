"""Ports that hypervisors plug, and ports that move from one host to another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from ovsfleet.v1 import state_pb2
from sqlalchemy import select, text, update

from controller.auth import Principal, Role
from controller.domain.errors import DomainError, ForbiddenError
from controller.domain.intent import Backend, Kind, Object, PortSpec, PortType, Removal
from controller.domain.realization import State
from controller.domain.status import Outcome, Phase
from controller.domain.validation import Wanted, World
from controller.services import bindings, changes, planning, queries, status
from controller.services.intent import Change, commit
from controller.services.object_realization import object_realization
from controller.services.pruning import Prune
from controller.store.bindings import note_refusals
from controller.store.engine import Database, Transaction
from controller.store.tables import HostIfaceRow, PortRow
from controller.store.world import load_world
from tests.support.grants import release
from tests.support.guests import Hypervisor, bound
from tests.support.manifests import ADMIN, apply, host, port, remove, segment
from tests.support.stored_fleet import NOW, FollowingAgent
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


def found(db: Database, name: str) -> tuple[Object, PortSpec]:
    stored = queries.get(db, ADMIN, Kind.PORT, "default", name).object
    assert isinstance(stored.spec, PortSpec)
    return stored, stored.spec


def condition(db: Database, name: str) -> tuple[Phase, str]:
    status = queries.get(db, ADMIN, Kind.PORT, "default", name).status
    return status.phase, status.conditions[-1].reason


def dirty_since(db: Database, revision: int, *agents: FollowingAgent) -> list[bool]:
    dirty = changes.dirty_hosts(db, revision, changes.head(db))
    return [agent.uid in dirty for agent in agents]


def test_a_bound_port_follows_its_interface_through_a_migration(db: Database) -> None:
    apply(db, host(1), host(2), host(3), segment("red", backend=Backend.KERNEL))
    apply(db, port("w", "h3", segment="red"), bound("vm"))
    h1, h2, h3 = (Hypervisor(db, number) for number in (1, 2, 3))
    assert condition(db, "vm") == (Phase.PENDING, "NotPlugged")
    waiting = object_realization(db, ADMIN, Kind.PORT, "default", "vm")
    assert waiting.state is State.PENDING
    mac = found(db, "vm")[1].mac

    before = changes.head(db)
    h1.plug("if-vm", "if-of-nobody")
    assert found(db, "vm")[1].hosts == ("h1",)
    assert dirty_since(db, before, h1, h2, h3) == [True, False, True]
    (there,) = h1.ports
    (attachment,) = h1.compiled.part.attachments
    assert (there.type, there.iface_id) == (state_pb2.PORT_TYPE_BOUND, "if-vm")
    assert (there.interface, there.tag) == ("", attachment.local_vlan)
    assert h3.macs_of(h1) == [mac]
    h1.apply()
    assert condition(db, "vm") == (Phase.READY, "Applied")

    h2.plug("if-vm")
    assert found(db, "vm")[1].hosts == ("h1", "h2")
    assert [each.iface_id for each in h2.ports] == ["if-vm"]
    assert (h3.macs_of(h1), h3.macs_of(h2)) == ([], [])

    h1.plug("if-of-nobody")
    assert found(db, "vm")[1].hosts == ("h2",)
    assert h1.ports == []
    assert f"port:{found(db, 'vm')[0].uid}" in h1.compiled.removed
    assert h3.macs_of(h2) == [mac]

    head = changes.head(db)
    h2.plug("if-vm", "if-of-nobody")
    assert changes.head(db) == head
    h2.plug()
    assert found(db, "vm")[1].hosts == ()
    assert condition(db, "vm") == (Phase.PENDING, "NotPlugged")


def test_a_port_that_has_not_followed_yet_says_where_it_is_plugged(db: Database) -> None:
    apply(db, host(1), segment("red"), bound("vm"))
    Hypervisor(db, 1).plug("if-vm", follows=False)
    assert condition(db, "vm") == (Phase.PENDING, "NotBound")
    assert bindings.catch_up(db) == 1
    assert found(db, "vm")[1].hosts == ("h1",)


def test_a_port_is_bound_at_once_to_what_is_plugged_already(db: Database) -> None:
    apply(db, host(1), segment("red"))
    Hypervisor(db, 1).plug("if-vm")
    apply(db, bound("vm"))
    assert found(db, "vm")[1].hosts == ("h1",)
    assert not apply(db, bound("vm", host="h1")).planned.updates
    with pytest.raises(DomainError, match="is where agents report"):
        apply(db, bound("vm", host="h9"))
    with pytest.raises(DomainError, match="if-vm"):
        apply(db, replace(bound("other"), spec=bound("vm").spec))


def test_what_rules_refuse_is_said_and_tried_again_and_stops_no_other(db: Database) -> None:
    apply(db, host(1), host(2, vteps=()), segment("red"), bound("vm"), bound("vm2"))
    h1, h2 = Hypervisor(db, 1), Hypervisor(db, 2)
    h1.plug("if-vm", "if-vm2")
    h2.plug("if-vm")
    assert found(db, "vm")[1].hosts == ("h1",)
    assert condition(db, "vm") == (Phase.DEGRADED, "BindingRefused")
    h1.plug("if-vm2")
    assert [found(db, name)[1].hosts for name in ("vm", "vm2")] == [(), ("h1",)]
    assert condition(db, "vm") == (Phase.FAILED, "BindingRefused")
    assert bindings.catch_up(db) == 0
    apply(db, host(2))
    assert bindings.catch_up(db) == 1
    assert found(db, "vm")[1].hosts == ("h2",)
    assert condition(db, "vm")[0] is Phase.PENDING


def test_only_the_host_that_breaks_a_rule_is_left_out(db: Database) -> None:
    apply(db, host(1, vteps=()), host(2), segment("red"))
    h1, h2 = Hypervisor(db, 1), Hypervisor(db, 2)
    h1.plug("if-vm", "if-vm2")
    h2.plug("if-vm")
    (warned,) = apply(db, bound("vm")).planned.warnings
    assert (warned.code, warned.pointer) == ("binding_refused", "/spec/iface_id")
    assert "'h1'" in warned.detail
    assert found(db, "vm")[1].hosts == ("h2",)
    assert condition(db, "vm") == (Phase.DEGRADED, "BindingRefused")

    apply(db, bound("vm2"))
    assert condition(db, "vm2") == (Phase.FAILED, "BindingRefused")
    h2.plug("if-vm2")
    assert [found(db, name)[1].hosts for name in ("vm", "vm2")] == [(), ("h2",)]
    with pytest.raises(DomainError, match="no Segment 'blue'"):
        apply(db, bound("vm3", segment="blue", iface_id="if-vm2"))


def test_what_is_said_of_a_refusal_names_nothing_of_another_project(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute(text("INSERT INTO project (name) VALUES ('theirs')"))
    hidden: dict[str, Any] = {"project": "theirs", "backend": Backend.KERNEL, "dst_port": 4789}
    apply(db, host(1), segment("red"), bound("vm"), segment("secret", **hidden))
    apply(db, port("spy", "h1", project="theirs", segment="secret"))
    Hypervisor(db, 1).plug("if-vm")
    status = queries.get(db, ADMIN, Kind.PORT, "default", "vm").status
    assert status.conditions[-1].reason == "BindingRefused"
    assert "another project" in status.conditions[-1].message
    assert "secret" not in status.conditions[-1].message


def test_many_refused_ports_take_few_plans_and_none_when_others_are_plugged(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[World] = []

    def counted(tx: Transaction, wanted: Wanted) -> World:
        plans.append(load_world(tx, wanted))
        return plans[-1]

    many = [f"vm{i}" for i in range(12)]
    apply(db, host(1, vteps=()), host(2), segment("red"), *map(bound, many))
    monkeypatch.setattr(planning, "load_world", counted)
    h1, ids = Hypervisor(db, 1), [f"if-{name}" for name in many]
    h1.plug(*ids)
    assert len(plans) == 2
    assert {condition(db, name) for name in many} == {(Phase.FAILED, "BindingRefused")}
    h1.plug(*ids, "if-of-nobody")
    assert len(plans) == 2
    Hypervisor(db, 2).plug(ids[0])
    assert found(db, many[0])[1].hosts == ("h2",)
    assert {condition(db, name) for name in many[1:]} == {(Phase.FAILED, "BindingRefused")}


def test_a_port_that_cannot_be_written_at_all_is_tried_once(db: Database) -> None:
    apply(db, host(1), segment("red"), bound("vm"), bound("vm2"))
    h1 = Hypervisor(db, 1)
    with db.transaction() as tx:
        tx.execute(update(PortRow).where(PortRow.name == "vm").values(interface="none"))
    h1.plug("if-vm", "if-vm2")
    assert [found(db, name)[1].hosts for name in ("vm", "vm2")] == [(), ("h1",)]
    assert bindings.catch_up(db) == 0
    with db.transaction() as tx:
        tx.execute(update(PortRow).where(PortRow.name == "vm").values(interface=""))
    apply(db, bound("vm", mtu=1400))
    assert found(db, "vm")[1].hosts == ("h1",)


@pytest.mark.parametrize("role", [Role.PROJECT_ADMIN, Role.NETWORK_ADMIN])
def test_only_network_admins_of_all_projects_bind_ports(db: Database, role: Role) -> None:
    apply(db, host(1), segment("red"), bound("vm"))
    owner = Principal("owner", frozenset({role}), frozenset({"default"}))
    renamed, removal = bound("vm", iface_id="if-else"), Removal(bound("vm").ref)
    for change in (Change((bound("vm2"),)), Change((renamed,)), Change((), (removal,))):
        with pytest.raises(ForbiddenError, match="hypervisors"):
            commit(db, owner, change, request_id="test")
    whole = Prune({}, lambda _: True, frozenset({Kind.PORT}))
    assert commit(db, owner, Change(prune=whole), request_id="test").results == ()
    assert commit(db, ADMIN, Change(prune=whole), request_id="test").planned.deletes


def test_who_notes_refusals_and_who_records_an_inventory_lock_rows_in_one_order(
    db: Database,
) -> None:
    apply(db, host(1))
    Hypervisor(db, 1).plug("if-b", "if-a")
    query = select(HostIfaceRow.iface_id).with_for_update(nowait=True)

    def note() -> None:
        with db.transaction() as tx:
            why = {(each, "h1"): "no" for each in ("if-b", "if-a")}
            note_refusals(tx, ["if-b", "if-a"], why, 1)

    def is_waiting() -> bool:
        with db.snapshot() as tx:
            asked = text(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(tx.execute(asked).scalar_one())

    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as tx:
            tx.execute(query.where(HostIfaceRow.iface_id == "if-a"))
            noted = pool.submit(note)
            eventually(is_waiting, within=10, what="the other waits")
            tx.execute(query.where(HostIfaceRow.iface_id == "if-b"))
        noted.result(10)


def test_a_tap_is_on_both_hosts_while_its_guest_moves(db: Database) -> None:
    tap: dict[str, Any] = {"segment": "red", "type": PortType.TAP}
    apply(db, host(1), host(2), segment("red"), port("vm", "h1", **tap))
    h1, h2 = Hypervisor(db, 1), Hypervisor(db, 2)
    was, _ = found(db, "vm")
    h1.apply()
    before = changes.head(db)
    apply(db, port("vm", "h1", migrating_to="h2", **tap))
    assert dirty_since(db, before, h1, h2) == [True, True]
    assert [each.interface for each in (*h1.ports, *h2.ports)] == ["vm", "vm"]
    with pytest.raises(DomainError, match="'vm' on host 'h2' must be unique"):
        apply(db, port("rival", "h2", interface="vm", segment="red"))
    h1.apply()

    before = changes.head(db)
    apply(db, port("vm", "h2", migrating_to="h2", **tap))
    now, spec = found(db, "vm")
    assert (now.uid, spec.hosts, spec.mac) == (was.uid, ("h2",), was.spec.mac)  # type: ignore[union-attr]
    assert dirty_since(db, before, h1, h2) == [True, True]
    assert (h1.ports, [each.interface for each in h2.ports]) == ([], ["vm"])
    assert {f"port:{was.uid}", "overlay"} <= set(h1.compiled.removed)
    with pytest.raises(DomainError, match="has not confirmed it"):
        apply(db, port("next", "h1", interface="vm", segment="red"))


def test_a_tap_may_go_back_to_a_host_that_has_not_let_it_go(db: Database) -> None:
    tap: dict[str, Any] = {"segment": "red", "type": PortType.TAP}
    apply(db, host(1), host(2), segment("red"), port("vm", "h1", **tap))
    h1, _ = Hypervisor(db, 1), Hypervisor(db, 2)
    for on in ({"migrating_to": "h2"}, {}, {"migrating_to": "h2"}):  # aborted, and anew
        apply(db, port("vm", "h1", **on, **tap))
        h1.apply()
    apply(db, port("vm", "h2", **tap))
    apply(db, port("vm", "h1", **tap))
    assert [each.interface for each in h1.ports] == ["vm"]
    assert f"port:{found(db, 'vm')[0].uid}" not in h1.compiled.removed
    with pytest.raises(DomainError, match="has not confirmed it"):
        apply(db, port("next", "h2", interface="vm", segment="red"))


def test_an_overlay_bridge_is_kept_ready_and_taken_away(db: Database) -> None:
    apply(db, host(1, overlay_bridge_ready=True))
    h1 = Hypervisor(db, 1)
    assert h1.compiled.part.overlay.name == "br-fleet"
    h1.apply()
    with pytest.raises(DomainError, match="kept ready"):
        apply(db, host(1, overlay_bridge_ready=True, overlay_bridge="br-x"))
    apply(db, host(1))
    assert not h1.compiled.part.HasField("overlay")
    assert h1.compiled.removed == ("overlay",)


def test_an_unplugged_port_of_the_request_is_not_elsewhere(db: Database) -> None:
    first = bound("vm", addresses=("10.0.0.5/24",))
    apply(db, segment("red", subnets=("10.0.0.0/24",)), first)
    apply(
        db,
        segment("red", subnets=("10.1.0.0/24",)),
        bound("vm", addresses=("10.1.0.5/24",)),
    )
    remove(db, segment("red"), first)


def test_whoever_changes_an_iface_id_may_say_the_hosts_that_he_read(db: Database) -> None:
    apply(db, host(1), host(2), segment("red"), bound("vm"))
    Hypervisor(db, 1).plug("if-vm")
    Hypervisor(db, 2).plug("if-vm", "if-new")
    apply(db, bound("vm", iface_id="if-new", host="h1", migrating_to="h2"))
    assert found(db, "vm")[1].hosts == ("h2",)
    with pytest.raises(DomainError, match="is where agents report"):
        apply(db, bound("vm", iface_id="if-vm", host="h9"))


def test_a_guest_that_a_host_has_no_room_to_name_stays_bound(db: Database) -> None:
    apply(db, host(1), segment("red"), bound("vm"), bound("vm2"))
    h1 = Hypervisor(db, 1)
    h1.plug("if-vm")
    h1.plug("if-vm2", left_out=1)
    assert [found(db, name)[1].hosts for name in ("vm", "vm2")] == [("h1",), ("h1",)]
    h1.plug("if-vm2", "", left_out=1)
    assert [found(db, name)[1].hosts for name in ("vm", "vm2")] == [(), ("h1",)]


def test_a_guest_that_is_evacuated_leaves_its_dead_host_which_can_be_deleted(db: Database) -> None:
    apply(db, host(1), host(2), segment("red"), bound("vm"), bound("lost"))
    h1, h2 = Hypervisor(db, 1), Hypervisor(db, 2)
    h1.plug("if-vm", "if-lost")
    h2.plug("if-vm")
    assert found(db, "vm")[1].hosts == ("h1", "h2")
    with pytest.raises(DomainError, match="still used by"):
        remove(db, host(1))
    h1.die()
    assert (bindings.catch_up(db), bindings.catch_up(db)) == (1, 0)
    assert [found(db, name)[1].hosts for name in ("vm", "lost")] == [("h2",), ("h1",)]
    remove(db, host(1))
    assert found(db, "lost")[1].hosts == ()
    assert bindings.catch_up(db) == 0


def test_a_guest_releases_no_host_that_reverted(db: Database) -> None:
    apply(db, host(1), segment("red"), bound("vm"), bound("vm2"))
    h1 = Hypervisor(db, 1)
    h1.apply()
    good = h1.confirmed
    bad = apply(db, port("p", "h1", segment="red")).revision
    h1.plug("if-vm")
    report = status.HostReport(bad, good, b"%d" % good, Outcome.REVERTED)
    assert status.record(db, h1.uid, h1.epoch, report, now=NOW)
    assert h1.sent == good
    h1.plug("if-vm", "if-vm2")
    assert (h1.sent, condition(db, "vm2")) == (good, (Phase.PENDING, "HostPinned"))
    release(db, "h1")
    assert h1.sent == changes.head(db)
