"""The closed loop when Open vSwitch, the disk or the agent itself fails, and while offers come."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import agent.reconciler
from agent.errors import ErrorKind, Failure
from agent.observed import ObservedState
from agent.ovsdb.snapshot import OvsdbSnapshot
from agent.report import Outcome, Report
from agent.state_file import Cached
from agent.way_back import planned
from tests.support.agent_host import SwitchOvsdb
from tests.support.agent_loop import Host, adds, is_realized, refused, state


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


async def test_without_a_database_nothing_is_done_and_it_is_said(host: Host) -> None:
    host.ovsdb.connected = False
    delay = await host.realize(state())
    assert host.reports == [Report(1, 0, b"", Outcome.HELD, host.reports[0].failures)]
    assert host.reasons() == {"host": "OvsdbDown"}
    assert delay <= 0.2
    assert host.writes == (0, 0)
    host.ovsdb.connected = True
    await host.turn_at(delay)
    assert is_realized(host)


async def test_without_vswitchd_the_state_is_accepted_and_not_applied(host: Host) -> None:
    host.switch.stop_vswitchd()
    await host.realize(state())
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"host": "VswitchdDown"}
    assert (host.reports[-1].observed_revision, host.reports[-1].applied_revision) == (1, 0)
    assert host.writes == (0, 0)


async def test_a_vswitchd_that_hangs_is_not_given_more_to_do(host: Host) -> None:
    host.ovsdb.realizes = False
    delay = await host.realize(state())
    assert host.outcome() is Outcome.HELD
    assert host.reasons()["host"] == "VswitchdStalled"
    attempts = host.ovsdb.attempts
    assert attempts == 1
    delay = await host.turn_at(delay)
    assert host.ovsdb.attempts == attempts
    host.ovsdb.realizes = True
    await host.turn_at(delay)
    assert host.outcome() is Outcome.APPLIED
    assert is_realized(host)


async def test_a_vswitchd_that_hangs_does_not_keep_the_loop_busy_with_what_failed(
    host: Host,
) -> None:
    host.ovsdb.realizes = False
    host.kernel.answers["port:b"] = refused("port:b", ErrorKind.TRANSIENT)
    delay = await host.realize(state())
    assert host.reasons()["port:b"] == "Refused"
    for _ in range(20):
        delay = await host.turn_at(delay)
        assert host.reasons()["host"] == "VswitchdStalled"
        assert delay > 0


async def test_an_interface_that_opens_in_time_is_never_reported(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Failure("port:a", ErrorKind.TRANSIENT, "InterfaceNotOpen", "not yet")
    opens_at = host.clock.now() + 1.0

    def slow_plan(cached: Cached, observed: ObservedState, _: object) -> object:
        plan = planned(cached, observed)
        if plan.is_empty and host.clock.now() < opens_at:
            return dataclasses.replace(plan, failures=(late,))
        return plan

    monkeypatch.setattr(agent.reconciler, "planned", slow_plan)
    await host.realize(state())
    assert [report.failures for report in host.reports] == [()]


async def test_an_interface_that_never_opens_is_reported_after_the_grace(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Failure("port:a", ErrorKind.TRANSIENT, "InterfaceNotOpen", "not yet")
    monkeypatch.setattr(
        agent.reconciler,
        "planned",
        lambda cached, observed, _: dataclasses.replace(
            planned(cached, observed), failures=(late,)
        ),
    )
    started = host.clock.now()
    await host.realize(state())
    assert host.clock.now() - started == pytest.approx(2.0)
    assert host.reports[-1].failures == (late,)
    await host.loop.turn()
    assert host.clock.now() - started == pytest.approx(2.0)


async def test_a_fault_of_the_agent_holds_the_host_and_is_reported(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(cached: Cached, observed: ObservedState, _: object) -> object:
        raise KeyError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(agent.reconciler, "planned", broken)
        delay = await host.realize(state())
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"host": "AgentFault"}
    await host.turn_at(delay)
    assert is_realized(host)


async def test_a_disk_that_takes_no_writes_holds_until_it_does(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("agent.cache.write_synced", full)
        delay = await host.realize(state())
        assert host.reasons() == {"host": "StateNotWritten"}
        assert host.writes == (0, 0)
        assert 0 < delay <= 0.2
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.outcome() is Outcome.APPLIED


async def test_a_disk_that_takes_no_writes_does_not_keep_the_accepted_state_from_being_kept(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    await host.realize(state())
    with monkeypatch.context() as patched:
        patched.setattr("agent.cache.write_synced", full)
        host.switch.kernel.delete_link("b")
        delay = await host.realize(state(2, ports=()))
        assert is_realized(host)
        assert host.outcome() is Outcome.HELD
        assert host.reasons() == {"host": "StateNotWritten"}
        assert host.reports[-1].applied_revision == 1
        assert 0 < delay <= 0.2
    await host.turn_at(delay)
    assert host.outcome() is Outcome.APPLIED
    assert host.reports[-1].applied_revision == 2


async def test_only_the_newest_of_several_states_is_applied(host: Host) -> None:
    for revision in (1, 2, 3):
        host.loop.offer(state(revision))
    await host.loop.turn()
    assert [report.applied_revision for report in host.reports] == [3]


async def test_a_state_that_arrives_during_a_turn_is_taken_at_once(host: Host) -> None:
    host.ovsdb.before_apply = lambda: host.loop.offer(state(2))
    assert await host.realize(state(1)) == 0.0
    await host.loop.turn()
    assert host.reports[-1].applied_revision == 2
    assert is_realized(host)


async def test_states_that_keep_coming_do_not_keep_the_host_from_following(host: Host) -> None:
    revisions = iter(range(2, 100))

    class Busy(SwitchOvsdb):
        async def observe(self) -> OvsdbSnapshot:
            host.loop.offer(state(next(revisions)))
            return await super().observe()

    host.loop._ovsdb = Busy(host.switch)
    await host.realize(state(1))
    await host.loop.turn()
    assert is_realized(host)


async def test_a_removal_is_forgotten_once_it_is_seen_gone(host: Host) -> None:
    await host.realize(state())
    gone = state(2, ports=state().ports[:1], removed=frozenset({"port:b", "port:unknown"}))
    await host.realize(gone)
    assert "b" not in host.switch.kernel.links
    assert host.cache.cached is not None
    assert host.cache.cached.state.removed == frozenset()


async def test_metrics_tell_outcomes_failures_and_revisions(host: Host) -> None:
    host.switch.refuses = adds("a")
    await host.realize(state(7))
    samples = host.metrics.samples()
    assert samples["ovsfleet_agent_reconciles_total{outcome=applied}"] == 1
    assert samples["ovsfleet_agent_failures{kind=transient}"] == 1
    assert samples["ovsfleet_agent_revision{stage=applied}"] == 7
