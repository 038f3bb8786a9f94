"""Changes on trial: what can cut the host off is confirmed, or undone by the agent alone.

Owns no state but what lies in the cache; the closed loop asks it before it changes the host, after
it did, and at the beginning of each turn. A trial is on disk before the first step that needs it,
with a deadline in the time since this boot: an agent that was killed counts on, a host that was
booted meanwhile goes back at once. Undoing is nothing but the closed loop pointed at the confirmed
state.

Must not: change the host, or talk to the controller other than by the question it has asked.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import structlog

from agent.attempts import steps_by_resource
from agent.before import as_it_is, kept, noted
from agent.cache import CacheError, StateCache, with_way_back
from agent.clock import Clock
from agent.errors import ErrorKind, Failure
from agent.failpoints import reached
from agent.left_out import first_left_out, left_out_failures, less, more_left_out
from agent.model import HOST_ID, HostState
from agent.observed import ObservedState
from agent.planner.management import touches
from agent.planner.management_path import management_path
from agent.planner.plan import Plan
from agent.report import Outcome, Report
from agent.round_trip import RoundTrip
from agent.safety import CHANGE_ID
from agent.state_file import Cached
from agent.trial import NOTHING_SHORT, Before, Shortfall, Trial, Undone
from agent.trial_need import may_try, maybe_on_path, needs_trial

log = structlog.get_logger(__name__)

TOLD = 5
"""Touched resources that are named; the others are counted."""
RELOOK_S = 2.0
"""Until the controller can be asked the host is looked at anew: no event may tell when."""
_PASSING = frozenset({ErrorKind.TRANSIENT, ErrorKind.DATAPATH})
"""Of failures after which what was written may still take effect by itself."""


class Trials:
    """``boot`` is the id of this boot of the host."""

    def __init__(self, cache: StateCache, clock: Clock, round_trip: RoundTrip, boot: str) -> None:
        self._cache = cache
        self._clock = clock
        self._round_trip = round_trip
        self._boot = boot
        self._is_confirming = False
        """Whether an answer was seen that is not on disk yet."""
        self._seen: ObservedState | None = None
        """The host at the end of the last turn, unless that was broken off."""
        self._on_path: frozenset[str] = frozenset()
        """As in the trial, and what came to it since."""
        self._hindrance = ""
        """Why the controller is not asked."""
        self._is_as_far_as_it_goes = False
        """Whether a whole turn was spent on going back to the confirmed state."""
        self._short: Shortfall = NOTHING_SHORT
        """With what the host is not as the accepted state says."""

    # --- how things stand ------------------------------------------------------------------------

    @property
    def trial(self) -> Trial | None:
        cached = self._cache.cached
        return None if cached is None else cached.trial

    @property
    def _undone(self) -> Undone | None:
        cached = self._cache.cached
        return None if cached is None else cached.undone

    @property
    def is_on(self) -> bool:
        return self.trial is not None

    @property
    def is_busy(self) -> bool:
        """Whether newer states have to wait: for the end of a trial, or for what was undone."""
        undone = self._undone
        is_going_back = undone is not None and not undone.is_settled
        return self.is_on or (is_going_back and not self._is_as_far_as_it_goes)

    @property
    def is_over(self) -> bool:
        """Whether it is time to undo the change."""
        return self._remaining() <= 0 and not self._round_trip.is_answered

    @property
    def pause(self) -> float:
        """How long the loop may sleep at most, in seconds."""
        if not self._round_trip.is_answered:
            is_hindered = self.is_on and not self._round_trip.is_open
            return min(self._remaining(), RELOOK_S if is_hindered else math.inf)
        # An answer may have come in the middle of a turn; one that cannot be written waits.
        return math.inf if self._is_confirming else 0.0

    def _remaining(self) -> float:
        """Seconds until the deadline; infinity when nothing is on trial."""
        trial = self.trial
        if trial is None:
            return math.inf
        if trial.boot != self._boot:
            return 0.0
        return max(0.0, trial.deadline - self._clock.since_boot())

    def describe(self) -> dict[str, Any] | None:
        """For a person on the host; None when nothing is on trial."""
        cached = self._cache.cached
        if cached is None or cached.trial is None:
            return None
        return {
            "revision": cached.state.revision,
            "confirmed_revision": cached.confirmed.revision if cached.confirmed else 0,
            "remaining_s": round(self._remaining(), 1),
            "touched": [{"resource": each, "what": what} for each, what in cached.trial.touched],
        }

    def takes(self, offered: HostState) -> bool:
        """Whether ``offered`` may be looked at after what was undone.

        Another state is as bad when it is the undone one and something else, and a controller that
        has not heard of it yet sends just that. Only a release that is newer than what was undone
        says that an operator has looked at it, by the controller's own rule; what else operators
        allow here does not. In a new epoch all counts anew.
        """
        cached, undone = self._cache.cached, self._undone
        if cached is None or undone is None or offered.hash == cached.state.hash:
            return True
        held = cached.state
        if (offered.fleet_uid, offered.host_uid) != (held.fleet_uid, held.host_uid):
            return True  # refused with a better reason
        is_newer_epoch = offered.fleet_epoch > held.fleet_epoch
        is_released = is_newer_epoch or offered.grants.released > undone.revision
        return is_released and offered.hash != undone.hash

    def told(self, report: Report) -> Report:
        """``report`` with what is to be said of a change on trial, or of one that was undone."""
        cached = self._cache.cached
        if cached is None:
            return report
        if cached.trial is not None:
            return _with(report, _on_trial(cached, cached.trial))
        told = {each.resource for each in report.failures}
        left_out = [each for each in left_out_failures(cached) if each.resource not in told]
        if cached.undone is None:
            return _with(report, *left_out)
        undone = cached.undone
        failure = Failure(CHANGE_ID, ErrorKind.CONFLICT, "Reverted", _told_undone(undone, report))
        # Not HELD for ever where something cannot be brought back: only who is told of the change
        # that was undone can let the host go on.
        is_told = undone.is_settled or self._is_as_far_as_it_goes
        return dataclasses.replace(
            _with(report, failure, *left_out),
            observed_revision=undone.revision,
            outcome=Outcome.REVERTED if is_told else Outcome.HELD,
        )

    # --- the course of a trial -------------------------------------------------------------------

    async def settle(self) -> bool:
        """End a trial that is confirmed or over; whether the accepted state is another one now."""
        if not self.is_on:
            return False
        if self._round_trip.is_answered:
            self._is_confirming = True
            reached("before-confirm")
            await asyncio.to_thread(self._cache.confirm, self._short)
            self._withdraw()
            log.info("the change is confirmed: the controller is still reached")
            return False
        if not self.is_over:
            return False
        await self._revert()
        return True

    def begin(self) -> None:
        """A turn begins: what is seen from here on is not yet known to be whole."""
        self._seen = None

    def before_any(self, offered: HostState) -> Before | None:
        """What the host is like without anything of ``offered``; None where that is not known."""
        cached = self._cache.cached
        if self._seen is None or cached is None or cached.confirmed is not None:
            return None
        return as_it_is(offered, cached.state, self._seen)

    async def before(self, todo: Plan, observed: ObservedState) -> None:
        """Put the accepted state on trial, on disk, if running ``todo`` asks for it; CacheError."""
        cached = self._cache.cached
        if cached is None or not may_try(cached):
            return
        self._withdraw()  # answers from before this change say nothing of it
        on_path = maybe_on_path(todo, observed)
        touched = needs_trial(cached, todo, observed)
        if cached.trial is not None:
            self._on_path |= cached.trial.on_path | on_path
            await self._leave_out(more_left_out(cached, dict(touched)))
            return
        back = with_way_back(cached)
        confirmed = back.confirmed or back.state
        before = noted(back, confirmed, observed, steps_by_resource(todo))
        if not touched:
            if cached.confirmed is not None and before != cached.before:
                await asyncio.to_thread(self._cache.note, before)
            return
        now = self._clock.since_boot()
        deadline = now + cached.state.safety.confirm_timeout_s
        reached("before-trial")
        left_out = first_left_out(back, dict(touched))
        there = kept(before, cached.state, less(confirmed, left_out))
        trial = Trial(self._boot, now, deadline, _bounded(touched), there, before.found, on_path)
        self._on_path = on_path
        await asyncio.to_thread(self._cache.note, before, trial, left_out)
        reached("after-trial")
        log.warning(
            "change on trial: it is undone unless the controller confirms it",
            revision=cached.state.revision,
            seconds=cached.state.safety.confirm_timeout_s,
            touched=[resource for resource, _ in touched],
        )

    async def _leave_out(self, more: frozenset[str]) -> None:
        """Go back without ``more`` as well; CacheError."""
        cached = self._cache.cached
        if not more or cached is None or cached.trial is None or cached.confirmed is None:
            return
        trial, before = cached.trial, cached.before
        if before is not None:
            stays = kept(before, cached.state, less(cached.confirmed, more))
            trial = dataclasses.replace(trial, kept=stays)
        await asyncio.to_thread(self._cache.note, before, trial, more)

    def after(
        self,
        left: Plan,
        observed: ObservedState,
        failures: Iterable[Failure],
        *,
        has_caught_up: bool,
        short: Shortfall,
    ) -> None:
        """Ask the controller, once all that was to be done to the way to it has taken effect.

        What was tried there in vain is tried again soon, and what ovs-vswitchd was told it does
        when it runs again; confirmed before that, it would cut the host off with no trial to end
        it. ``has_caught_up``: it has acted on all that is in its database.
        """
        self._seen, self._short = observed, short
        cached = self._cache.cached
        if cached is None or cached.trial is None:
            return
        on_path = self._on_path | cached.trial.on_path
        self._hindrance = _hindrance(left, observed, on_path, failures)
        if not (self._hindrance or has_caught_up):
            self._hindrance = "ovs-vswitchd has not acted on what it was told"
        if self._hindrance:
            self._withdraw()
        else:
            self._round_trip.ask(cached.state.revision)

    def is_back(self, left: Plan, failures: Iterable[Failure]) -> bool:
        """Whether a whole turn, which ends with this, undid all there was to undo."""
        self._is_as_far_as_it_goes = True
        undone = self._undone
        wanting = {*steps_by_resource(left), *(each.resource for each in failures)}
        return undone is None or not undone.resources & wanting

    async def _revert(self) -> None:
        cached = self._cache.cached
        if cached is None or cached.trial is None:
            return
        why = _why_undone(
            cached,
            cached.trial,
            is_same_boot=cached.trial.boot == self._boot,
            hindrance=self._hindrance,
        )
        log.warning("change undone", revision=cached.state.revision, why=why)
        reached("before-revert")
        self._withdraw()
        self._on_path, self._hindrance, self._is_as_far_as_it_goes = frozenset(), "", False
        try:
            await asyncio.to_thread(self._cache.revert, why)
        except CacheError as error:
            # What is on disk says the same: on trial, and over. The way back comes first.
            log.warning("the undone change is not on disk yet", error=str(error))
        reached("after-revert")

    def _withdraw(self) -> None:
        """What was asked and answered so far counts no more."""
        self._round_trip.stop()
        self._is_confirming = False


def _bounded(touched: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    more = len(touched) - TOLD
    return touched if more <= 0 else (*touched[:TOLD], ("", f"and {more} more"))


def _with(report: Report, *failures: Failure) -> Report:
    return dataclasses.replace(report, failures=tuple(sorted((*report.failures, *failures))))


def _on_trial(cached: Cached, trial: Trial) -> Failure:
    message = (
        f"revision {cached.state.revision} is on trial for {_length(trial)} s: it is undone unless "
        f"the controller confirms that it is still reached; what may cut it off: {_list(trial)}. "
        "There is nothing to be done but to wait"
    )
    return Failure(CHANGE_ID, ErrorKind.TRANSIENT, "OnTrial", message)


def _hindrance(
    left: Plan, observed: ObservedState, on_path: frozenset[str], failures: Iterable[Failure]
) -> str:
    """What is not done yet on the way to the controller, in words; empty if nothing is."""
    told = {each.resource: each for each in failures}
    if (of_host := told.get(HOST_ID)) is not None:
        return f"{of_host.reason}: {of_host.message}"
    pending = {each.resource for each in touches(left, management_path(observed), observed)}
    pending |= on_path & steps_by_resource(left).keys()
    pending |= {each for each in on_path & told.keys() if told[each].kind in _PASSING}
    if not pending:
        return ""
    first = min(pending)
    why = f": {told[first].reason}: {told[first].message}" if first in told else ""
    return f"{first} could not be brought to what it is to be{why}"


def _told_undone(undone: Undone, report: Report) -> str:
    left = sorted(undone.resources & {each.resource for each in report.failures})
    if undone.is_settled or not left:
        return undone.why
    return f"{undone.why}. Not as it was before yet: {', '.join(left)}"


def _why_undone(cached: Cached, trial: Trial, *, is_same_boot: bool, hindrance: str) -> str:
    if not is_same_boot:
        cause = (
            "the host was booted anew before the controller had confirmed that it is still reached"
        )
    elif hindrance:
        cause = (
            f"within {_length(trial)} s the controller could not be asked whether it is still "
            f"reached ({hindrance})"
        )
    else:
        cause = f"the controller did not confirm within {_length(trial)} s that it is still reached"
    return (
        f"revision {cached.state.revision} was undone, because {cause}; it changed {_list(trial)}. "
        f"{_what_stays(trial)}"
        f"Correct the intent, then let the host follow it: "
        f"ovsfleet release {cached.state.host_name}"
    )


def _what_stays(trial: Trial) -> str:
    """No state tells what these were like before."""
    if not trial.kept:
        return ""
    more = len(trial.kept) - TOLD
    named = ", ".join((*sorted(trial.kept)[:TOLD], *([f"and {more} more"] if more > 0 else [])))
    return f"What was here before without a confirmed state stays as that left it: {named}. "


def _length(trial: Trial) -> int:
    return round(trial.deadline - trial.began)


def _list(trial: Trial) -> str:
    return "; ".join(f"{each}: {what}" if each else what for each, what in trial.touched)
