"""Laws of the rules of intent: total, complete on a slice, and without effect twice."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import DomainError
from controller.domain.intent import Manifest, Removal
from controller.domain.validation import World, plan_change
from tests.support.histories import Request, attempt, fleet_after, histories, requests
from tests.support.intent_strategies import removals
from tests.support.wild_strategies import wild_manifests


@given(st.lists(wild_manifests(), max_size=5), st.lists(removals(), max_size=3))
def test_whatever_is_asked_is_planned_or_refused_with_its_reasons(
    manifests: list[Manifest], gone: list[Removal]
) -> None:
    world = World(objects={}, free_vnis=tuple(range(10_000, 10_010)))
    refusal: DomainError | None = None
    try:
        plan_change(world, manifests, gone)
    except DomainError as error:
        refusal = error
    if refusal is not None:
        assert refusal.violations
        assert all(v.code and v.detail and v.fix for v in refusal.violations)


def verdict(
    world: World, manifests: Sequence[Manifest], gone: Sequence[Removal]
) -> tuple[object, ...]:
    try:
        planned = plan_change(world, manifests, gone)
    except DomainError as error:
        return (type(error), frozenset((v.pointer, v.code) for v in error.violations))
    return (planned,)


@given(histories, requests)
def test_the_slice_that_a_change_touches_decides_as_the_whole_fleet_would(
    history: list[Request], request: Request
) -> None:
    fleet = fleet_after(history)
    manifests, gone = request
    assert verdict(fleet.world(manifests, gone), manifests, gone) == verdict(
        fleet.whole_world(manifests, gone), manifests, gone
    )


@given(histories)
def test_what_is_applied_twice_changes_nothing_the_second_time(history: list[Request]) -> None:
    fleet = fleet_after([])
    for manifests, _ in history:
        if attempt(fleet, manifests, []) is not None:
            again = fleet.commit(manifests, [])
            assert again.is_empty
            assert len(again.unchanged) == len(manifests)
