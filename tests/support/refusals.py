"""A small fleet to break rules on, and what a refusal says; for the tests of validation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.domain.errors import DomainError
from controller.domain.intent import Manifest
from tests.support.model_fleet import ModelFleet, bridge, host, port, segment


@pytest.fixture
def fleet() -> ModelFleet:
    """Two hosts, a segment with a port on h1, and a bridge with a port on h1."""
    fleet = ModelFleet()
    fleet.apply(
        host("h1", "192.0.2.1"),
        host("h2", "192.0.2.2"),
        segment("red"),
        port("web", "h1", segment="red", mac="02:00:00:00:00:01", addresses=("10.0.0.1/24",)),
        bridge("lan", "h1"),
        port("uplink", "h1", bridge="lan", tag=7),
    )
    return fleet


def refusal(run: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as caught:
        run()
    return caught.value


def faults(error: DomainError) -> list[tuple[str, str]]:
    return [(v.pointer, v.code) for v in error.violations]


def refused(fleet: ModelFleet, *manifests: Manifest) -> list[tuple[str, str]]:
    before = dict(fleet.objects)
    error = refusal(lambda: fleet.apply(*manifests))
    assert fleet.objects == before
    return faults(error)
