"""The way back of the kernel's devices while Open vSwitch's database does not answer.

What was undone may be what broke it: the host's cards must not wait for it. Must not do anything
for a host that has nothing to go back from; the closed loop is ``agent.reconciler``'s.
"""

from __future__ import annotations

import structlog

from agent.execution import Failed, run_stage
from agent.host import Kernel, observe
from agent.ovsdb.absent import NoOvsdb
from agent.planner.plan import Plan
from agent.state_file import Cached
from agent.way_back import without_ovs

log = structlog.get_logger(__name__)

MAX_ROUNDS = 4
"""A bridge, what is in it, what that has, and the look that finds nothing left."""


async def go_back_alone(cached: Cached | None, kernel: Kernel) -> None:
    """One attempt; who calls looks again soon anyway. Never raises: the turn has failed already."""
    if cached is None or cached.going_back is None:
        return
    try:
        await _go_back(cached, kernel)
    except Exception:
        log.exception("the way back without Open vSwitch failed")


async def _go_back(cached: Cached, kernel: Kernel) -> None:
    done = Plan()
    for _ in range(MAX_ROUNDS):
        seen = await observe(NoOvsdb(), kernel, cached.state)
        plan = without_ovs(cached, seen.state)
        if plan.is_empty or plan == done:
            return
        log.warning("going back without Open vSwitch", steps=plan.describe())
        failed = Failed()
        for stage in plan.stages:
            await run_stage(stage, failed, NoOvsdb(), kernel, comment="", deadline_s=0.0)
        for failure in (*failed.wholly.values(), *failed.partly.values()):
            log.warning("not done", resource=failure.resource, why=failure.message)
        done = plan
