"""Each grant is for one thing and once; what intent deleted is owed for good, a grant is not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.cache import StateCache, with_owed
from agent.controlplane import codec
from agent.model import HostState
from agent.safety import Grants
from agent.undoing import gone_back
from tests.support.agent_loop import state

GONE, MEANT = "port:gone", "port:meant"


def on_disk(directory: Path) -> StateCache:
    cache = StateCache(directory, codec.dump_host_state, codec.load_host_state, version="1")
    cache.load()
    return cache


@pytest.fixture
def cache(tmp_path: Path) -> StateCache:
    cache = on_disk(tmp_path)
    cache.accept(state(1))
    cache.confirm()
    return cache


def let_go(revision: int, *resources: str, meant: frozenset[str] = frozenset()) -> HostState:
    grants = Grants(revision, removals=frozenset(resources))
    return state(revision, removed=meant | grants.removals, grants=grants)


# --- what an operator let go of ------------------------------------------------------------------


def test_what_an_operator_takes_back_is_not_removed_and_what_intent_deleted_is() -> None:
    released = with_owed(state(1), let_go(5, GONE, meant=frozenset({MEANT})))
    assert released.removed == {GONE, MEANT}
    withdrawn = with_owed(codec.load_host_state(codec.dump_host_state(released)), let_go(6))
    assert withdrawn.removed == {MEANT}
    assert not withdrawn.grants.removals


def test_what_intent_deleted_stays_owed_when_an_operator_let_go_of_it_too() -> None:
    deleted = with_owed(state(1), state(4, removed=frozenset({GONE})))
    assert with_owed(with_owed(deleted, let_go(5, GONE)), let_go(6)).removed == {GONE}


def test_what_an_operator_let_go_of_waits_for_the_next_release_when_that_is_undone() -> None:
    confirmed = state(1)
    candidate = with_owed(confirmed, let_go(5, GONE, meant=frozenset({MEANT})))
    assert gone_back(candidate, confirmed, frozenset()).removed == {MEANT}


# --- what was forced -----------------------------------------------------------------------------


def forcing(revision: int, count: int, *, at: int = 5, tag: int = 2) -> HostState:
    port = dataclasses.replace(state().ports[0], tag=tag)
    grants = Grants(count, frozenset({"port:a"}), forced_at={"port:a": at})
    return state(revision, hash=b"%d %d" % (revision, count), ports=(port,), grants=grants)


def test_no_act_about_something_else_forces_what_was_forced_as_it_is_now(
    cache: StateCache, tmp_path: Path
) -> None:
    assert cache.accept(forcing(5, 5)).grants.forced == {"port:a"}
    assert not cache.accept(forcing(6, 5, tag=9)).grants.forced
    cache = on_disk(tmp_path)
    assert not cache.accept(forcing(7, 7, tag=9)).grants.forced
    assert cache.accept(forcing(8, 8, at=8, tag=9)).grants.forced == {"port:a"}


def test_what_was_forced_stays_so_over_an_undoing_and_for_nothing_else(cache: StateCache) -> None:
    cache.accept(forcing(5, 5))
    cache.revert("why")
    assert not cache.accept(forcing(7, 7, tag=9)).grants.forced
    assert cache.accept(forcing(8, 8)).grants.forced == {"port:a"}
    cache.accept(state(9))
    assert cache.accept(forcing(10, 10, tag=9)).grants.forced == {"port:a"}


# --- what was taken over -------------------------------------------------------------------------


def test_no_act_about_something_else_takes_over_what_was_taken_over(
    cache: StateCache, tmp_path: Path
) -> None:
    taking = Grants(5, adoptions={"port:a": True}, adopted_at={"port:a": 5})
    accepted = cache.accept(state(5, grants=taking))
    assert accepted.grants.adoptions
    cache.record_applied(accepted, frozenset())
    cache = on_disk(tmp_path)
    unrelated = dataclasses.replace(taking, count=6)
    assert not cache.accept(state(6, grants=unrelated)).grants.adoptions
    again = dataclasses.replace(taking, count=7, adopted_at={"port:a": 7})
    assert cache.accept(state(7, grants=again)).grants.adoptions
