"""Rules of what is deleted and may still forward: it closes no circle with what is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from controller.domain.errors import Violation
from controller.domain.intent import Kind, Manifest, Removal, TunnelEnd, TunnelSpec
from controller.domain.validation import Departing, World, plan_change
from tests.support.model_fleet import ModelFleet, bridge, host, pointed, removal, tunnel
from tests.support.refusals import refusal

A, B, C, D = (TunnelEnd(f"r{n}", f"ring{n}") for n in range(4))


@pytest.fixture
def ring() -> ModelFleet:
    """Four hosts with a bridge each, and tunnels that lack one for a ring."""
    fleet = ModelFleet()
    numbers = range(4)
    fleet.apply(
        *(host(f"r{n}", f"192.0.2.{n + 1}") for n in numbers),
        *(bridge(f"ring{n}", f"r{n}") for n in numbers),
    )
    fleet.apply(tunnel("ab", A, B), tunnel("bc", B, C), tunnel("cd", C, D))
    return fleet


def refused(
    world: World, manifests: Sequence[Manifest], gone: Sequence[Removal]
) -> tuple[Violation, ...]:
    return tuple(refusal(lambda: plan_change(world, manifests, gone)).violations)


def deleted(fleet: ModelFleet, name: str, *, is_stuck: bool = False) -> Departing:
    """Delete a tunnel, and say what of it its hosts may still carry."""
    found = fleet.objects[removal(Kind.TUNNEL, name).ref]
    assert isinstance(found.spec, TunnelSpec)
    fleet.delete(removal(Kind.TUNNEL, name))
    return Departing(found.ref, found.spec, is_stuck)


def test_what_the_request_deletes_elsewhere_still_closes_a_circle(ring: ModelFleet) -> None:
    request = pointed([tunnel("da", D, A)]), [removal(Kind.TUNNEL, "bc")]
    (fault,) = refused(ring.world(*request), *request)
    assert (fault.pointer, fault.code) == ("/objects/0/spec/ends", "flooding_loop_pending")
    assert "'bc (deleted)'" in fault.detail
    assert "r1, r2" in fault.fix


def test_a_host_takes_the_old_away_with_the_new(ring: ModelFleet) -> None:
    request = pointed([tunnel("da", D, A)]), [removal(Kind.TUNNEL, "cd")]
    assert len(plan_change(ring.world(*request), *request).creates) == 1


@pytest.mark.parametrize(("is_stuck", "code"), [(False, None), (True, "flooding_loop_pending")])
def test_what_a_host_cannot_take_away_counts_also_there(
    ring: ModelFleet, is_stuck: bool, code: str | None
) -> None:
    left = deleted(ring, "cd", is_stuck=is_stuck)
    request = pointed([tunnel("da", D, A)]), list[Removal]()
    world = replace(ring.whole_world(*request), departing=(left,))
    if code is None:
        assert plan_change(world, *request).creates
    else:
        (fault,) = refused(world, *request)
        assert fault.code == code


def test_a_tunnel_may_come_back_under_its_name_with_other_ends(ring: ModelFleet) -> None:
    left = deleted(ring, "bc")
    request = pointed([tunnel("bc", D, A)]), list[Removal]()
    world = replace(ring.whole_world(*request), departing=(left,))
    (fault,) = refused(world, *request)
    assert fault.code == "flooding_loop_pending"
