"""What the loop does about what others changed on the host, by policy, and what it tells of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

import agent.host
from agent.drift_left import FIGHT_S
from agent.errors import ErrorKind, Failure
from agent.model import DEVICE_KEY, HostState
from agent.observed import OvsPort
from agent.planner.plan import NetlinkStep
from agent.safety import DriftPolicy, Grants, Safety
from tests.support.agent_loop import Host, is_realized, refused, state

RESYNC_S = 480.0
"""The shortest sleep of a loop that waits for nothing."""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def guarded(revision: int = 1, grants: int = 0, **policies: DriftPolicy) -> HostState:
    """``port_a=…`` for ``port:a``."""
    named = {name.replace("_", ":"): policy for name, policy in policies.items()}
    return state(revision, safety=Safety(drift=named), grants=Grants(grants, mended=grants))


def port(host: Host, name: str = "a") -> OvsPort | None:
    ports = (each for row in host.switch.bridges.values() for each in row.ports)
    return next((each for each in ports if each.name == name), None)


def change(host: Host, name: str, deed: Callable[[OvsPort], OvsPort | None]) -> None:
    row = host.switch.bridges["br-fleet"]
    changed = (deed(each) if each.name == name else each for each in row.ports)
    ports = tuple(each for each in changed if each is not None)
    host.switch.bridges["br-fleet"] = dataclasses.replace(row, ports=ports)
    host.switch.reconfigure()


def retag(host: Host, tag: int = 77, name: str = "a") -> None:
    change(host, name, lambda each: dataclasses.replace(each, tag=tag))


def told(host: Host) -> list[tuple[str, str, str]]:
    return [
        (event.resource, event.action.value, "; ".join(map(str, event.differences)))
        for event in host.drift_events.events
    ]


async def test_what_somebody_changed_is_brought_back_and_told(host: Host) -> None:
    await host.realize(state())
    assert told(host) == []
    retag(host)
    await host.loop.turn()
    change(host, "a", lambda _: None)
    await host.loop.turn()
    assert is_realized(host)
    assert host.reasons() == {}
    assert told(host) == [
        ("port:a", "enforced", "Port.tag is 77 instead of 2"),
        ("port:a", "enforced", "present is no instead of yes"),
    ]


@pytest.mark.parametrize("policy", [DriftPolicy.ENFORCE, DriftPolicy.REPORT])
async def test_what_looked_as_if_it_went_by_itself_is_judged_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, policy: DriftPolicy
) -> None:
    """The kernel tells of the device that was made again before the database tells of the deed."""
    await host.realize(guarded(port_a=policy))
    apply, deeds = host.kernel.apply, [lambda: retag(host)]

    async def late(step: NetlinkStep) -> Failure | None:
        while deeds:
            deeds.pop()()
        return await apply(step)

    monkeypatch.setattr(host.kernel, "apply", late)
    host.switch.kernel.delete_link("a")
    host.switch.reconfigure()
    await host.loop.turn()
    done = {DriftPolicy.ENFORCE: "enforced", DriftPolicy.REPORT: "reported"}[policy]
    assert not deeds
    assert told(host) == [("port:a", done, "Port.tag is 77 instead of 2")]
    assert is_realized(host) is (policy is DriftPolicy.ENFORCE)


async def test_drift_while_the_agent_was_away_is_told(host: Host) -> None:
    await host.realize(state())
    retag(host)
    host = host.started_again()
    await host.loop.turn()
    assert is_realized(host)
    assert told(host) == [("port:a", "enforced", "Port.tag is 77 instead of 2")]


async def test_a_reported_resource_is_left_also_by_the_next_agent_until_it_is_released(
    host: Host,
) -> None:
    await host.realize(guarded(port_a=DriftPolicy.REPORT))
    retag(host)
    before = host.writes
    assert await host.loop.turn() >= RESYNC_S
    assert host.reasons() == {"port:a": "Drifted"}
    (failure,) = host.reports[-1].failures
    assert failure.kind is ErrorKind.CONFLICT
    assert "Port.tag is 77 instead of 2" in failure.message
    assert "`ovsfleet release one`" in failure.message
    await host.loop.turn()
    assert told(host) == [("port:a", "reported", "Port.tag is 77 instead of 2")]
    assert host.writes == before
    host = host.started_again()
    await host.loop.turn()
    assert host.reasons() == {"port:a": "Drifted"}
    assert (host.writes, told(host)) == (before, [])
    await host.realize(guarded(2, grants=1, port_a=DriftPolicy.REPORT))
    assert is_realized(host)
    assert [action for _, action, _ in told(host)] == ["enforced"]
    retag(host, 78)
    await host.loop.turn()
    assert host.reasons() == {"port:a": "Drifted"}


async def test_a_release_while_the_agent_was_away_counts(host: Host) -> None:
    await host.realize(guarded(port_a=DriftPolicy.REPORT))
    change(host, "a", lambda _: None)
    await host.loop.turn()
    assert port(host) is None
    host = host.started_again()
    await host.realize(guarded(2, grants=1, port_a=DriftPolicy.REPORT))
    assert is_realized(host)


async def test_what_is_changed_back_by_hand_is_as_intended_again(host: Host) -> None:
    await host.realize(guarded(port_a=DriftPolicy.REPORT))
    retag(host)
    await host.loop.turn()
    retag(host, 2)
    await host.loop.turn()
    assert host.reasons() == {}
    assert host.drift.left == {}


async def test_an_ignored_resource_is_left_in_silence(host: Host) -> None:
    await host.realize(guarded(port_a=DriftPolicy.IGNORE))
    retag(host)
    before = host.writes
    assert await host.loop.turn() >= RESYNC_S
    assert (host.reasons(), told(host), host.writes) == ({}, [], before)
    assert host.reports[-1].applied_revision == 1
    retag(host, 9, "b")
    await host.loop.turn()
    assert [resource for resource, _, _ in told(host)] == ["port:b"]
    await host.realize(guarded(2, grants=1, port_a=DriftPolicy.IGNORE))
    assert port(host).tag == 77  # type: ignore[union-attr]
    await host.realize(guarded(3, grants=1))
    assert is_realized(host)


@pytest.mark.parametrize("policy", [DriftPolicy.REPORT, DriftPolicy.IGNORE])
async def test_new_intent_for_a_drifted_resource_is_applied(
    host: Host, policy: DriftPolicy
) -> None:
    desired = guarded(port_a=policy)
    await host.realize(desired)
    retag(host)
    await host.loop.turn()
    other = dataclasses.replace(desired.ports[1], mtu=1400)
    changed = dataclasses.replace(desired, revision=2, hash=b"2", ports=(desired.ports[0], other))
    await host.realize(changed)
    assert port(host).tag == 77  # type: ignore[union-attr]
    ports = (dataclasses.replace(desired.ports[0], tag=3), other)
    await host.realize(dataclasses.replace(changed, revision=3, hash=b"3", ports=ports))
    assert port(host).tag == 3  # type: ignore[union-attr]
    assert host.reasons() == {}
    await host.realize(
        dataclasses.replace(
            changed, revision=4, hash=b"4", ports=(other,), removed=frozenset({"port:a"})
        )
    )
    assert port(host) is None


async def test_who_changes_it_back_each_time_is_not_fought(host: Host) -> None:
    await host.realize(state())
    for _ in range(4):
        host.clock.advance(60)
        retag(host)
        await host.loop.turn()
    assert port(host).tag == 77  # type: ignore[union-attr]
    assert host.reasons() == {"port:a": "DriftFought"}
    assert [action for _, action, _ in told(host)] == [*["enforced"] * 3, "gave_up"]
    assert "3 times within 10 minutes" in host.reports[-1].failures[0].message
    await host.turn_at(FIGHT_S)
    assert host.reasons() == {"port:a": "DriftFought"}
    await host.realize(guarded(2, grants=1))
    assert is_realized(host)
    assert host.reasons() == {}


async def test_rare_changes_are_no_fight(host: Host) -> None:
    await host.realize(state())
    for _ in range(6):
        host.clock.advance(FIGHT_S / 3 + 1)
        retag(host)
        await host.loop.turn()
        assert is_realized(host)


async def test_who_is_quicker_than_the_loop_is_not_fought_for_ever(host: Host) -> None:
    await host.realize(state())
    run = host.switch.run

    def undone(*arguments: object) -> object:
        failures = run(*arguments)  # type: ignore[arg-type]
        retag(host)
        return failures

    retag(host)
    host.switch.run = undone  # type: ignore[assignment]
    delay = 0.0
    for _ in range(6):
        delay = await host.turn_at(delay)
    assert host.reasons() == {"port:a": "DriftFought"}
    assert [action for _, action, _ in told(host)] == ["gave_up"]
    assert delay >= RESYNC_S


async def test_a_repair_that_is_refused_is_tried_on_and_told_once(host: Host) -> None:
    await host.realize(state())
    host.kernel.answers["port:b"] = refused("port:b", ErrorKind.TRANSIENT)
    host.switch.kernel.delete_link("b")
    host.switch.reconfigure()
    delay = 0.0
    for _ in range(6):
        delay = await host.turn_at(delay)
    assert host.reasons() == {"port:b": "Refused"}
    assert told(host) == []
    del host.kernel.answers["port:b"]
    await host.turn_at(delay)
    assert is_realized(host)
    assert [(r, action) for r, action, _ in told(host)] == [("port:b", "enforced")]


async def test_what_goes_by_itself_is_nobodys_deed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.realize(guarded(port_a=DriftPolicy.REPORT, port_b=DriftPolicy.REPORT))
    host.switch.stop_vswitchd()
    await host.loop.turn()
    link = host.switch.kernel.links["a"]
    host.switch.kernel.links["a"] = dataclasses.replace(link, ifindex=900, up=False)
    host.switch.start_vswitchd()
    await host.loop.turn()

    def forget_device(each: OvsPort) -> OvsPort:
        (interface,) = each.interfaces
        ids = {k: v for k, v in interface.external_ids.items() if k != DEVICE_KEY}
        return dataclasses.replace(
            each, interfaces=(dataclasses.replace(interface, external_ids=ids),)
        )

    change(host, "b", forget_device)
    await host.loop.turn()
    assert is_realized(host)
    monkeypatch.setattr(agent.host, "boot_id", lambda: "another")
    host.switch.kernel.peers.clear()
    host.switch.reboot()
    host = host.started_again()
    await host.loop.turn()
    assert is_realized(host)
    assert (host.reasons(), told(host)) == ({}, [])


async def test_a_database_that_began_anew_is_filled_again(host: Host) -> None:
    await host.realize(guarded(overlay=DriftPolicy.REPORT, port_a=DriftPolicy.REPORT))
    host.ovsdb.connected = False
    await host.loop.turn()
    host.switch.bridges.clear()
    host.switch.reconfigure()
    host.ovsdb.connected = True
    await host.loop.turn()
    assert is_realized(host)
    assert (host.reasons(), told(host)) == ({}, [])


async def test_ports_wait_for_a_bridge_that_is_left_deleted(host: Host) -> None:
    await host.realize(guarded(overlay=DriftPolicy.REPORT))
    host.switch.bridges.clear()
    host.switch.reconfigure()
    await host.loop.turn()
    assert host.switch.bridges == {}
    assert host.reasons() == {
        "overlay": "Drifted",
        "port:a": "StandsOnDrift",
        "port:b": "StandsOnDrift",
    }
    await host.realize(guarded(2, grants=1, overlay=DriftPolicy.REPORT))
    assert is_realized(host)


async def test_a_veth_that_went_with_its_namespace_is_made_again_by_any_policy(host: Host) -> None:
    await host.realize(guarded(port_b=DriftPolicy.REPORT))
    for _ in range(5):
        host.switch.kernel.delete_link("b")
        host.switch.reconfigure()
        await host.loop.turn()
        assert is_realized(host)
        assert host.reasons() == {}
    assert {(r, action) for r, action, _ in told(host)} == {("port:b", "enforced")}


async def test_what_vswitchd_lost_of_a_resource_that_is_left_comes_back(host: Host) -> None:
    await host.realize(guarded(port_a=DriftPolicy.REPORT))
    retag(host)
    await host.loop.turn()
    link = host.switch.kernel.links["a"]
    host.switch.kernel.links["a"] = dataclasses.replace(link, ifindex=900, up=False)
    await host.loop.turn()
    assert host.switch.kernel.links["a"].up
    assert port(host).tag == 77  # type: ignore[union-attr]
    assert host.reasons() == {"port:a": "Drifted"}
    assert len(told(host)) == 1


async def test_what_intent_changes_back_before_it_came_about_is_no_drift(host: Host) -> None:
    """An older state is intended again while the newer one is still refused in part."""
    await host.realize(state())
    ports = tuple(dataclasses.replace(each, tag=3, mtu=1400) for each in state().ports)
    for revision in range(2, 12, 2):
        host.kernel.answers["port:b"] = refused("port:b", ErrorKind.CONFLICT)
        await host.realize(state(revision, ports=ports))
        assert host.reasons() == {"port:b": "Refused"}
        host.kernel.answers.clear()
        await host.realize(state(revision + 1))
        assert is_realized(host)
    assert (told(host), host.reasons()) == ([], {})
