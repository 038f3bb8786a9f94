"""Changes on trial while Open vSwitch is away, and while a part of them fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import agent.confirm
from agent.errors import ErrorKind
from agent.observed import ObservedState
from agent.ovsdb.apply import Outcome as Commit
from agent.ovsdb.apply import OvsdbResult
from agent.planner.management import Touch
from agent.planner.management_path import ManagementPath
from agent.planner.plan import OvsdbOp, Plan, SetPort, Step
from agent.report import Outcome
from agent.safety import Grants
from tests.support.agent_loop import Host
from tests.unit.test_confirm import BASE, TIMEOUT_S, candidate, is_as, ports


@pytest.fixture
async def host(tmp_path: Path) -> Host:
    """One with a confirmed state, realized."""
    made = Host(tmp_path)
    await made.realize(BASE)
    return made


@pytest.fixture
def all_on_path(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Whatever is done after the confirmed state may cut the host off."""

    def touches(plan: Plan, _: ManagementPath, __: ObservedState) -> tuple[Touch, ...]:
        steps = (step for stage in plan.stages for step in stage.steps())
        return tuple(Touch(step.resource, step.describe(), has_way_back=True) for step in steps)

    monkeypatch.setattr(agent.confirm, "touches", touches)
    return host


def is_asked(host: Host) -> bool:
    return host.round_trip.put() is not None


def sets_port(step: Step) -> bool:
    return isinstance(step, SetPort)


async def turns(host: Host, seconds: float) -> None:
    """Those that the loop wants within this time."""
    end = host.clock.time + seconds
    delay = await host.loop.turn()
    while host.clock.time + delay <= end:
        delay = await host.turn_at(max(delay, 0.1))
    host.clock.advance(end - host.clock.time)


async def test_nothing_is_confirmed_over_a_vswitchd_that_died_with_the_change(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(_: Sequence[OvsdbOp], __: str, ___: float) -> OvsdbResult:
        host.switch.stop_vswitchd()
        return OvsdbResult(Commit.TRY_AGAIN, error="lost")

    with monkeypatch.context() as patch:
        patch.setattr(host.ovsdb, "apply", dies)
        await host.realize(candidate())
    assert host.reasons() == {"change": "OnTrial", "host": "VswitchdDown"}
    assert not is_asked(host)
    host.switch.start_vswitchd()
    await turns(host, TIMEOUT_S - 1)
    assert "c" in ports(host)
    assert is_asked(host)
    await turns(host, 1.5)
    assert host.outcome() is Outcome.REVERTED
    assert is_as(host, BASE)


async def test_nothing_is_confirmed_over_a_vswitchd_that_hangs_also_by_an_agent_that_is_new(
    host: Host,
) -> None:
    host.ovsdb.realizes = False
    await host.realize(candidate())
    assert not is_asked(host)
    fresh = host.started_again(since=1)
    fresh.ovsdb.realizes = False
    assert await fresh.loop.turn() <= agent.confirm.RELOOK_S
    assert not is_asked(fresh)
    fresh.ovsdb.realizes = True
    await fresh.turn_at(2)
    assert is_asked(fresh)
    fresh.ovsdb.realizes = False
    await fresh.loop.turn()
    assert not is_asked(fresh)


async def test_a_vswitchd_that_is_away_at_the_deadline_is_waited_for_before_it_counts_as_undone(
    host: Host,
) -> None:
    await host.realize(candidate())
    host.switch.stop_vswitchd()
    await turns(host, TIMEOUT_S + 1)
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"change": "Reverted", "host": "VswitchdDown"}
    await host.realize(candidate(3, "d", grants=Grants(1, released=3)))
    host.switch.start_vswitchd()
    await host.turn_at(1)
    assert is_as(host, BASE)
    assert host.outcome() is Outcome.REVERTED
    await host.loop.turn()
    assert host.reasons() == {"change": "OnTrial"}


async def test_a_database_that_is_away_at_the_deadline_is_waited_for_too(host: Host) -> None:
    await host.realize(candidate())
    host.ovsdb.connected = False
    await turns(host, TIMEOUT_S + 1)
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"change": "Reverted", "host": "OvsdbDown"}
    host.ovsdb.connected = True
    await host.loop.turn()
    assert host.outcome() is Outcome.REVERTED
    assert is_as(host, BASE)


async def test_a_step_that_fails_on_the_way_is_named_when_it_kept_the_question_back(
    all_on_path: Host,
) -> None:
    host = all_on_path
    host.switch.refuses = sets_port
    await host.realize(candidate())
    assert not is_asked(host)
    await turns(host, TIMEOUT_S + 1)
    (why,) = (each.message for each in host.reports[-1].failures if each.resource == "change")
    assert "could not be asked" in why
    assert "port:a could not be brought" in why
    assert is_as(host, BASE)


async def test_the_way_back_goes_on_until_all_of_it_is_done(host: Host) -> None:
    delay = await host.realize(candidate())
    host.switch.refuses = sets_port
    await host.turn_at(delay)
    report = host.reports[-1]
    assert report.outcome is Outcome.REVERTED
    assert host.reasons().keys() == {"change", "port:a"}
    assert "Not as it was before yet: port:a" in report.failures[0].message
    assert host.cache.cached is not None
    assert host.cache.cached.undone is not None
    assert not host.cache.cached.undone.is_settled
    host.switch.refuses = lambda _: False
    await turns(host, 60)
    assert host.reasons() == {"change": "Reverted"}
    assert host.cache.cached.undone.is_settled
    assert is_as(host, BASE)
    assert [each.kind for each in host.reports[-1].failures] == [ErrorKind.CONFLICT]


async def test_a_state_that_is_refused_keeps_no_question_back_and_no_host_from_going_on(
    host: Host,
) -> None:
    """A replica of the controller that is behind speaks while the new state waits."""
    stale = replace(BASE, revision=0, hash=b"stale")
    host.ovsdb.connected = False
    await host.realize(candidate())
    await host.realize(stale)
    host.ovsdb.connected = True
    await host.loop.turn()
    assert host.reasons() == {"change": "OnTrial", "host": "StaleRevision"}
    assert is_asked(host)
    await turns(host, TIMEOUT_S + 1)
    assert (host.outcome(), host.reasons()) == (Outcome.REVERTED, {"change": "Reverted"})
    await host.realize(candidate(3, "d", grants=Grants(1, released=3)))
    assert host.reasons() == {"change": "OnTrial"}
    await host.realize(stale)
    host.confirm()
    await host.loop.turn()
    await host.realize(stale)
    assert (host.outcome(), host.reports[-1].applied_revision) == (Outcome.HELD, 3)
