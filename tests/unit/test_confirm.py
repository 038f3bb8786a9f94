"""Changes on trial: confirmed, or undone by the agent alone, whatever happens in between."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import agent.confirm
from agent.cache import CacheError
from agent.errors import ErrorKind
from agent.model import ID_KEY, Bridge, DatapathType, HostState, Port, PortType
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.planner import make_plan
from agent.report import Outcome
from agent.safety import ConfirmPolicy, DriftPolicy, Grants, Safety
from agent.state_file import Cached
from tests.support.agent_loop import Host, adds, state

TIMEOUT_S = 30
CAREFUL = Safety(confirm=ConfirmPolicy.ALWAYS, confirm_timeout_s=TIMEOUT_S)
BASE = state(1)


def candidate(revision: int = 2, name: str = "c", **changes: object) -> HostState:
    """Another port, one that is moved to another VLAN, and one that is gone."""
    moved = dataclasses.replace(BASE.ports[0], tag=7)
    more = Port(f"port:{name}", name, PortType.INTERNAL, "br-fleet", tag=3)
    whole = state(
        revision,
        hash=b"candidate %s" % name.encode(),
        ports=(moved, more),
        removed=frozenset({"port:b", "port:c"} - {more.id}),
        safety=CAREFUL,
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def ports(host: Host) -> set[str]:
    return {port.name for port in host.switch.bridges["br-fleet"].ports}


def marks(host: Host, bridge: str) -> set[str]:
    """What a bridge and its rows are marked as ours for."""
    row = host.switch.bridges[bridge]
    marks = [row.external_ids, *(port.external_ids for port in row.ports)]
    marks += [each.external_ids for port in row.ports for each in port.interfaces]
    device = host.switch.observed.links.get(bridge)
    alias = device.alias.removeprefix("ovsfleet:fleet:") if device is not None else ""
    return {mark[ID_KEY] for mark in marks if ID_KEY in mark} | ({alias} - {""})


def is_as(host: Host, wanted: HostState) -> bool:
    plan = make_plan(wanted, host.switch.observed)
    return plan.is_empty and not plan.failures


@pytest.fixture
async def host(tmp_path: Path) -> Host:
    """One with a confirmed state, realized."""
    made = Host(tmp_path)
    await made.realize(BASE)
    assert made.outcome() is Outcome.APPLIED
    return made


async def test_a_change_counts_as_applied_once_the_controller_confirmed_it(host: Host) -> None:
    delay = await host.realize(candidate())
    report = host.reports[-1]
    assert host.reasons() == {"change": "OnTrial"}
    assert (report.observed_revision, report.applied_revision) == (2, 1)
    assert delay <= TIMEOUT_S
    host.confirm()
    await host.loop.turn()
    report = host.reports[-1]
    assert (report.outcome, report.applied_revision, report.failures) == (Outcome.APPLIED, 2, ())
    host.clock.advance(10 * TIMEOUT_S)
    await host.loop.turn()
    assert is_as(host, candidate())
    assert is_as(host.started_again(), candidate())


async def test_a_change_that_nobody_confirms_is_undone_and_what_it_took_away_is_back(
    host: Host,
) -> None:
    delay = await host.realize(candidate())
    assert "c" in ports(host)
    await host.turn_at(delay)
    report = host.reports[-1]
    assert (report.outcome, report.observed_revision) == (Outcome.REVERTED, 2)
    assert (report.applied_revision, report.applied_hash) == (1, BASE.hash)
    (failure,) = report.failures
    assert (failure.resource, failure.kind, failure.reason) == (
        "change",
        ErrorKind.CONFLICT,
        "Reverted",
    )
    assert "port:a" in failure.message
    assert f"{TIMEOUT_S} s" in failure.message
    assert "ovsfleet release one" in failure.message
    assert is_as(host, BASE)


async def test_what_was_undone_is_not_taken_again_until_an_operator_has_looked(host: Host) -> None:
    await host.turn_at(await host.realize(candidate()))
    written, told = host.writes, host.reports[-1]
    for revision in (2, 2, 3):
        await host.realize(candidate(revision))
    await host.realize(candidate(3, "d"))  # the next write, by a controller that knows nothing yet
    fresh = host.started_again()
    await fresh.realize(candidate())
    await fresh.realize(state(1))  # what a controller has for a host that it holds there
    assert (host.writes, host.reports[-1]) == (written, told)
    assert fresh.reports[-1] == told
    await fresh.realize(candidate(4, "d", grants=Grants(1, released=4)))
    assert fresh.reasons() == {"change": "OnTrial"}
    fresh.confirm()
    await fresh.loop.turn()
    assert fresh.outcome() is Outcome.APPLIED


async def test_intent_that_is_as_before_again_ends_what_is_said_of_the_change(host: Host) -> None:
    await host.turn_at(await host.realize(candidate()))
    await host.realize(dataclasses.replace(BASE, revision=3))
    report = host.reports[-1]
    assert (report.outcome, report.applied_revision, report.failures) == (Outcome.APPLIED, 3, ())


@pytest.mark.parametrize("step", ["before-trial", "after-trial", "before-revert", "after-revert"])
async def test_an_agent_that_is_killed_at_any_point_of_it_goes_back_in_time(
    host: Host, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def die(reached: str) -> None:
        if reached == step:
            raise KilledError

    monkeypatch.setattr(agent.confirm, "reached", die)
    with pytest.raises(KilledError):
        await host.turn_at(await host.realize(candidate()))
    monkeypatch.undo()
    fresh = host.started_again()
    delay = await fresh.loop.turn()
    if "trial" in step:
        assert fresh.reasons() == {"change": "OnTrial"}
        delay = await fresh.turn_at(delay)
    assert fresh.outcome() is Outcome.REVERTED
    assert is_as(fresh, BASE)


@pytest.mark.parametrize("policy", [DriftPolicy.REPORT, DriftPolicy.IGNORE])
async def test_the_way_back_is_no_drift_that_would_be_left_alone(
    tmp_path: Path, policy: DriftPolicy
) -> None:
    base = dataclasses.replace(BASE, safety=Safety(drift={"port:a": policy}))
    host = Host(tmp_path)
    await host.realize(base)
    safety = dataclasses.replace(CAREFUL, drift=base.safety.drift)
    await host.realize(candidate(safety=safety))
    fresh = host.started_again(since=TIMEOUT_S)
    await fresh.loop.turn()
    assert fresh.reasons() == {"change": "Reverted"}
    assert is_as(fresh, base)


async def test_the_deadline_counts_on_while_no_agent_runs(host: Host) -> None:
    await host.realize(candidate())
    waiting = host.started_again(since=TIMEOUT_S / 2)
    assert await waiting.loop.turn() <= TIMEOUT_S / 2
    assert waiting.reasons() == {"change": "OnTrial"}
    late = host.started_again(since=TIMEOUT_S)
    await late.loop.turn()
    assert [report.outcome for report in late.reports] == [Outcome.REVERTED]
    assert is_as(late, BASE)


async def test_a_host_that_is_booted_meanwhile_goes_back_before_anything_else(host: Host) -> None:
    await host.realize(candidate())
    host.switch.reboot()
    host.switch.start_vswitchd()
    fresh = host.started_again()
    await fresh.realize(candidate(3, "d"))
    assert fresh.outcome() is Outcome.REVERTED
    assert "booted anew" in fresh.reports[-1].failures[0].message
    assert is_as(fresh, BASE)
    assert "d" not in ports(fresh)


async def test_states_that_come_during_a_trial_wait_and_the_newest_is_taken_after_it(
    host: Host,
) -> None:
    await host.realize(candidate())
    for name, revision in (("d", 3), ("e", 4)):
        delay = await host.realize(candidate(revision, name))
        assert host.reports[-1].observed_revision == 2
        assert delay > 0
    host.confirm()
    await host.loop.turn()
    assert host.reports[-1].observed_revision == 4
    assert host.reasons()["change"] == "OnTrial"
    assert ports(host) >= {"a", "e"}
    assert "d" not in ports(host)


async def test_what_waited_when_a_change_was_undone_is_dropped(host: Host) -> None:
    delay = await host.realize(candidate())
    waiting = candidate(3, "d", grants=Grants(1))  # of something else, by who saw no change undone
    host.loop.offer(waiting)
    assert await host.turn_at(delay) > 0
    for _ in range(2):
        assert host.outcome() is Outcome.REVERTED
        assert is_as(host, BASE)
        await host.realize(waiting)
    await host.realize(candidate(4, "d", grants=Grants(2, released=4)))
    assert host.reasons() == {"change": "OnTrial"}


@pytest.mark.parametrize(
    ("grants", "taken"),
    [
        (Grants(3), False),  # something else was allowed
        (Grants(3, released=1), False),  # released before it was undone
        (Grants(1, released=3), True),  # counted anew by a controller that was an older one
    ],
)
async def test_only_a_release_that_is_newer_than_what_was_undone_lets_a_host_go_on(
    host: Host, grants: Grants, *, taken: bool
) -> None:
    before = Grants(2, released=1)
    await host.turn_at(await host.realize(candidate(grants=before)))
    await host.realize(candidate(3, "d", grants=grants))
    assert (host.outcome() is Outcome.APPLIED) is taken


async def test_a_newer_epoch_counts_as_a_release(host: Host) -> None:
    await host.turn_at(await host.realize(candidate()))
    await host.realize(candidate(3, fleet_epoch=2))
    assert host.outcome() is Outcome.REVERTED
    await host.realize(candidate(3, "d", fleet_epoch=2))
    assert host.reasons() == {"change": "OnTrial"}


async def test_answers_from_before_the_change_went_on_count_for_nothing(host: Host) -> None:
    host.switch.refuses = adds("c")
    await host.realize(candidate())
    early = host.round_trip.put()
    assert early is not None
    host.switch.refuses = lambda _: False
    host.clock.advance(5)
    await host.loop.turn()
    host.round_trip.hear(early[0])
    await host.loop.turn()
    assert host.reasons() == {"change": "OnTrial"}


async def test_an_answer_that_comes_while_the_host_is_looked_at_is_not_slept_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.realize(candidate())
    monkeypatch.setattr(host.loop, "_on_sighting", lambda _: host.confirm())
    assert await host.loop.turn() == 0
    monkeypatch.undo()
    await host.loop.turn()
    assert host.reports[-1].applied_revision == 2


async def test_what_fails_beside_the_way_to_the_controller_holds_no_confirmation_up(
    host: Host,
) -> None:
    host.switch.refuses = adds("c")
    await host.realize(candidate())
    assert host.reasons().keys() == {"change", "port:c"}
    host.confirm()
    await host.loop.turn()
    assert host.reasons().keys() == {"port:c"}
    assert host.reports[-1].applied_revision == 2


async def test_what_touches_nothing_of_the_way_is_confirmed_without_a_trial(host: Host) -> None:
    await host.realize(dataclasses.replace(candidate(), safety=Safety()))
    assert (host.outcome(), host.reasons()) == (Outcome.APPLIED, {})
    assert host.round_trip.put() is None


async def test_drift_and_a_restart_of_a_confirmed_state_are_no_trial(host: Host) -> None:
    await host.realize(candidate())
    host.confirm()
    await host.loop.turn()
    host.switch.reboot()
    host.switch.start_vswitchd()
    fresh = host.started_again()
    await fresh.loop.turn()
    assert (fresh.outcome(), fresh.reasons()) == (Outcome.APPLIED, {})


async def test_a_first_state_is_undone_to_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.turn_at(await host.realize(candidate()))
    report = host.reports[-1]
    assert (report.outcome, report.observed_revision) == (Outcome.REVERTED, 2)
    assert (report.applied_revision, report.applied_hash) == (0, b"")
    assert host.switch.bridges == {}


async def test_a_host_that_lost_its_state_loses_nothing_that_it_had_before(
    host: Host, tmp_path: Path
) -> None:
    bare = Host(tmp_path / "new disk", host.switch)
    await bare.turn_at(await bare.realize(candidate()))
    assert bare.outcome() is Outcome.REVERTED
    assert "a" in ports(host)
    assert "c" not in ports(host)


async def test_what_was_taken_over_is_somebody_elses_again_when_the_change_is_undone(
    host: Host,
) -> None:
    rows = (OvsPort("br-x", (OvsInterface("br-x", "internal"),)),)
    host.switch.bridges["br-x"] = OvsBridge("br-x", rows, "netdev")
    bridge = Bridge("bridge:x", "br-x", DatapathType.NETDEV)
    grants = Grants(1, adoptions={"bridge:x": True})
    taking = candidate(bridges=(bridge,), grants=grants)
    delay = await host.realize(taking)
    assert marks(host, "br-x") == {"bridge:x"}
    await host.turn_at(delay)
    assert host.reasons() == {"change": "Reverted"}
    assert marks(host, "br-x") == set()
    assert host.cache.cached is not None
    assert not host.cache.cached.state.released
    # Neither a release nor the end of the intent takes it away, and it can be taken over anew.
    removed = dataclasses.replace(
        BASE, revision=3, hash=b"3", removed=frozenset({"bridge:x"}), grants=Grants(2, released=3)
    )
    await host.realize(removed)
    assert (host.reasons(), marks(host, "br-x")) == ({}, set())
    again = Grants(3, adoptions={"bridge:x": True}, released=3)
    await host.realize(candidate(4, bridges=(bridge,), grants=again, safety=Safety()))
    assert marks(host, "br-x") == {"bridge:x"}


async def test_a_trial_that_cannot_be_written_is_not_begun(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = host.writes
    store = host.cache._store

    def fill_up(record: Cached) -> None:
        if record.trial is not None:
            raise CacheError("no space left")
        store(record)

    monkeypatch.setattr(host.cache, "_store", fill_up)
    await host.realize(candidate())
    assert host.reasons() == {"host": "StateNotWritten"}
    assert host.writes == before


async def test_a_host_goes_back_though_its_disk_takes_no_writes(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    delay = await host.realize(candidate())

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(host.cache, "_replace", full)
    await host.turn_at(delay)
    assert is_as(host, BASE)
    assert host.reasons().keys() == {"change", "host"}
    late = host.started_again()
    await late.loop.turn()
    assert late.outcome() is Outcome.REVERTED
    monkeypatch.undo()
    await host.turn_at(30)
    assert host.outcome() is Outcome.REVERTED
    assert host.reasons() == {"change": "Reverted"}
