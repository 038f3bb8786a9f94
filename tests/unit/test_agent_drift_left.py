"""Until when what drifted is left as it was found, and what a turn, a start or a policy changes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.drift_foretold import foretold
from agent.errors import ErrorKind
from agent.model import HostState
from agent.monitoring import Mirror
from agent.observed import OvsInterface, OvsPort
from agent.ovsdb.snapshot import OvsdbUnavailableError
from agent.safety import DriftPolicy
from tests.support.agent_loop import Host, is_realized, state
from tests.unit.test_agent_drift import RESYNC_S, change, guarded, port, retag, told

REPORT, IGNORE = DriftPolicy.REPORT, DriftPolicy.IGNORE


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


async def fight(host: Host) -> None:
    for tag in range(70, 74):
        retag(host, tag)
        await host.loop.turn()
    assert host.reasons() == {"port:a": "DriftFought"}


def contest(host: Host) -> None:
    """Have somebody change port a after each transaction."""
    run = host.switch.run

    def undone(*arguments: object) -> object:
        failures = run(*arguments)  # type: ignore[arg-type]
        retag(host)
        return failures

    host.switch.run = undone  # type: ignore[assignment]
    retag(host)


async def turns(host: Host, delay: float, count: int) -> float:
    for _ in range(count):
        delay = await host.turn_at(delay)
    return delay


@pytest.mark.parametrize("policy", [DriftPolicy.ENFORCE, REPORT])
async def test_a_release_does_not_start_a_fight_without_an_end(
    host: Host, policy: DriftPolicy
) -> None:
    await host.realize(guarded(port_a=policy))
    contest(host)
    await turns(host, 0.0, 6)
    before = host.writes[0]
    delay = await host.realize(guarded(2, grants=1, port_a=policy))
    assert await turns(host, delay, 12) >= RESYNC_S
    assert host.reasons() == {"port:a": "DriftFought" if policy is not REPORT else "Drifted"}
    assert before < host.writes[0] <= before + 3
    assert "enforced" not in {action for _, action, _ in told(host)}


async def test_a_release_that_meets_a_database_that_is_away_is_done_later(host: Host) -> None:
    await host.realize(guarded(port_a=REPORT))
    retag(host)
    await host.loop.turn()
    host.ovsdb.connected = False
    delay = await host.realize(guarded(2, grants=1, port_a=REPORT))
    host.ovsdb.connected = True
    await host.turn_at(delay)
    assert is_realized(host)


async def test_what_was_found_in_a_turn_that_broke_off_is_told_in_the_next(host: Host) -> None:
    await host.realize(guarded(port_a=REPORT))
    retag(host)
    retag(host, 5, "b")

    def gone() -> None:
        host.ovsdb.before_apply = None
        raise OvsdbUnavailableError("gone")

    host.ovsdb.before_apply = gone
    await host.loop.turn()
    await host.loop.turn()
    assert ("port:a", "reported", "Port.tag is 77 instead of 2") in told(host)


async def test_the_policy_in_force_says_what_becomes_of_a_fight(host: Host) -> None:
    await host.realize(guarded())
    await fight(host)
    await host.realize(guarded(2, port_a=IGNORE))
    assert (host.reasons(), port(host).tag) == ({}, 73)  # type: ignore[union-attr]
    await host.realize(guarded(3, grants=1, port_a=IGNORE))
    assert (host.reasons(), port(host).tag) == ({}, 73)  # type: ignore[union-attr]
    await host.realize(guarded(4, grants=1, port_a=REPORT))
    assert (host.reasons(), port(host).tag) == ({"port:a": "Drifted"}, 73)  # type: ignore[union-attr]
    await host.realize(guarded(5, grants=1))
    assert is_realized(host)


async def test_a_release_of_a_controller_that_was_restored_counts(host: Host) -> None:
    await host.realize(guarded(grants=5, port_a=REPORT))
    retag(host)
    await host.loop.turn()
    restored = guarded(2, grants=3, port_a=REPORT)
    await host.realize(dataclasses.replace(restored, fleet_epoch=2))
    assert host.reasons() == {"port:a": "Drifted"}
    released = guarded(3, grants=4, port_a=REPORT)
    await host.realize(dataclasses.replace(released, fleet_epoch=2))
    assert is_realized(host)


async def test_what_never_was_realized_is_no_drift_for_the_next_agent(host: Host) -> None:
    await host.realize(state(ports=()))
    row = host.switch.bridges["br-fleet"]
    foreign = OvsPort("a", interfaces=(OvsInterface("a", type="internal"),))
    host.switch.bridges["br-fleet"] = dataclasses.replace(row, ports=(*row.ports, foreign))
    host.switch.reconfigure()
    await host.realize(state(2))
    assert list(host.reasons()) == ["port:a"]
    host = host.started_again()
    await host.loop.turn()
    change(host, "a", lambda _: None)
    await host.loop.turn()
    assert is_realized(host)
    assert told(host) == []
    retag(host)
    host = host.started_again()
    await host.loop.turn()
    assert [action for _, action, _ in told(host)] == ["enforced"]


async def test_what_went_with_the_boot_is_no_drift_under_any_policy(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.realize(state())
    monkeypatch.setattr("agent.host.boot_id", lambda: "another")
    host.switch.kernel.peers.clear()
    host.switch.reboot()
    change(host, "a", lambda _: None)
    host = host.started_again()
    await host.loop.turn()
    assert is_realized(host)
    assert told(host) == []


async def test_a_mirror_waits_for_a_port_that_is_left_deleted(host: Host) -> None:
    mirror = Mirror("mirror:m", "m", "br-fleet", select_src_ports=frozenset({"a"}), output_port="b")

    def mirrored(revision: int, policy: DriftPolicy, grants: int = 0) -> HostState:
        desired = guarded(revision, grants, port_a=policy)
        return dataclasses.replace(desired, mirrors=(mirror,))

    await host.realize(mirrored(1, REPORT))
    change(host, "a", lambda _: None)
    row = host.switch.bridges["br-fleet"]
    (there,) = row.mirrors
    bare = dataclasses.replace(there, select_src_port=frozenset())
    host.switch.bridges["br-fleet"] = dataclasses.replace(row, mirrors=(bare,))
    before = host.writes
    delay = await host.loop.turn()
    assert await turns(host, delay, 3) >= RESYNC_S
    assert host.writes == before
    assert host.reasons() == {"mirror:m": "StandsOnDrift", "port:a": "Drifted"}
    message = next(f.message for f in host.reports[-1].failures if f.resource == "mirror:m")
    assert "port a is gone" in message
    assert "`ovsfleet release one`" in message
    await host.realize(mirrored(2, REPORT, grants=1))
    assert host.reasons() == {}
    assert host.switch.bridges["br-fleet"].mirrors == (there,)


async def test_a_port_on_a_bridge_that_is_ignored_says_so_and_is_not_looked_for(
    host: Host,
) -> None:
    await host.realize(guarded(overlay=IGNORE))
    host.switch.bridges.clear()
    host.switch.reconfigure()
    assert await host.loop.turn() >= RESYNC_S
    failures = host.reports[-1].failures
    assert {(f.resource, f.reason, f.kind) for f in failures} == {
        (f"port:{name}", "StandsOnDrift", ErrorKind.CONFLICT) for name in "ab"
    }
    assert "set the drift_policy of overlay to enforce" in failures[0].message


async def test_what_somebody_added_in_our_name_is_left_as_well(host: Host) -> None:
    await host.realize(guarded(port_a=REPORT))
    found = port(host)
    assert found is not None
    copy = dataclasses.replace(found, name="copy")
    row = host.switch.bridges["br-fleet"]
    host.switch.bridges["br-fleet"] = dataclasses.replace(row, ports=(*row.ports, copy))
    host.switch.reconfigure()
    before = host.writes
    await host.loop.turn()
    assert host.writes == before
    assert told(host) == [("port:a", "reported", "port copy is yes instead of no")]


async def test_who_asks_for_the_plan_hears_what_is_left(host: Host) -> None:
    await host.realize(guarded(port_a=IGNORE, port_b=REPORT))
    retag(host)
    await host.loop.turn()
    cached = host.started_again().cache.cached
    assert cached is not None
    plan, silent = foretold(cached, host.switch.observed)
    assert (plan.describe(), len(silent)) == ((), 1)
    assert "port:a" in silent[0]
    assert "Port.tag is 77 instead of 2" in silent[0]
    retag(host, 5, "b")
    plan, _ = foretold(cached, host.switch.observed)
    assert plan.is_empty
    assert [(each.resource, each.reason) for each in plan.failures] == [("port:b", "Drifted")]
