"""What was never made of the confirmed state, when that is gone back to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.model import Bridge, HostState, Port, PortType
from agent.observed import Link, OvsInterface, OvsPort
from agent.report import Outcome
from agent.safety import Grants
from tests.support.agent_loop import Host, adds, state
from tests.unit.test_shortfall import BASE, CARD, LAN, SAFETY, TIMEOUT_S, master, reached_by, tag

GUEST = Port("port:g", "g", PortType.INTERNAL, "br-fleet", tag=4)
WAITING = state(2, bridges=(LAN,), ports=(*BASE.ports, CARD, GUEST), safety=SAFETY)
MOVED = dataclasses.replace(BASE.ports[0], tag=9)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


async def waiting(host: Host, device: str = "eth0") -> Host:
    """One whose confirmed state has a card and a guest's port that strangers' devices keep out."""
    for index, name, kind in ((77, "eth0", ""), (78, "br-lan", "bridge"), (79, "g", "dummy")):
        host.switch.kernel.links[name] = Link(name, index, kind=kind, up=True)
    reached_by(host, device)
    await host.realize(BASE)
    if host.reasons():
        host.confirm()
    await host.realize(WAITING)
    assert host.reasons().keys() == {"bridge:lan", "port:card", "port:g"}
    return host


def free(host: Host, *names: str) -> None:
    for name in names:
        del host.switch.kernel.links[name]


def names(host: Host) -> set[str]:
    return {each.name for each in host.switch.bridges["br-fleet"].ports}


async def tried_in_vain(host: Host) -> Host:
    """What touched the way was tried alone and undone, and the guest's port came meanwhile."""
    await waiting(host)
    free(host, "br-lan")
    await host.turn_at(31)
    assert (host.reasons()["change"], master(host)) == ("OnTrial", "br-lan")
    free(host, "g")
    await host.turn_at(1)
    await host.turn_at(TIMEOUT_S)
    assert (host.outcome(), master(host)) == (Outcome.REVERTED, "")
    return host


async def test_what_did_not_touch_the_way_stays_when_something_else_is_undone(host: Host) -> None:
    await tried_in_vain(host)
    assert "g" in names(host)
    assert host.reasons() == {"change": "Reverted", "port:card": "LeftOut"}


async def test_what_touches_the_way_in_the_course_of_a_trial_is_left_out_as_well(
    host: Host,
) -> None:
    lan = Bridge("bridge:wan", "br-wan", LAN.datapath_type, type=LAN.type)
    second = Port("port:second", "eth1", PortType.SYSTEM, "br-wan")
    for index, name, kind in ((80, "eth1", ""), (81, "br-wan", "bridge")):
        host.switch.kernel.links[name] = Link(name, index, kind=kind, up=True)
    await waiting(host)
    more = (*WAITING.ports, second)
    both = dataclasses.replace(WAITING, revision=3, hash=b"3", bridges=(LAN, lan), ports=more)
    await host.realize(both)
    free(host, "br-lan")
    await host.turn_at(31)
    reached_by(host, "eth1")
    free(host, "br-wan")
    await host.turn_at(1)
    assert host.switch.observed.links["eth1"].master == "br-wan"
    fresh = reached_by(host.started_again(since=TIMEOUT_S), "eth1")
    await fresh.loop.turn()
    assert fresh.outcome() is Outcome.REVERTED
    assert (master(fresh), fresh.switch.observed.links["eth1"].master) == ("", "")
    assert {r for r, why in fresh.reasons().items() if why == "LeftOut"} == {
        "port:card",
        "port:second",
    }


async def test_what_waits_goes_on_waiting_when_other_intent_is_undone(host: Host) -> None:
    await waiting(host, "a")
    ports = (MOVED, *WAITING.ports[1:])
    await host.realize(dataclasses.replace(WAITING, revision=3, hash=b"3", ports=ports))
    assert host.reasons()["change"] == "OnTrial"
    await host.turn_at(TIMEOUT_S)
    assert (host.outcome(), tag(host)) == (Outcome.REVERTED, 2)
    assert host.reasons()["port:g"] == "AlreadyTaken"
    free(host, "g")
    await host.turn_at(31)
    assert "g" in names(host)
    assert "port:g" not in host.reasons()


async def test_a_held_host_tries_nothing_alone_before_it_is_released(host: Host) -> None:
    await waiting(host)
    bad = dataclasses.replace(SAFETY, confirm_timeout_s=10)
    reached_by(host, "a")
    ports = (MOVED, *WAITING.ports[1:])
    await host.realize(dataclasses.replace(WAITING, revision=3, hash=b"3", ports=ports, safety=bad))
    await host.turn_at(10)
    assert host.outcome() is Outcome.REVERTED
    reached_by(host, "eth0")
    free(host, "br-lan")
    for fresh in (host, reached_by(host.started_again(), "eth0")):
        await fresh.turn_at(31)
        assert (fresh.reasons()["port:card"], master(fresh)) == ("LeftOut", "")
    released = dataclasses.replace(WAITING, revision=4, hash=b"4", grants=Grants(1, released=4))
    await fresh.realize(released)
    assert (fresh.reasons()["change"], master(fresh)) == ("OnTrial", "br-lan")


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_what_is_left_out_is_told_until_a_state_with_it_is_confirmed(
    host: Host, *, is_restarted: bool
) -> None:
    await tried_in_vain(host)
    if is_restarted:
        host = reached_by(host.started_again(), "eth0")
        await host.loop.turn()
    report, written = host.reports[-1], host.writes
    assert (report.applied_revision, report.applied_hash) == (2, WAITING.hash)
    for again in (WAITING, dataclasses.replace(WAITING, revision=7)):
        await host.realize(again)
        assert (host.outcome(), host.writes) == (Outcome.REVERTED, written)
        assert host.reasons() == {"change": "Reverted", "port:card": "LeftOut"}
    for revision in (8, 9):
        released = dataclasses.replace(WAITING, revision=revision, hash=b"%d" % revision)
        await host.realize(dataclasses.replace(released, grants=Grants(1, released=revision)))
        assert (host.reasons(), master(host)) == ({"change": "OnTrial"}, "br-lan")
        if revision == 8:
            await host.turn_at(TIMEOUT_S)
            assert host.reasons() == {"change": "Reverted", "port:card": "LeftOut"}
    host.confirm()
    await host.loop.turn()
    assert (host.reasons(), master(host)) == ({}, "br-lan")
    assert host.cache.cached is not None
    assert not host.cache.cached.left_out


async def test_what_fails_on_the_way_back_is_brought_back_without_a_trial(host: Host) -> None:
    reached_by(host, "eth0")
    await host.realize(BASE)
    without = state(2, ports=BASE.ports[1:], removed=frozenset({"port:a"}), safety=SAFETY)
    reached_by(host, "a")
    await host.realize(dataclasses.replace(without, grants=Grants(1, frozenset({"port:a"}))))
    host.switch.refuses = adds("a")
    await host.turn_at(TIMEOUT_S)
    await host.turn_at(1)
    assert host.reasons() == {"change": "Reverted", "port:a": "Refused"}
    host.switch.refuses = lambda _: False
    await host.turn_at(31)
    assert host.reasons() == {"change": "Reverted"}
    assert host.switch.observed.links["a"].up


async def test_a_host_is_held_at_its_confirmed_state_although_something_of_that_waits(
    host: Host,
) -> None:
    await waiting(host, "a")
    host.ovsdb.connected = False
    ports = (MOVED, *WAITING.ports[1:])
    await host.realize(dataclasses.replace(WAITING, revision=3, hash=b"3", ports=ports))
    await host.realize(WAITING)
    host.ovsdb.connected = True
    await host.turn_at(1)
    assert host.reasons().keys() == {"bridge:lan", "port:card", "port:g"}
    assert (host.outcome(), tag(host)) == (Outcome.APPLIED, 2)


async def test_what_was_taken_over_by_a_state_that_was_never_confirmed_is_given_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached_by(host, "a")
    await host.realize(BASE)
    host.confirm()
    await host.loop.turn()
    row = host.switch.bridges["br-fleet"]
    stranger = OvsPort("x", interfaces=(OvsInterface("x", "internal"),), tag=7)
    host.switch.bridges["br-fleet"] = dataclasses.replace(row, ports=(*row.ports, stranger))
    host.switch.reconfigure()
    port = Port("port:x", "x", PortType.INTERNAL, "br-fleet", tag=7)

    def with_port(revision: int, grants: Grants, *ports: Port) -> HostState:
        more = (*ports, BASE.ports[1], port)
        return state(revision, ports=more, safety=SAFETY, grants=grants)

    run = host.switch.run

    def run_and_stop(*args: object, **named: object) -> object:
        answer = run(*args, **named)  # type: ignore[arg-type]
        host.switch.stop_vswitchd()
        return answer

    monkeypatch.setattr(host.switch, "run", run_and_stop)
    granted = Grants(1, adoptions={"port:x": True})
    await host.realize(with_port(2, granted, BASE.ports[0]))
    monkeypatch.undo()
    assert host.outcome() is Outcome.HELD
    fresh = reached_by(host.started_again(), "a")
    await fresh.realize(with_port(3, Grants(2), MOVED))
    host.switch.start_vswitchd()
    await fresh.turn_at(3)
    assert fresh.reasons() == {"change": "OnTrial"}
    for _ in range(2):
        await fresh.turn_at(TIMEOUT_S)
    assert (fresh.outcome(), tag(fresh)) == (Outcome.REVERTED, 2)
    (found,) = (each for each in host.switch.bridges["br-fleet"].ports if each.name == "x")
    assert not found.external_ids
