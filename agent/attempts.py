"""What was tried in vain, per resource, and when it may be tried again.

Keeps one failing resource from being hammered, and the others from waiting for it. The same steps
that failed are tried again with growing delays, or rarely where a person has to mend something
first (the intent, or a module or a setting of the host, which no event tells of); other steps for
the same resource (the host has changed) after a short rest at most. Owned by the reconciler; time
and randomness are arguments.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from agent.backoff import Backoff
from agent.errors import Failure
from agent.planner.plan import Plan, Stage, Step

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
        return frozenset(
            resource
            for resource, steps in steps_by_resource(plan).items()
            if resource in self._failed and self._failed[resource].due(steps) > now
        )

    def failures(self) -> tuple[Failure, ...]:
        return tuple(attempt.failure for attempt in self._failed.values())

    def next_due(self, plan: Plan) -> float:
        """When the first of the resources that wait may be tried again; infinity for none."""
        steps = steps_by_resource(plan)
        return min(
            (attempt.due(steps.get(resource, ())) for resource, attempt in self._failed.items()),
            default=math.inf,
        )

    def _new_backoff(self) -> Backoff:
        # Half of the first bound at least: full jitter alone may draw "at once" several times.
        return Backoff(self._retry_min_s, self._retry_max_s, self._rng, floor=self._retry_min_s / 2)


def steps_by_resource(plan: Plan) -> Mapping[str, Steps]:
    grouped: dict[str, Steps] = {}
    for stage in plan.stages:
        for step in stage.steps():
            grouped[step.resource] = (*grouped.get(step.resource, ()), step)
    return grouped


def without(plan: Plan, resources: Collection[str]) -> Plan:
    """``plan`` less everything that serves ``resources``."""
    stages = tuple(
        Stage(
            pre=tuple(step for step in stage.pre if step.resource not in resources),
            ovsdb=tuple(op for op in stage.ovsdb if op.resource not in resources),
            post=tuple(step for step in stage.post if step.resource not in resources),
        )
        for stage in plan.stages
    )
    return Plan(tuple(stage for stage in stages if any(stage.steps())), plan.failures)
