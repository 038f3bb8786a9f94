"""What is applied by halves is completed or told, and what arrives out of order undoes nothing."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from agent.model import HostState
from agent.planner import make_plan
from agent.planner.plan import NetlinkStep, Step
from agent.report import Outcome
from tests.support.agent_loop import Host, state

WITHIN_S = 10.0
REFUSALS = 3


class Refusing:
    """Refuses the n-th step that it is asked about, and whatever equals it, a few times."""

    def __init__(self, number: int) -> None:
        self.left = REFUSALS
        self.chosen: Step | None = None
        self._number = number
        self._seen = 0

    def __call__(self, step: Step) -> bool:
        self._seen += 1
        if self._seen == self._number:
            self.chosen = step
        is_refused = self.left > 0 and step == self.chosen
        self.left -= is_refused
        return is_refused


def changed() -> HostState:
    """Another tag, another MTU and one address more: rows and devices, at both ends of a veth."""
    first, second = state().ports
    first = dataclasses.replace(first, tag=3, mtu=1400)
    second = dataclasses.replace(
        second, tag=3, mtu=1400, mac="0a:00:00:00:00:02", addresses=frozenset({"198.51.100.2/24"})
    )
    return state(2, ports=(first, second))


def lacking(host: Host, desired: HostState) -> bool:
    plan = make_plan(desired, host.switch.observed)
    return bool(plan.failures) or not plan.is_empty


@pytest.mark.parametrize("is_first", [True, False])
async def test_whichever_step_is_refused_is_named_and_done_within_ten_seconds(
    tmp_path: Path, *, is_first: bool
) -> None:
    refused: list[Step] = []
    while True:
        host = Host(tmp_path / f"{len(refused)}")
        host.directory.mkdir()
        desired = state() if is_first else changed()
        if not is_first:
            await host.realize(state())
        host.switch.refuses = refusing = Refusing(len(refused) + 1)
        delay = await host.realize(desired)
        if refusing.chosen is None:
            break
        refused.append(refusing.chosen)
        assert host.outcome() is Outcome.APPLIED
        assert refusing.chosen.resource in host.reasons()  # and what is on a bridge that is not
        started = host.clock.now()
        while lacking(host, desired) or host.reasons():
            delay = await host.turn_at(delay)
            assert host.clock.now() < started + WITHIN_S, refusing.chosen
        assert refusing.left < REFUSALS
    assert {isinstance(step, NetlinkStep) for step in refused} == {True, False}


async def test_states_in_any_order_however_often_and_of_two_controllers_never_go_back(
    tmp_path: Path,
) -> None:
    """The controllers are one that was restored from a backup, and the one that it replaces."""
    for seed in range(20):
        rng = random.Random(seed)  # noqa: S311 - no secret
        states = [
            state(revision, fleet_epoch=epoch, hash=b"%d of %d" % (revision, epoch))
            for epoch, revisions in ((1, range(4, 8)), (2, range(2, 6)))
            for revision in revisions
        ]
        sent = [*states, *rng.choices(states, k=12)]
        rng.shuffle(sent)
        host = Host(tmp_path / str(seed))
        host.directory.mkdir()
        newest = (0, 0)
        for each in sent:
            if rng.random() < 0.2:
                host = host.started_again()
            await host.realize(each)
            newest = max(newest, (each.fleet_epoch, each.revision))
            assert host.cache.cached is not None
            kept = host.cache.cached.state
            assert (kept.fleet_epoch, kept.revision) == newest, f"seed {seed}"
            is_old = (each.fleet_epoch, each.revision) < newest
            reasons = {"StaleEpoch", "StaleRevision"} if is_old else set()
            assert set(host.reasons().values()) <= reasons
            assert (host.outcome() is Outcome.HELD) is is_old
        assert newest == (2, 5)
        assert not lacking(host, states[-1])
