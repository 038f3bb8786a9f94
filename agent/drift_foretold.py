"""What an agent that is started now would leave as it was found, for a person who asks.

Must not change anything: neither the host nor what lies on disk.
"""

from __future__ import annotations

from dataclasses import replace

from agent.clock import SystemClock
from agent.drift import Drift
from agent.drift_events import DriftQueue
from agent.observed import ObservedState
from agent.planner.plan import Plan
from agent.safety import DriftPolicy
from agent.state_file import Cached
from agent.way_back import planned


def foretold(cached: Cached, observed: ObservedState) -> tuple[Plan, tuple[str, ...]]:
    """What it would do, with what it would report of what it leaves; and what it would leave in
    silence, in words.
    """
    drift = Drift(DriftQueue(), SystemClock())
    drift.begin(cached)
    rest = planned(cached, observed, lambda plan: drift.sift(plan, cached.state, observed, {}))
    silent = (
        f"{resource}: left as it was found, because its drift_policy is ignore: {left.listed()}"
        for resource, left in sorted(drift.left.items())
        if left.policy is DriftPolicy.IGNORE
    )
    failures = (*rest.failures, *drift.failures(cached.state))
    return replace(rest, failures=failures), tuple(silent)
