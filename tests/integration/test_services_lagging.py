"""What hosts that lag behind still have: nobody else gets it, and nothing is changed around it."""

from __future__ import annotations

from typing import Any

import pytest

from controller.compiler import compile_host
from controller.domain.definitions import PoolSpec, PoolType
from controller.domain.errors import ConflictError
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Kind,
    Lifecycle,
    Manifest,
    Ref,
)
from controller.domain.topology import Topology
from controller.domain.vtep_steps import VtepStep
from controller.services import queries
from controller.services import vteps as changing_vteps
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment, tunnel
from tests.support.stored_fleet import FollowingAgent

pytestmark = pytest.mark.integration

HALTED = Lifecycle.MAINTENANCE


def vnis(name: str, *ranges: str) -> Manifest:
    return Manifest(Ref(Kind.POOL, DEFAULT_PROJECT, name), PoolSpec(PoolType.VNI, ranges))


def vteps(name: str, *ranges: str) -> Manifest:
    return Manifest(Ref(Kind.POOL, DEFAULT_PROJECT, name), PoolSpec(PoolType.VTEP, ranges))


def spec_of(db: Database, manifest: Manifest) -> Any:
    ref = manifest.ref
    return queries.get(db, ADMIN, ref.kind, ref.project, ref.name).object.spec


def refused(db: Database, *manifests: Manifest) -> list[str]:
    with pytest.raises(ConflictError) as caught:
        apply(db, *manifests)
    return [violation.code for violation in caught.value.violations]


# --- a host in maintenance that never had a session will be sent what it was held at -------------


def test_a_host_in_maintenance_without_a_session_keeps_its_vnis_vlans_and_names(
    db: Database,
) -> None:
    apply(db, vnis("low", "100"), host(1), bridge("lan", "h1"), segment("red", vni_pool="low"))
    apply(db, port("p1", "h1", segment="red"))
    apply(db, host(1, state=HALTED))
    remove(db, port("p1", "h1"), segment("red"))
    assert refused(db, segment("blue", vni_pool="low")) == ["vni_pool_exhausted"]
    assert refused(db, port("p2", "h1", bridge="lan", interface="p1")) == ["interface_held"]
    h1 = FollowingAgent(db, 1)
    (fragment,) = compile_host(h1.intent).fragments.values()
    assert fragment.vni == 100
    h1.apply()
    apply(db, host(1))
    h1.apply()
    apply(db, segment("blue", vni_pool="low"), port("p2", "h1", bridge="lan", interface="p1"))
    assert spec_of(db, segment("blue")).vni == 100


def test_a_tunnel_of_a_host_in_maintenance_without_a_session_is_still_there(db: Database) -> None:
    sides = [each for n in (1, 2) for each in (host(n), bridge(f"b{n}", f"h{n}"))]
    apply(db, *sides, tunnel("t", "h1/b1", "h2/b2", key=7))
    for number in (1, 2):
        apply(db, host(number, state=HALTED))
    remove(db, tunnel("t", "h1/b1", "h2/b2"))
    assert refused(db, segment("red", vni=7)) == ["vni_taken"]
    apply(db, tunnel("other", "h1/b1", "h2/b2", key=8))


# --- addresses -----------------------------------------------------------------------------------


def test_a_vtep_is_given_out_again_when_nobody_tunnels_to_it_any_more(db: Database) -> None:
    taking = host(3, vteps=(), vtep_pool="p")
    apply(db, vteps("p", "192.0.2.101"), vteps("q", "192.0.2.102"), segment("red"))
    apply(db, host(1, vteps=(), vtep_pool="p"), host(2), host(4))
    apply(db, *(port(f"p{n}", f"h{n}", segment="red") for n in (1, 2)))
    h1, h2, h4 = (FollowingAgent(db, n) for n in (1, 2, 4))
    for agent in (h1, h2, h4):
        agent.apply()
    apply(db, host(1, vteps=(), vtep_pool="q"))
    assert refused(db, taking) == ["vtep_pool_exhausted"]
    h1.apply()
    assert refused(db, taking) == ["vtep_pool_exhausted"]
    h2.apply()
    for _ in VtepStep:
        assert changing_vteps.settle(db) == ("h1",)
        for agent in (h1, h2):
            assert refused(db, taking) == ["vtep_pool_exhausted"]
            agent.apply()
    apply(db, taking)
    assert spec_of(db, taking).vteps == ("192.0.2.101",)


def test_a_vtep_of_a_deleted_host_waits_for_a_member_in_maintenance(db: Database) -> None:
    sides = [each for n in (1, 2) for each in (host(n), bridge(f"b{n}", f"h{n}"))]
    drawn = tunnel("t", "h1/b1", "h2/b2")
    apply(db, vteps("p", "192.0.2.1"), *sides, drawn)
    h2 = FollowingAgent(db, 2)
    h2.apply()
    apply(db, host(2, state=HALTED))
    remove(db, drawn, bridge("b1", "h1"), host(1))
    assert refused(db, host(3, vteps=(), vtep_pool="p")) == ["vtep_pool_exhausted"]
    apply(db, host(2))
    h2.apply()
    apply(db, host(3, vteps=(), vtep_pool="p"))


# --- topologies ----------------------------------------------------------------------------------


def linked(*links: tuple[str, str]) -> Manifest:
    return segment("e", topology=Topology.EXPLICIT, links=links)


@pytest.mark.parametrize("have_sessions", [True, False])
def test_links_wait_for_hosts_that_left_and_may_come_back(
    db: Database, have_sessions: bool
) -> None:
    numbers = (1, 2, 3, 4)
    ports = [port(f"p{n}", f"h{n}", segment="e") for n in numbers]
    old, new = (
        (("h1", "h2"), ("h1", "h3"), ("h2", "h4")),
        (("h3", "h4"), ("h1", "h3"), ("h2", "h4")),
    )
    apply(db, *(host(n) for n in numbers), linked(*old), *ports)
    agents = [FollowingAgent(db, n) for n in numbers] if have_sessions else []
    for agent in agents:
        agent.apply()
    if not have_sessions:
        apply(db, *(host(n, state=HALTED) for n in numbers))
    assert refused(db, linked(*new)) == ["flooding_loop_pending"]
    remove(db, *ports)
    assert refused(db, linked(*new)) == ["flooding_loop_pending"]
    if not have_sessions:
        agents = [FollowingAgent(db, n) for n in numbers]
        apply(db, *(host(n) for n in numbers))
    for agent in agents:
        agent.apply()
    apply(db, linked(*new))


def test_a_host_that_never_comes_back_is_named_and_holds_nothing_up_once_it_is_deleted(
    db: Database,
) -> None:
    ports = [port(f"p{n}", f"h{n}", segment="e") for n in (1, 2, 3)]
    apply(db, *(host(n) for n in (1, 2, 3)), linked(("h1", "h2"), ("h2", "h3")), *ports)
    agents = [FollowingAgent(db, n) for n in (1, 2, 3)]
    for agent in agents:
        agent.apply()
    apply(db, linked(("h2", "h3")))
    for agent in agents[:2]:
        agent.apply()
    closing = linked(("h1", "h3"), ("h2", "h3"))
    with pytest.raises(ConflictError) as caught:
        apply(db, closing)
    (violation,) = caught.value.violations
    assert violation.detail.startswith("hosts h3 have segment 'e' as it was")
    assert "while h3 apply nothing" in violation.fix
    apply(db, linked(("h1", "h2")))
    remove(db, ports[2], host(3))
    apply(db, host(4), port("p4", "h4", segment="e"), linked(("h1", "h4")))
    for agent in agents[:2]:
        agent.apply()
    # With what h3 had, this is a circle.
    apply(db, linked(("h1", "h4"), ("h2", "h4")))
