"""Taking away all that a fleet has on this host, and nothing else.

The plan is the planner's own, for a state that has nothing and names all that is here as removed:
what keeps the closed loop from harming others keeps this from it too. Guests' ports that are bound
are let go of, and devices of others that are in a bridge of ours freed. Must not run beside the
closed loop, which would make it all again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.attempts import steps_by_resource
from agent.errors import Failure
from agent.execution import Failed, run_stage
from agent.host import Kernel, Ovsdb, Sighting, observe
from agent.model import HostState
from agent.observed import ObservedState
from agent.planner import make_plan, owed_releases
from agent.planner.inventory import bound_ids, owned_ids
from agent.planner.management import Touch, touches
from agent.planner.management_path import NO_PATH, ManagementPath, management_path
from agent.planner.plan import Plan

MAX_ROUNDS = 8
_COMMENT = "ovsfleet-agent: purge"


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go, and why some of it would not."""

    fleet: str
    plan: Plan
    path: ManagementPath = NO_PATH
    """Over which the controller is reached, and who asks for this from another machine."""
    is_path_known: bool = True
    cutting: tuple[Touch, ...] = ()
    """What of it may cut that. Nothing undoes a purge, so that each of them may be for good."""

    @property
    def is_empty(self) -> bool:
        return self.plan.is_empty and not self.plan.failures

    @property
    def may_cut(self) -> bool:
        """Whether it may cut the way to this host; where that is not known, all of it may."""
        return bool(self.cutting) or not (self.is_path_known or self.plan.is_empty)

    def document(self) -> Mapping[str, Any]:
        return {
            "fleet": self.fleet,
            "steps": [
                {"resource": resource, "step": step.describe()}
                for resource, steps in steps_by_resource(self.plan).items()
                for step in steps
            ],
            "cutting": [{"resource": each.resource, "step": each.what} for each in self.cutting],
            "is_path_known": self.is_path_known,
            "stays": [
                {"resource": each.resource, "reason": each.reason, "message": each.message}
                for each in self.plan.failures
            ],
        }

    def lines(self) -> tuple[str, ...]:
        grouped = steps_by_resource(self.plan)
        lines = [
            line
            for resource in sorted(grouped)
            for line in (resource, *(f"  {step.describe()}" for step in grouped[resource]))
        ]
        if self.cutting:
            ends = "; ".join(
                f"{way.destination} over {way.device}" for way in sorted(self.path.ways)
            )
            lines += [f"what of this may cut the way to this host ({ends}):"]
            lines += [f"  {each.resource}: {each.what}" for each in self.cutting]
        if lines and not self.is_path_known:
            lines += ["over which devices the controller is reached is not known"]
        stays = [f"  {each.resource}: {each.reason}: {each.message}" for each in self.plan.failures]
        return (*lines, *(["what stays:", *stays] if stays else []))


def nothing_of(fleet: str, accepted: HostState | None, observed: ObservedState) -> HostState:
    """The state in which the host has nothing of ``fleet`` any more.

    ``accepted`` tells what was set on devices of others, which bear no mark.
    """
    empty = HostState(fleet, 0, 0, b"", host_uid="", host_name="")
    released = owed_releases(accepted, empty) if accepted is not None else frozenset()
    here = owned_ids(observed, fleet) | bound_ids(observed, fleet)
    removed = here | {each.resource for each in released}
    return replace(empty, removed=removed, released=released)


def preview(fleet: str, accepted: HostState | None, sighting: Sighting) -> Preview:
    observed = sighting.state
    plan = make_plan(nothing_of(fleet, accepted, observed), observed)
    path = management_path(observed)
    return Preview(fleet, plan, path, observed.is_way_known, touches(plan, path, observed))


async def purge(
    fleet: str,
    accepted: HostState | None,
    ovsdb: Ovsdb,
    kernel: Kernel,
    *,
    deadline_s: float,
    may_cut: bool = False,
) -> Preview:
    """Do it, until nothing is left to do, or nothing but what may cut; what is left then."""
    done, failed = Plan(), Failed()
    for _ in range(MAX_ROUNDS):
        left = preview(fleet, accepted, await observe(ovsdb, kernel, None))
        is_at_end = left.plan.is_empty or left.plan.stages == done.stages
        if is_at_end or (left.may_cut and not may_cut):
            break
        failed = Failed()
        done = await _run(left.plan, failed, ovsdb, kernel, deadline_s)
    left = preview(fleet, accepted, await observe(ovsdb, kernel, None))
    return replace(left, plan=_explained(left.plan, failed))


async def _run(plan: Plan, failed: Failed, ovsdb: Ovsdb, kernel: Kernel, deadline_s: float) -> Plan:
    """The plan if it ran to its end: wanting it again is of no use then."""
    for stage in plan.stages:
        end = await run_stage(stage, failed, ovsdb, kernel, comment=_COMMENT, deadline_s=deadline_s)
        if not end.finished:
            return Plan()
    return plan


def _explained(plan: Plan, failed: Failed) -> Plan:
    """With what the host answered to steps that are still to be done."""
    told = {each.resource: each for each in plan.failures}
    answers: dict[str, Failure] = {**failed.partly, **failed.wholly}
    told |= {r: answers[r] for r in steps_by_resource(plan) if r in answers}
    return replace(plan, failures=tuple(sorted(told.values())))
