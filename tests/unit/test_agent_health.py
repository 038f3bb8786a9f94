"""What a person is told of an interface that Open vSwitch cannot use."""

from __future__ import annotations

import pytest

from agent.observed import OvsInterface
from agent.planner.health import interface_failures


@pytest.mark.parametrize(
    ("kind", "way_out", "other"),
    [("vxlan", "another tunnel", "a device"), ("internal", "a device", "another tunnel")],
)
def test_what_exists_already_is_explained_by_the_type_of_the_interface(
    kind: str, way_out: str, other: str
) -> None:
    error = "could not add network device p1 to ofproto (File exists)"
    row = OvsInterface("p1", type=kind, ofport=-1, error=error)
    (failure,) = interface_failures("port:1", row)
    assert way_out in failure.message
    assert other not in failure.message
