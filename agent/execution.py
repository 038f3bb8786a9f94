"""Runs the stages of a plan on the host: devices, then one transaction, then devices again.

What fails, fails its resource alone. Holds no state; shared by the closed loop and by ``purge``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from agent.errors import Failure
from agent.failpoints import reached
from agent.host import Kernel, Ovsdb
from agent.ovsdb.apply import Outcome
from agent.planner.bridge_steps import PartialStep
from agent.planner.plan import NetlinkStep, Stage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failed:
    """By resource, while a plan is run; for those that failed ``wholly`` no more is done."""

    wholly: dict[str, Failure] = field(default_factory=dict)
    partly: dict[str, Failure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageEnd:
    finished: bool
    """Otherwise the next stage must not begin: the plan is out of date."""
    stalled: bool | None = None
    """Whether ovs-vswitchd has not caught up with the transaction; None: there was none."""


async def run_stage(
    stage: Stage,
    failed: Failed,
    ovsdb: Ovsdb,
    kernel: Kernel,
    *,
    comment: str,
    deadline_s: float,
) -> StageEnd:
    """``failed`` is added to; ``deadline_s`` is what ovs-vswitchd may take."""
    stalled = None
    reached("before-netlink")
    await _run_links(stage.pre, failed, kernel)
    ops = tuple(op for op in stage.ovsdb if op.resource not in failed.wholly)
    if ops:
        reached("before-ovsdb")
        result = await ovsdb.apply(ops, comment, deadline_s)
        reached("after-ovsdb")
        stalled = result.transactions > 0 and not result.realized
        failed.wholly.update({failure.resource: failure for failure in result.failures})
        if result.outcome is Outcome.TRY_AGAIN or not result.realized:
            log.info("planning again", why=result.error or "ovs-vswitchd is slow")
            return StageEnd(finished=False, stalled=stalled)
    await _run_links(stage.post, failed, kernel)
    reached("after-netlink")
    return StageEnd(finished=True, stalled=stalled)


async def _run_links(steps: Iterable[NetlinkStep], failed: Failed, kernel: Kernel) -> None:
    for step in steps:
        if step.resource in failed.wholly:
            continue
        failure = await kernel.apply(step)
        if failure is not None:
            is_part = isinstance(step, PartialStep)
            (failed.partly if is_part else failed.wholly)[step.resource] = failure
