"""What was tried in vain, per resource, and when it may be tried again.

Keeps one failing resource from being hammered, and the others from waiting for it. The same steps
that failed are tried again with growing delays, or rarely where a person has to mend something
first (the intent, or a module or a setting of the host, which no event tells of); other steps for
the same resource (the host has changed) after a short rest at most. What is to be on a bridge that
could not be made waits for the bridge. Owned by the reconciler; time and randomness are arguments.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace

from agent.backoff import Backoff
from agent.errors import Failure
from agent.planner.health import bridge_missing
from agent.planner.monitoring_ops import mirror_columns
from agent.planner.plan import (
    AddBridge,
    AddMirror,
    AddPort,
    CreateLinuxBridge,
    DeletePort,
    OvsdbOp,
    Plan,
    SetFlowExport,
    SetLink,
    SetMirror,
    Stage,
    Step,
)

REST_S = 1.0
"""The shortest pause between two different attempts for one failing resource."""

Steps = tuple[Step, ...]


@dataclass(slots=True)
class _Attempt:
    failure: Failure
    steps: Steps
    at: float
    delay: float
    backoff: Backoff

    def due(self, steps: Steps) -> float:
        return self.at + (self.delay if steps == self.steps else min(self.delay, REST_S))


class Attempts:
    """The failed attempts since intent changed last."""

    def __init__(
        self, retry_min_s: float, retry_max_s: float, rarely_s: float, rng: random.Random
    ) -> None:
        self._retry_min_s = retry_min_s
        self._retry_max_s = retry_max_s
        self._rarely_s = rarely_s
        self._rng = rng
        self._failed: dict[str, _Attempt] = {}

    def forget(self) -> None:
        """New intent: everything is worth trying at once."""
        self._failed.clear()

    def record(self, failure: Failure, steps: Steps, now: float) -> None:
        known = self._failed.get(failure.resource)
        backoff = known.backoff if known else self._new_backoff()
        delay = backoff.next_delay() if failure.kind.may_retry else self._rarely_s
        self._failed[failure.resource] = _Attempt(failure, steps, now, delay, backoff)

    def keep_only(self, resources: Collection[str]) -> None:
        """Forget resources that have nothing left to do."""
        for resource in self._failed.keys() - set(resources):
            del self._failed[resource]

    def held(self, plan: Plan, now: float) -> frozenset[str]:
        """The resources of ``plan`` that have to wait."""
        return frozenset(resource for resource, due in self._due(plan).items() if due > now)

    def failures(self) -> tuple[Failure, ...]:
        return tuple(attempt.failure for attempt in self._failed.values())

    def next_due(self, plan: Plan) -> float:
        """When the first of the resources that wait may be tried again; infinity for none."""
        return min(self._due(plan).values(), default=math.inf)

    def hindered(self, plan: Plan) -> tuple[Failure, ...]:
        """What would be on bridges that could not be made, as failures of its own."""
        makers = self._failed_makers(plan)
        found = (
            bridge_missing(resource, min(missing), makers[min(missing)])
            for resource, steps in steps_by_resource(plan).items()
            if (missing := _bridges_used(steps) & makers.keys())
        )
        return tuple(found)

    def _due(self, plan: Plan) -> Mapping[str, float]:
        """When each of those may be tried again that have failed, or rest on what has."""
        steps = steps_by_resource(plan)
        due = {r: self._failed[r].due(steps[r]) for r in steps if r in self._failed}
        if makers := self._failed_makers(plan):
            for resource in steps:
                waits = (due[makers[each]] for each in _bridges_needed(steps[resource], makers))
                if (at := max(waits, default=-math.inf)) > -math.inf:
                    due[resource] = max(due.get(resource, at), at)
        return due

    def _failed_makers(self, plan: Plan) -> Mapping[str, str]:
        """Of bridges that could not be made, by name."""
        ops = (op for stage in plan.stages for op in stage.ovsdb if op.resource in self._failed)
        return {op.name: op.resource for op in ops if isinstance(op, AddBridge)}

    def _new_backoff(self) -> Backoff:
        # Half of the first bound at least: full jitter alone may draw "at once" several times.
        return Backoff(self._retry_min_s, self._retry_max_s, self._rng, floor=self._retry_min_s / 2)


def steps_by_resource(plan: Plan) -> Mapping[str, Steps]:
    grouped: dict[str, Steps] = {}
    for stage in plan.stages:
        for step in stage.steps():
            grouped[step.resource] = (*grouped.get(step.resource, ()), step)
    return grouped


def without(plan: Plan, resources: Collection[str], but: Steps = ()) -> Plan:
    """``plan`` less everything that serves ``resources``, apart from the steps ``but``, and exports
    of the bridges they make.
    """

    def stays(step: Step) -> bool:
        return step.resource not in resources or step in but

    ops = (op for stage in plan.stages for op in stage.ovsdb if not stays(op))
    missing = {op.name for op in ops if isinstance(op, AddBridge)}
    stages = tuple(
        Stage(
            pre=tuple(filter(stays, stage.pre)),
            ovsdb=tuple(_off_bridges(op, missing) for op in stage.ovsdb if stays(op)),
            post=tuple(filter(stays, stage.post)),
        )
        for stage in plan.stages
    )
    return Plan(tuple(stage for stage in stages if any(stage.steps())), plan.failures)


def stranded(steps: Mapping[str, Steps], left: Collection[str]) -> Mapping[str, tuple[str, str]]:
    """Of what is not ``left`` itself, what cannot be without a bridge or port that then is not
    made: by resource, what is missing, in words, and who it is of.
    """
    unmade = _left_unmade(steps, left)
    found = ((resource, _lacking(its, *unmade)) for resource, its in steps.items())
    return {r: lacking for r, lacking in found if lacking is not None and r not in left}


def founded(steps: Mapping[str, Steps], back: Mapping[str, Steps]) -> Mapping[str, Steps]:
    """``back``, by resource that is left what is put back of it, less what cannot be without a
    bridge or port that is not among that.
    """
    rest = {r: tuple(step for step in steps[r] if step not in its) for r, its in back.items()}
    unmade = _left_unmade(rest, back)
    kept = {r: () if _lacking(its, *unmade) else its for r, its in back.items()}
    # What is not put back now may be what something else rests on.
    return kept if kept == back else founded(steps, kept)


def _lacking(
    its: Steps, bridges: Mapping[str, str], ports: Mapping[str, str]
) -> tuple[str, str] | None:
    """What is missing for the steps of one resource, and who it is of."""
    if not bridges and not ports:
        return None
    if on := _bridges_needed(its, bridges) | _masters(its) & bridges.keys():
        return f"bridge {min(on)}", bridges[min(on)]
    if copied := _mirrored(its) & ports.keys():
        return f"port {min(copied)}", ports[min(copied)]
    return None


def _left_unmade(
    steps: Mapping[str, Steps], left: Collection[str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Of bridges and of ports that are not made, by name who they are of."""
    bridges: dict[str, str] = {}
    ports: dict[str, str] = {}
    for resource in left:
        there = {step.name for step in steps[resource] if isinstance(step, DeletePort)}
        for step in steps[resource]:
            if isinstance(step, AddBridge | CreateLinuxBridge):
                bridges[step.name] = resource
            elif isinstance(step, AddPort) and step.port.name not in there:
                ports[step.port.name] = resource
    return bridges, ports


def _mirrored(steps: Steps) -> set[str]:
    """The ports that mirrors are to name."""
    columns = [
        step.columns if isinstance(step, SetMirror) else mirror_columns(step.mirror)
        for step in steps
        if isinstance(step, AddMirror | SetMirror)
    ]
    names: set[str] = set()
    for each in columns:
        for column in ("select_src_port", "select_dst_port"):
            ports = each.get(column)
            names |= {str(name) for name in ports} if isinstance(ports, frozenset) else set()
        output = each.get("output_port")
        names |= {output} if isinstance(output, str) else set()
    return names


def _masters(steps: Steps) -> set[str]:
    return {step.master for step in steps if isinstance(step, SetLink) and step.master}


def _off_bridges(op: OvsdbOp, missing: Collection[str]) -> OvsdbOp:
    """One that is of such bridges alone is not asked for: its resource waits for them."""
    if not missing or not isinstance(op, SetFlowExport):
        return op
    return replace(op, bridges=tuple(name for name in op.bridges if name not in missing))


def _bridges_used(steps: Steps) -> set[str]:
    exported = {name for op in steps if isinstance(op, SetFlowExport) for name in op.bridges}
    return exported | {op.bridge for op in steps if isinstance(op, AddPort | AddMirror)}


def _bridges_needed(steps: Steps, missing: Container[str]) -> set[str]:
    """Those of ``missing`` without which nothing can be done; an export goes on with the others."""
    on = {op.bridge for op in steps if isinstance(op, AddPort | AddMirror)}
    is_of_none = all(
        isinstance(op, SetFlowExport) and all(name in missing for name in op.bridges)
        for op in steps
    )
    return {name for name in (_bridges_used(steps) if is_of_none else on) if name in missing}
