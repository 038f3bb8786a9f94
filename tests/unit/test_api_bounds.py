"""What one request can make the checks say is bounded, however long its body is."""

from __future__ import annotations

import tracemalloc

import pytest

from controller.api.bodies import MOST_VIOLATIONS, parse_json, shaped
from controller.api.schemas.requests import ApplyRequest
from controller.domain.errors import InvalidError


def test_any_number_of_wrong_objects_cost_no_more_than_one_answer_can_list() -> None:
    data = parse_json(b'{"objects": [' + b"1," * 200_000 + b"1]}")
    tracemalloc.start()
    with pytest.raises(InvalidError) as caught:
        shaped(ApplyRequest, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < len(caught.value.violations) <= MOST_VIOLATIONS
    assert peak < 200_000_000


def test_a_request_with_more_objects_than_are_taken_says_so() -> None:
    objects = [{"kind": "Segment", "metadata": {"name": "s"}}] * 50_001
    with pytest.raises(InvalidError) as caught:
        shaped(ApplyRequest, {"objects": objects})
    (violation,) = caught.value.violations
    assert violation.pointer == "/objects"
    assert "50000" in violation.detail
