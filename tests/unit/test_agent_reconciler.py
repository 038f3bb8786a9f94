"""The closed loop on the in-memory switch, with a clock set by hand."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from agent import reconciler
from agent.errors import ErrorKind
from agent.observed import ObservedState
from agent.ovsdb.snapshot import OvsdbSnapshot
from agent.planner import Plan
from agent.report import Outcome, Report
from agent.state_file import Cached
from agent.way_back import planned
from tests.support.agent_host import SwitchOvsdb
from tests.support.agent_loop import Host, adds, is_realized, refused, state


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


async def test_a_new_state_is_realized_and_reported(host: Host) -> None:
    delay = await host.realize(state())
    assert is_realized(host)
    assert host.reports == [Report(1, 1, b"hash of 1", Outcome.APPLIED, ())]
    assert 480 <= delay <= 720


async def test_the_event_loop_goes_on_while_a_plan_is_made(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_loop, went_on = asyncio.get_running_loop(), threading.Event()

    def long_plan(cached: Cached, observed: ObservedState, _: object) -> Plan:
        event_loop.call_soon_threadsafe(went_on.set)
        assert went_on.wait(60)
        return planned(cached, observed)

    monkeypatch.setattr(reconciler, "planned", long_plan)
    await host.realize(state())
    assert is_realized(host)


async def test_a_host_as_intended_is_not_written_to(host: Host) -> None:
    await host.realize(state())
    before = host.writes
    for _ in range(3):
        await host.loop.turn()
    assert host.writes == before


async def test_a_host_without_a_state_is_looked_at_and_left_alone(host: Host) -> None:
    await host.loop.turn()
    assert host.writes == (0, 0)
    assert host.reports == []


async def test_a_refused_resource_backs_off_and_the_others_are_done(host: Host) -> None:
    host.switch.refuses = adds("a")
    delay = await host.realize(state())
    assert host.reasons() == {"port:a": "Refused"}
    assert host.outcome() is Outcome.APPLIED
    assert host.reports[-1].applied_revision == 1
    assert "b" in host.switch.kernel.links
    assert 0.1 <= delay <= 0.2


async def test_the_same_refusal_is_tried_again_ever_more_rarely(host: Host) -> None:
    host.switch.refuses = adds("a")
    delay = await host.realize(state())
    started = host.clock.now()
    for _ in range(60):
        delay = await host.turn_at(delay)
        assert delay <= 30
    assert host.clock.now() - started > 300
    attempts = host.ovsdb.attempts
    delay = await host.turn_at(delay / 2)
    assert host.ovsdb.attempts == attempts
    host.switch.refuses = lambda _: False
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.reasons() == {}


async def test_a_change_of_the_host_does_not_shorten_the_back_off_of_the_same_steps(
    host: Host,
) -> None:
    host.switch.refuses = adds("a")
    await host.realize(state())
    attempts = host.ovsdb.attempts
    for _ in range(10):
        host.loop.wake()
        await host.loop.turn()
    assert host.ovsdb.attempts == attempts


@pytest.mark.parametrize("kind", [ErrorKind.UNSUPPORTED, ErrorKind.INVALID])
async def test_what_new_intent_has_to_mend_waits_for_it(host: Host, kind: ErrorKind) -> None:
    host.kernel.answers["port:b"] = refused("port:b", kind)
    assert await host.realize(state()) > 400
    assert host.reasons() == {"port:b": "Refused"}
    del host.kernel.answers["port:b"]
    await host.turn_at(400)
    assert host.reasons() == {"port:b": "Refused"}
    await host.realize(state(2))
    assert host.reasons() == {}
    assert is_realized(host)


async def test_what_an_operator_mended_on_the_host_is_tried_again_with_a_resync(
    host: Host,
) -> None:
    host.kernel.answers["port:b"] = refused("port:b", ErrorKind.UNSUPPORTED)
    delay = await host.realize(state())
    delay += await host.turn_at(delay)
    del host.kernel.answers["port:b"]
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.reasons() == {}


async def test_steps_of_a_failed_resource_are_not_continued(host: Host) -> None:
    host.kernel.answers["port:b"] = refused("port:b", ErrorKind.TRANSIENT)
    await host.realize(state())
    names = [port.name for port in host.switch.bridges["br-fleet"].ports]
    assert "b" not in names
    assert "a" in names


async def test_a_plan_overtaken_by_the_host_is_made_anew_at_once(host: Host) -> None:
    await host.realize(state(1, ports=()))
    host.ovsdb.before_apply = lambda: host.switch.bridges.pop("br-fleet")
    await host.realize(state(2))
    assert is_realized(host)
    assert host.reports[-1].failures == ()


async def test_steps_that_do_not_stick_end_in_a_failure_that_says_so(host: Host) -> None:
    await host.realize(state())

    def undo() -> None:
        host.switch.bridges.pop("br-fleet", None)
        host.switch.reconfigure()

    class Stubborn(SwitchOvsdb):
        async def observe(self) -> OvsdbSnapshot:
            undo()
            return await super().observe()

    host.loop._ovsdb = Stubborn(host.switch)
    delay = await host.loop.turn()
    assert set(host.reasons().values()) <= {"NotRealized", "Refused", "BridgeMissing"}
    assert host.reasons()["overlay"] == "NotRealized"
    assert 0 < delay <= 1


async def test_a_missing_namespace_is_looked_for_every_two_seconds_at_least(host: Host) -> None:
    host.switch.kernel.namespaces.clear()
    delay = await host.realize(state())
    assert host.reasons() == {"port:b": "NamespaceMissing"}
    for _ in range(20):
        delay = await host.turn_at(delay)
        assert 0 < delay <= 2
    host.switch.kernel.namespaces.add("blue")
    await host.turn_at(delay)
    assert is_realized(host)


async def test_a_namespace_that_cannot_be_read_fails_its_ports_alone_and_leaves_them(
    host: Host,
) -> None:
    await host.realize(state())
    host.kernel.unreadable = {"blue": "Operation not permitted"}
    before, pair = host.writes, host.switch.kernel.links["b"]
    delay = await host.loop.turn()
    assert host.writes == before
    assert host.reasons() == {"port:b": "NamespaceUnreadable"}
    assert host.outcome() is Outcome.APPLIED
    assert 0 < delay <= 2
    host.switch.bridges.pop("br-fleet")
    host.switch.reconfigure()
    await host.loop.turn()
    assert "a" in host.switch.kernel.links
    assert host.switch.kernel.links["b"] == pair
    host.kernel.unreadable = {}
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.switch.kernel.links["b"].ifindex == pair.ifindex


async def test_a_refused_state_holds_and_the_accepted_one_is_kept(host: Host) -> None:
    await host.realize(state(5))
    await host.realize(state(4, ports=()))
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"host": "StaleRevision"}
    assert host.reports[-1].applied_revision == 5
    host.switch.kernel.delete_link("b")
    host.switch.reconfigure()
    await host.loop.turn()
    assert is_realized(host)
    await host.realize(state(6))
    assert host.outcome() is Outcome.APPLIED
