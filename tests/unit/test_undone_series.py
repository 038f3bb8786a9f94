"""Several states since the confirmed one, done in part: undoing the last undoes them all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.model import HostState, Port, PortType
from agent.planner.plan import Step
from agent.report import Outcome
from tests.support.agent_loop import Host, adds
from tests.unit.test_confirm import BASE, CAREFUL, TIMEOUT_S, is_as, ports

X = Port("port:x", "x", PortType.INTERNAL, "br-fleet", tag=3)
Z = Port("port:z", "z", PortType.INTERNAL, "br-fleet", tag=3)
SECOND = dataclasses.replace(BASE, revision=2, hash=b"2", ports=(*BASE.ports, X, Z))


def third(**changes: object) -> HostState:
    whole = dataclasses.replace(
        BASE,
        revision=3,
        hash=b"3",
        ports=(*BASE.ports, dataclasses.replace(X, tag=4)),
        removed=frozenset({"port:z"}),
        safety=CAREFUL,
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_killed", [False, True])
async def test_what_an_earlier_state_made_goes_too_also_when_the_agent_was_killed_between(
    tmp_path: Path, *, is_killed: bool
) -> None:
    host = Host(tmp_path)
    await host.realize(BASE)

    def comes_early(step: Step) -> bool:
        if adds("z")(step):
            host.loop.offer(third())
        return adds("z")(step)

    host.switch.refuses = comes_early
    await host.realize(SECOND)
    assert "x" in ports(host)
    assert host.cache.cached is not None
    assert host.cache.cached.confirmed == BASE
    host.switch.refuses = lambda _: False
    if is_killed:
        host = host.started_again()
        host.loop.offer(third())
    delay = await host.loop.turn()
    assert host.reasons() == {"change": "OnTrial"}
    await host.turn_at(delay)
    assert host.outcome() is Outcome.REVERTED
    assert is_as(host, BASE)
    assert ports(host) == {"br-fleet", "a", "b"}


async def test_what_a_later_state_was_to_remove_is_removed_when_that_is_undone(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path)
    await host.realize(BASE)

    def comes_early(step: Step) -> bool:
        if adds("x")(step):
            host.loop.offer(third())
        return adds("x")(step)

    host.switch.refuses = comes_early
    await host.realize(SECOND)
    assert "z" in ports(host)
    host.switch.refuses = lambda step: "z" in step.describe()
    await host.loop.turn()
    assert "z" in ports(host)
    host.switch.refuses = lambda _: False
    await host.turn_at(TIMEOUT_S + 1)
    assert host.outcome() is Outcome.REVERTED
    assert ports(host) == {"br-fleet", "a", "b"}


async def test_no_write_more_is_needed_to_know_what_a_host_was_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path)
    await host.realize(BASE)
    written = 0
    replaced = host.cache._replace

    def count(content: bytes) -> None:
        nonlocal written
        written += 1
        replaced(content)

    monkeypatch.setattr(host.cache, "_replace", count)
    await host.realize(SECOND)
    assert host.outcome() is Outcome.APPLIED
    assert written == 2
