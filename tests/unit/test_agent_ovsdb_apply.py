"""Committing resource by resource: what happens when the time runs out."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agent.ovsdb.apply import Outcome, _commit_by_resource
from agent.planner.plan import AddBridge


def test_nothing_is_sent_once_the_time_has_run_out() -> None:
    nobody: Any = None  # nothing is asked of the replica
    ops = (AddBridge("bridge:1", "br1", "netdev", {}),)
    job = _commit_by_resource(nobody, ops, "late", time.monotonic() - 1)
    with pytest.raises(StopIteration) as end:
        next(job)
    result = end.value.value
    assert (result.outcome, result.transactions) == (Outcome.TRY_AGAIN, 0)
