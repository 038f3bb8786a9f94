"""The closed loop: observe, plan, apply, verify, report; the same for a first boot and for drift.

Owns the one place where the host is changed: new intent, changes seen on the host and timers only
wake it. What it writes is what the planner found to differ, so that a host as intended gets no
write at all. Must not decide what should differ, nor let a failing resource stop another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import structlog

from agent.acceptance import RefusedStateError
from agent.attempts import Attempts, Steps, steps_by_resource, without
from agent.backoff import Backoff
from agent.cache import CacheError, StateCache
from agent.clock import Clock
from agent.confirm import Trials
from agent.drift import Drift
from agent.drift_events import DriftQueue
from agent.drift_left import LEFT_REASONS
from agent.errors import ErrorKind, Failure
from agent.execution import Failed, run_stage
from agent.failpoints import reached
from agent.host import Kernel, Ovsdb, Sighting, observe
from agent.loop_failures import (
    bug,
    explained,
    is_held,
    not_realized,
    not_written,
    ovsdb_down,
    with_refusal,
)
from agent.model import HOST_ID, HostState
from agent.observability import Metrics
from agent.observed import ObservedState
from agent.ovsdb.snapshot import OvsdbUnavailableError
from agent.planner import still_enslaved, still_lost, still_owed, still_released
from agent.planner.plan import Plan, Stage
from agent.report import Outcome, Report
from agent.shortfall import shortfall
from agent.state_file import Cached
from agent.trial import Shortfall
from agent.way_back import planned
from agent.way_back_alone import go_back_alone

log = structlog.get_logger(__name__)

MAX_ROUNDS = 8
"""Plans per turn: enough for what takes several passes, an end for what never converges."""
SETTLE_S = 2.0
"""Grace for ovs-vswitchd to give a new interface its ofport before that is a failure."""
RELOOK_S = 2.0
"""Nothing tells us when these are over, so that we look."""
SILENT_REASONS = frozenset({"NamespaceMissing", "NamespaceUnreadable", "VswitchdStalled"})


@dataclass(frozen=True, slots=True)
class Timing:
    resync_s: float = 600.0
    retry_min_s: float = 0.2
    retry_max_s: float = 30.0
    apply_deadline_s: float = 10.0


class Reconciler:
    """``offer`` and ``wake`` may be called at any time from the loop's own thread."""

    def __init__(
        self,
        cache: StateCache,
        ovsdb: Ovsdb,
        kernel: Kernel,
        trials: Trials,
        *,
        on_report: Callable[[Report], None],
        on_sighting: Callable[[Sighting], None],
        clock: Clock,
        rng: random.Random,
        metrics: Metrics,
        timing: Timing,
        drift: Drift | None = None,
    ) -> None:
        self._cache = cache
        self._ovsdb = ovsdb
        self._kernel = kernel
        self._trials = trials
        self._on_report = on_report
        self._on_sighting = on_sighting
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._timing = timing
        self._drift = drift or Drift(DriftQueue(), clock)
        self._awake = asyncio.Event()
        self._offered: HostState | None = None
        self._unwritten: HostState | None = None
        self._refusal: Failure | None = None
        """Why the newest state is not the accepted one: it says nothing of the host."""
        self._attempts = Attempts(timing.retry_min_s, timing.retry_max_s, timing.resync_s, rng)
        self._relook = self._new_backoff()
        self._opening: dict[str, float] = {}
        self._stalled = False
        self._last: Report | None = None

    @property
    def report(self) -> Report | None:
        """The newest report; None before the first state was dealt with."""
        return self._last

    def offer(self, state: HostState) -> None:
        """Take a new desired state; one that was offered and not looked at yet is dropped."""
        self._offered = state
        self._awake.set()

    def wake(self) -> None:
        """Something on the host changed."""
        self._awake.set()

    async def run(self) -> None:
        while True:
            delay = await self.turn()
            await self._clock.wait(self._awake, delay)

    async def turn(self) -> float:
        """One run of the loop; how long to sleep unless woken."""
        self._awake.clear()
        started = self._clock.now()
        try:
            if await self._trials.settle():
                # They are of a controller that knows nothing of the change's being undone.
                self._offered = self._unwritten = self._refusal = None
                self._attempts.forget()
                self._relook.reset()
            if not self._trials.is_busy:
                await self._take_offer()
            delay = await self._reconcile()
        except OvsdbUnavailableError as error:
            self._drift.interrupt()
            await go_back_alone(self._cache.cached, self._kernel)
            delay = self._hold(ovsdb_down(error))
        except CacheError as error:
            delay = self._hold(not_written(error))
        except Exception as error:
            log.exception("fault in the closed loop")
            delay = self._hold(bug(error))
        self._metrics.reconcile_seconds.observe(self._clock.now() - started)
        return 0.0 if self._has_offer else min(delay, self._trials.pause)

    @property
    def _has_offer(self) -> bool:
        """Whether a newer state is to be taken; those that come during a trial wait for its end."""
        return self._offered is not None and not self._trials.is_busy

    # --- intent ----------------------------------------------------------------------------------

    async def _take_offer(self) -> None:
        """Make the offered state the accepted one, on disk before anything is done about it."""
        offered, self._offered = self._offered or self._unwritten, None
        self._unwritten = None
        if offered is None:
            return
        if not self._trials.takes(offered):
            log.info("state not taken: a change was undone", revision=offered.revision)
            return
        before = self._cache.cached
        reached("before-persist")
        try:
            accepted = await asyncio.to_thread(
                lambda: self._cache.accept(offered, self._trials.before_any(offered))
            )
        except RefusedStateError as error:
            log.warning("state refused", reason=error.reason, why=str(error))
            self._refusal = Failure(HOST_ID, ErrorKind.INVALID, error.reason, str(error))
            return
        except CacheError as error:
            self._unwritten = offered
            self._refusal = not_written(error)
            return
        reached("after-persist")
        log.info("state accepted", revision=accepted.revision, epoch=accepted.fleet_epoch)
        self._refusal = None
        if before is None or before.state != accepted:
            self._attempts.forget()
            self._relook.reset()

    # --- the loop --------------------------------------------------------------------------------

    async def _reconcile(self) -> float:
        cached = self._cache.cached
        if cached is None:
            await self._look(None)
            return self._resync_delay() if self._refusal is None else self._hold(self._refusal)
        desired = cached.state
        self._trials.begin()
        self._drift.begin(cached)
        sighting, plan = await self._converge(cached)
        left = await self._drift.settle(desired, plan, self._tried())
        if self._has_offer and not plan.is_empty:
            return 0.0
        self._attempts.keep_only(steps_by_resource(plan))
        whole = replace(plan, failures=(*plan.failures, *left))
        failures = explained(whole, self._attempts, has_stalled=self._has_stalled(sighting))
        short = shortfall(cached, sighting.state, self._drift.realized, self._drift.left)
        has_caught_up = sighting.ovsdb.caught_up
        self._trials.after(plan, sighting.state, failures, has_caught_up=has_caught_up, short=short)
        if not (is_held(failures) or self._trials.is_on):
            is_back = self._trials.is_back(plan, failures)
            await self._record_applied(desired, sighting.state, short, is_back=is_back)
        failures = with_refusal(failures, self._refusal)
        self._publish(failures)
        return self._delay(plan, failures, stalled=self._has_stalled(sighting))

    async def _record_applied(
        self, desired: HostState, observed: ObservedState, short: Shortfall, *, is_back: bool
    ) -> None:
        reached("before-applied")
        released = still_released(desired, observed)
        owed = still_owed(desired.removed, observed, desired.fleet_uid)
        owed |= desired.removed & still_enslaved(released)
        lost = still_lost(desired, observed)
        # What failed has to be known before the state counts as what the host was brought to.
        kept = self._drift.kept(desired)
        await asyncio.to_thread(self._cache.remember_realized, kept)
        await asyncio.to_thread(
            self._cache.record_applied,
            desired,
            owed,
            released,
            lost,
            is_back=is_back,
            unsettled=self._drift.realized.unsettled(),
            short=short,
        )
        reached("before-status")

    async def _look(self, desired: HostState | None) -> Sighting:
        sighting = await observe(self._ovsdb, self._kernel, desired)
        self._on_sighting(sighting)
        return sighting

    async def _converge(self, cached: Cached) -> tuple[Sighting, Plan]:
        """Plan and apply until nothing is left that may be done now."""
        desired = cached.state
        done: Mapping[str, Steps] = {}
        rounds = 0
        while True:
            self._awake.clear()
            sighting = await self._look(desired)
            # Pure, and with many members a matter of many milliseconds: heartbeats go on.
            plan = await asyncio.to_thread(self._plan, cached, sighting)
            self._give_up(plan, {} if rounds < MAX_ROUNDS else steps_by_resource(plan))
            self._give_up(plan, done)
            todo = self._due(plan, sighting)
            patience = self._patience(plan)
            offered = self._has_offer
            # At least one apply: offers that keep coming must not leave the host as it is.
            if (
                self._trials.is_over
                or (offered and rounds)
                or (todo.is_empty and (offered or patience <= 0))
            ):
                return sighting, plan
            if todo.is_empty:
                await self._clock.wait(self._awake, patience)
            else:
                await self._trials.before(todo, sighting.state)
                done = await self._apply(todo, desired)
                rounds += 1

    def _plan(self, cached: Cached, sighting: Sighting) -> Plan:
        """What may be done for the accepted state, less what is left to those who changed it."""
        cached = self._cache.cached or cached  # a trial may have begun since
        observed, tried = sighting.state, self._tried()
        return planned(
            cached, observed, lambda plan: self._drift.sift(plan, cached.state, observed, tried)
        )

    def _tried(self) -> Mapping[str, Failure]:
        return {failure.resource: failure for failure in self._attempts.failures()}

    def _due(self, plan: Plan, sighting: Sighting) -> Plan:
        """What of ``plan`` may be done now; more rows do not help an ovs-vswitchd that hangs."""
        held = set(self._attempts.held(plan, self._clock.now()))
        if self._has_stalled(sighting):
            held |= {op.resource for stage in plan.stages for op in stage.ovsdb}
        return without(plan, held)

    async def _apply(self, todo: Plan, desired: HostState) -> Mapping[str, Steps]:
        """Run the steps; those that ran to their end, by resource."""
        steps = steps_by_resource(todo)
        self._drift.applying(steps, self._tried())
        failed = Failed()
        comment = f"ovsfleet-agent: revision {desired.revision}"
        log.info("applying", revision=desired.revision, steps=sum(map(len, steps.values())))
        for line in todo.describe():
            log.debug("step", what=line)
        finished = True
        for stage in todo.stages:
            finished = finished and await self._run_stage(stage, failed, comment)
        failures = failed.partly | failed.wholly
        for resource, failure in failures.items():
            self._attempts.record(failure, steps[resource], self._clock.now())
        return {r: s for r, s in steps.items() if finished and r not in failures}

    async def _run_stage(self, stage: Stage, failed: Failed, comment: str) -> bool:
        end = await run_stage(
            stage,
            failed,
            self._ovsdb,
            self._kernel,
            comment=comment,
            deadline_s=self._timing.apply_deadline_s,
        )
        if end.stalled is not None:
            self._stalled = end.stalled
        return end.finished

    def _patience(self, plan: Plan) -> float:
        """How long ovs-vswitchd may still take to open what it was given."""
        now = self._clock.now()
        opening = [each.resource for each in plan.failures if each.reason == "InterfaceNotOpen"]
        self._opening = {resource: self._opening.get(resource, now) for resource in opening}
        return max((since + SETTLE_S - now for since in self._opening.values()), default=0.0)

    def _give_up(self, plan: Plan, done: Mapping[str, Steps]) -> None:
        """Steps that ran and are wanted again did not do what they should: back off."""
        now = self._clock.now()
        held = self._attempts.held(plan, now)
        for resource, steps in steps_by_resource(plan).items():
            if resource not in held and done.get(resource) == steps:
                self._attempts.record(not_realized(resource, steps), steps, now)

    # --- what came of it -------------------------------------------------------------------------

    def _has_stalled(self, sighting: Sighting) -> bool:
        """Whether ovs-vswitchd still owes us the effect of the last transaction."""
        return self._stalled and not sighting.ovsdb.caught_up

    def _hold(self, failure: Failure) -> float:
        """Do nothing and say so: the host stays as it is."""
        self._publish((failure,))
        return self._relook.next_delay()

    def _publish(self, failures: tuple[Failure, ...]) -> None:
        cached = self._cache.cached
        report = self._trials.told(
            Report(
                observed_revision=cached.state.revision if cached else 0,
                applied_revision=cached.applied_revision if cached else 0,
                applied_hash=cached.applied_hash if cached else b"",
                outcome=Outcome.HELD if is_held(failures) else Outcome.APPLIED,
                failures=failures,
            )
        )
        outcome, failures = report.outcome, report.failures
        self._metrics.count(outcome.value, [each.kind.value for each in failures])
        self._metrics.revision.labels("accepted").set(report.observed_revision)
        self._metrics.revision.labels("applied").set(report.applied_revision)
        if self._last is None or self._last.failures != failures:
            self._relook.reset()
        if report != self._last:
            log.info(
                "host",
                outcome=outcome.value,
                applied=report.applied_revision,
                failures=[f"{each.resource}: {each.reason}" for each in failures],
            )
        self._last = report
        self._on_report(report)

    def _delay(self, plan: Plan, failures: Iterable[Failure], *, stalled: bool) -> float:
        delay = self._resync_delay()
        if not stalled:  # what is due but held back would be due for ever
            delay = min(delay, self._attempts.next_due(plan) - self._clock.now())
        tried = {each.resource for each in self._attempts.failures()}
        retried = (f for f in failures if f.kind.may_retry and f.reason not in LEFT_REASONS)
        waiting = [f for f in retried if f.resource not in tried]
        if waiting:
            delay = min(delay, self._relook.next_delay())
        if any(failure.reason in SILENT_REASONS for failure in waiting):
            delay = min(delay, RELOOK_S)
        return max(0.0, delay)

    def _resync_delay(self) -> float:
        return self._timing.resync_s * self._rng.uniform(0.8, 1.2)

    def _new_backoff(self) -> Backoff:
        first = self._timing.retry_min_s
        return Backoff(first, self._timing.retry_max_s, self._rng, floor=first / 2)
