"""What waits while a host is held at what it went back to, see ``left_out``. Pure."""

from __future__ import annotations

from dataclasses import replace

from agent.attempts import steps_by_resource, without
from agent.left_out import left_out_failure
from agent.observed import ObservedState
from agent.planner.plan import Plan
from agent.state_file import Cached
from agent.trial_need import touched_by


def held_back(plan: Plan, cached: Cached, observed: ObservedState) -> Plan:
    """``plan`` less what would have to be tried alone on such a host, and with why."""
    if not cached.is_held or cached.confirmed is not None:
        return plan
    undone = cached.undone
    # What is to be brought back after an undone change is, even where that fails at first.
    waiting = cached.short.missing - (undone.resources if undone is not None else frozenset())
    if not waiting & steps_by_resource(plan).keys():
        return plan
    held = {r: what for r, what in touched_by(cached.state, plan, observed) if r in waiting}
    failures = (left_out_failure(cached, r, f"not done ({what})") for r, what in held.items())
    told = (each for each in plan.failures if each.resource not in held)
    return replace(without(plan, held), failures=tuple(sorted((*told, *failures))))
