"""Law 4 for changes on trial: whatever was tried of one, undoing it restores what is ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.cache import StateCache
from agent.controlplane import codec
from agent.model import HostState
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.planner.cards import found_on_cards
from agent.trial import Trial
from tests.support.hosts import DEVICES, FLEET, desired_states, ids
from tests.support.satisfaction import foreign_part, own_part
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch

TRIAL = Trial("this boot", 0.0, 60.0, (("port:p", "a step in words"),))

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


def accepted(cache: StateCache) -> HostState:
    assert cache.cached is not None
    return cache.cached.state


def converge(switch: Switch, desired: HostState) -> None:
    for _ in range(4):
        plan = make_plan(desired, switch.observed)
        if plan.is_empty:
            return
        switch.run(plan)
    assert make_plan(desired, switch.observed).is_empty


@settings(max_examples=settings().max_examples // SHARE)
@given(desired_states(), desired_states(), strange_hosts(), st.data())
def test_an_undone_change_leaves_what_is_ours_as_it_was_however_far_it_came(
    first: HostState, second: HostState, host: ObservedState, data: st.DataObject
) -> None:
    switch = Switch(host)
    first = replace(first, hash=b"first")
    second = replace(
        second, revision=first.revision + 1, hash=b"second", removed=ids(first) - ids(second)
    )
    with TemporaryDirectory() as directory:
        cache = open_cache(directory)
        converge(switch, cache.accept(first))
        assume(not make_plan(accepted(cache), switch.observed).failures)
        cache.record_applied(accepted(cache), frozenset())
        ours, others = own_part(switch.observed, FLEET), foreign_part(switch.observed, FLEET)
        cache.accept(second)
        found = found_on_cards(accepted(cache), switch.observed)
        cache.begin_trial(replace(TRIAL, found=found))
        cards = how_cards_are(switch.observed)
        for _ in range(data.draw(st.integers(1, 3), label="plans")):
            plan = make_plan(accepted(cache), switch.observed)
            steps = sum(1 for stage in plan.stages for _ in stage.steps())
            switch.run(plan, limit=data.draw(st.integers(0, steps), label="steps of it"))
        cache = open_cache(directory)
        cache.revert("not confirmed")
        cache = open_cache(directory)
        assert cache.cached is not None
        assert cache.cached.undone is not None
        assert (cache.cached.state.revision, cache.cached.state.hash) == (first.revision, b"first")
        converge(switch, accepted(cache))
    assert own_part(switch.observed, FLEET) == ours
    assert foreign_part(switch.observed, FLEET) == others
    assert how_cards_are(switch.observed) == cards
