"""Warnings of large meshes: beside a change that is planned, not instead of it."""

from __future__ import annotations

import pytest

from controller.domain.intent import Backend
from controller.domain.validation import Planned
from tests.support.model_fleet import ModelFleet, host, port, segment


def fleet_of(hosts: int) -> ModelFleet:
    fleet = ModelFleet()
    numbers = range(hosts)
    fleet.apply(*(host(f"m{n}", f"10.0.{n // 200}.{n % 200 + 1}") for n in numbers))
    return fleet


def warned(planned: Planned) -> list[tuple[str, str]]:
    return [(warning.pointer, warning.code) for warning in planned.warnings]


@pytest.mark.parametrize(
    ("backend", "told"),
    [(Backend.OVS, [("/objects/0/spec/segment", "mesh_large")]), (Backend.KERNEL, [])],
)
def test_a_mesh_that_grows_beyond_what_is_wise_is_planned_with_a_warning(
    backend: Backend, told: list[tuple[str, str]]
) -> None:
    fleet = fleet_of(502)
    fleet.apply(segment("wide", backend=backend))
    wise = fleet.apply(*(port(f"p{n}", f"m{n}", segment="wide") for n in range(501)))
    assert warned(wise) == []
    grown = fleet.apply(port("one-more", "m501", segment="wide"))
    assert (len(grown.creates), warned(grown)) == (1, told)
    beside = fleet.apply(port("beside", "m501", segment="wide"))
    assert warned(beside) == []


def test_a_host_that_gets_very_many_tunnels_is_named_once() -> None:
    fleet = fleet_of(61)
    segments = [segment(f"s{n}", backend=Backend.OVS) for n in range(51)]
    everywhere = [port(f"p{s}-{n}", f"m{n}", segment=f"s{s}") for s in range(50) for n in range(61)]
    fleet.apply(*segments)
    assert warned(fleet.apply(*everywhere)) == []
    assert warned(fleet.apply(port("alone", "m0", segment="s50"))) == []
    planned = fleet.apply(port("second", "m1", segment="s50"))
    assert warned(planned) == [("/objects/0/spec/segment", "many_tunnels")]
    assert "'m1' has 3001 tunnel ports" in planned.warnings[0].detail
