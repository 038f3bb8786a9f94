"""Law 4 for changes on trial: whatever was tried of one, undoing it restores what is ours."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.cache import StateCache
from agent.confirm import Trials
from agent.controlplane import codec
from agent.model import HostState
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.planner.plan import Plan
from agent.round_trip import RoundTrip
from agent.safety import ConfirmPolicy, Safety
from tests.support.agent_shell import HandClock
from tests.support.hosts import DEVICES, FLEET, desired_states, ids
from tests.support.satisfaction import foreign_part, own_part
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch

CAREFUL = Safety(confirm=ConfirmPolicy.ALWAYS)

SHARE = 5
"""Of the examples that others get: each of these is written to disk eight times."""


def open_cache(directory: str) -> StateCache:
    cache = StateCache(Path(directory), codec.dump_host_state, codec.load_host_state, version="1")
    cache.load()
    return cache


def how_cards_are(observed: ObservedState) -> dict[str, tuple[int, bool, str]]:
    """Of the devices that ports are about, and somebody else made."""
    cards = (observed.links[name] for name in DEVICES if name in observed.links)
    return {each.name: (each.mtu, each.up, each.master) for each in cards}


def what_is_ours(switch: Switch) -> dict[Any, Any]:
    """The agent chooses the names of tunnels' ports, past those that are there at the time."""
    return dict(_nameless(*each) for each in own_part(switch.observed, FLEET).items())


def _nameless(place: Any, facts: Any) -> tuple[Any, Any]:
    if place[0] != "port" or not facts[1]["ovsfleet-id"].startswith("tunnel:"):
        return place, facts
    interfaces = [each[1:] for each in facts[2]]
    return (*place[:2], facts[1]["ovsfleet-id"]), (*facts[:2], interfaces, *facts[3:])


def accepted(cache: StateCache) -> HostState:
    assert cache.cached is not None
    return cache.cached.state


def successors(first: HostState, others: list[HostState]) -> list[HostState]:
    """Each knows what all before it had; the last is put on trial whatever it does."""
    known, made = ids(first), []
    for number, each in enumerate(others, start=1):
        later = replace(
            each,
            revision=first.revision + number,
            hash=b"state %d" % number,
            removed=known - ids(each),
        )
        known |= ids(each)
        made.append(later)
    return [*made[:-1], replace(made[-1], safety=CAREFUL)]


def begin(cache: StateCache, plan: Plan, observed: ObservedState) -> None:
    """As the loop does before it applies a plan."""
    if not plan.is_empty:
        trials = Trials(cache, HandClock(), RoundTrip(), "this boot")
        asyncio.run(trials.before(plan, observed))


def converge(switch: Switch, desired: HostState) -> None:
    for _ in range(4):
        plan = make_plan(desired, switch.observed)
        if plan.is_empty:
            return
        switch.run(plan)
    assert make_plan(desired, switch.observed).is_empty


@settings(max_examples=settings().max_examples // SHARE)
@given(
    desired_states(), st.lists(desired_states(), min_size=1, max_size=2), strange_hosts(), st.data()
)
def test_an_undone_change_leaves_what_is_ours_as_it_was_however_far_it_came(
    first: HostState, others_then: list[HostState], host: ObservedState, data: st.DataObject
) -> None:
    """Also after another one that was begun without a trial and never confirmed."""
    switch = Switch(host)
    first = replace(first, hash=b"first")
    with TemporaryDirectory() as directory:
        cache = open_cache(directory)
        converge(switch, cache.accept(first))
        assume(not make_plan(accepted(cache), switch.observed).failures)
        cache.record_applied(accepted(cache), frozenset())
        ours, others = what_is_ours(switch), foreign_part(switch.observed, FLEET)
        cards = how_cards_are(switch.observed)
        for state in successors(first, others_then):
            cache.accept(state)
            for _ in range(data.draw(st.integers(1, 3), label="plans")):
                plan = make_plan(accepted(cache), switch.observed)
                steps = sum(1 for stage in plan.stages for _ in stage.steps())
                begin(cache, plan, switch.observed)
                switch.run(plan, limit=data.draw(st.integers(0, steps), label="steps of it"))
            cache = open_cache(directory)
        assert cache.cached is not None
        assume(cache.cached.trial is not None)
        cache.revert("not confirmed")
        cache = open_cache(directory)
        assert cache.cached is not None
        assert cache.cached.undone is not None
        assert (cache.cached.state.revision, cache.cached.state.hash) == (first.revision, b"first")
        converge(switch, accepted(cache))
    assert what_is_ours(switch) == ours
    assert foreign_part(switch.observed, FLEET) == others
    assert how_cards_are(switch.observed) == cards
