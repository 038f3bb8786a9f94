"""What others changed on the host: what is done about it, and what is told of it.

A resource has drifted when there is something to do for it although intent says the same of it as
when it was realized. By its policy that is mended, or left as it is and told, or left in silence.
Who mends the same resource for the fourth time within ten minutes fights with somebody: it is left
as well. New intent for the resource, its being as intended by itself, and an operator's release
(one more such grant than when it was found, and not of what is ignored) end that; a release mends
once.

Owned by the closed loop, which asks :meth:`Drift.sift` what of a plan may be done, tells what it
does, and hears at the end of a turn what to report. Of what is left alone the digests survive a
restart, with the number of such grants; how often something was mended does not. Must not touch the
host, nor decide what differs.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agent.attempts import Steps, founded, steps_by_resource, stranded, without
from agent.clock import Clock
from agent.drift_events import DriftAction, DriftQueue
from agent.drift_left import FIGHT_S, FIGHTS, Left, policy_of, stranding
from agent.errors import Failure
from agent.model import HOST_ID, HostState
from agent.observed import ObservedState
from agent.planner.differences import Difference, Surroundings, differences, find_device
from agent.planner.membership import NO_ENTRIES, divided
from agent.planner.plan import (
    CreateVeth,
    DeleteLink,
    Plan,
    Stage,
    Step,
)
from agent.planner.recovery import Sifted, recovering
from agent.planner.removal import is_removed
from agent.planner.steps import TableStep
from agent.planner.traces import Trace, traces
from agent.realized import Realized
from agent.safety import DriftPolicy
from agent.state_file import Cached

Culprits = Callable[[Mapping[str, frozenset[Trace]]], Awaitable[Mapping[str, str]]]
"""Who made the changes, by resource, as far as somebody can tell."""


async def nobody(_: Mapping[str, frozenset[Trace]]) -> Mapping[str, str]:
    return {}


_WHY = {DriftPolicy.ENFORCE: DriftAction.GAVE_UP}
"""Why what would be mended is left: for other policies, because they say so."""


class _Verdict(enum.Enum):
    """What is done in this turn about a resource that there are steps for."""

    REALIZE = enum.auto()
    """Intent, or what goes by itself: no matter of drift."""
    MEND = enum.auto()
    LEAVE = enum.auto()


@dataclass(frozen=True, slots=True)
class _Finding:
    """What differs, and where the database's journal would tell who did it."""

    differences: tuple[Difference, ...]
    traces: frozenset[Trace]
    is_deed: bool
    """Whether it was somebody's for sure: a veth also goes with the namespace of its peer, which
    comes and goes with a container. It is made again whatever the policy says."""


@dataclass(slots=True)
class _Turn:
    """What was found and decided since the loop's turn began."""

    verdicts: dict[str, _Verdict] = field(default_factory=dict)
    found: dict[str, _Finding] = field(default_factory=dict)
    mended: set[str] = field(default_factory=set)
    news: set[str] = field(default_factory=set)
    """What intent wants otherwise than it was brought to, as far as is known."""
    pending: frozenset[str] = frozenset()
    """What the newest plan has steps for, done or left."""
    stranded: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class Drift:
    def __init__(
        self,
        queue: DriftQueue,
        clock: Clock,
        *,
        who: Culprits = nobody,
        on_event: Callable[[DriftAction], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._who = who
        self._on_event = on_event
        self._now = now
        self.realized = self._realized = Realized()
        self._left: dict[str, Left] = {}
        self._mended_at: dict[str, deque[float]] = {}
        self._untold: dict[str, _Finding] = {}
        """Of what is being mended, what was found first: told when it is as intended again."""
        self._turn = _Turn()

    @property
    def left(self) -> Mapping[str, Left]:
        """What is left as it was found, by resource."""
        return self._left

    def describe(self) -> list[dict[str, str]]:
        """What is left, for a person on the host."""
        return [
            {"resource": resource, **left.described()}
            for resource, left in sorted(self._left.items())
        ]

    # --- in the loop -----------------------------------------------------------------------------

    def begin(self, cached: Cached) -> None:
        """A turn begins; what lies on disk is looked at in the first one."""
        self._turn = _Turn()
        self._load(cached)
        if (undone := cached.going_back) is not None:
            # What the undone change did is no more somebody else's doing than undoing it.
            self._realized.forget(undone.resources)

    def _load(self, cached: Cached) -> None:
        if self._realized.is_loaded:
            return
        states = (cached.state, cached.confirmed)
        applied = (each for each in states if each and each.hash == cached.applied_hash)
        left = self._realized.load(next(applied, None), cached.realized)
        for resource, count in left.items():
            policy = policy_of(cached.state, resource)
            self._left[resource] = Left(count, DriftAction.REPORTED, policy, is_told=True)

    def interrupt(self) -> None:
        """Open vSwitch could not be seen: what it lacks next is not what somebody took away."""
        self._realized.interrupt()

    def sift(
        self,
        plan: Plan,
        desired: HostState,
        observed: ObservedState,
        tried: Mapping[str, Failure],
    ) -> Sifted:
        """``plan`` less what is left as it is; ``tried`` failed before and is not news."""
        steps = steps_by_resource(plan)
        self._turn.pending = frozenset(steps)
        self._realized.look(desired, observed)
        for resource, its in steps.items():
            # What looked as if it went by itself may turn out to be a part of what somebody did.
            if self._turn.verdicts.get(resource, _Verdict.REALIZE) is _Verdict.REALIZE:
                news = self._realized.news(resource)
                own = divided(its, news)[0] if news != NO_ENTRIES else its
                verdict = self._judge(resource, own, desired, observed, tried.get(resource))
                self._turn.verdicts[resource] = verdict
        left = {each for each in steps if self._turn.verdicts[each] is _Verdict.LEAVE}
        back = {each: self._recovering(each, steps[each], observed, tried) for each in left}
        back = dict(founded(steps, back))
        whole = {r: _less(its, back[r]) if r in left else its for r, its in steps.items()}
        self._turn.stranded = stranded(whole, left)
        entries = {each: self._entries(each, steps[each], observed) for each in left}
        passing = {each: (*back[each], *entries[each]) for each in left}
        rest = without(plan, left | self._turn.stranded.keys(), but=_all(passing))
        tables = (step for step in _all(passing) if isinstance(step, TableStep))
        if parts := tuple(step for step in tables if step not in steps[step.resource]):
            rest = replace(rest, stages=(*rest.stages, Stage(post=parts)))
        return Sifted(rest, (*_all(back), *self._gone_by_itself(rest, left, observed)))

    def _recovering(
        self, resource: str, steps: Steps, observed: ObservedState, tried: Mapping[str, Failure]
    ) -> Steps:
        """Of what is left, what is no part of what somebody changed."""
        own, _ = divided(steps, self._realized.news(resource))
        around = self._around(resource, observed, tried.get(resource))
        return recovering(own, around, self._left[resource].fields)

    def _entries(
        self, segment: str, steps: Steps, observed: ObservedState
    ) -> tuple[TableStep, ...]:
        """For members of a segment that came or went, also while the segment is left, unless its
        device is left deleted."""
        _, news = divided(steps, self._realized.news(segment))
        tables = (step for step in news if isinstance(step, TableStep))
        return tuple(step for step in tables if find_device(observed, step) is not None)

    def _gone_by_itself(
        self, rest: Plan, left: Collection[str], observed: ObservedState
    ) -> Iterable[Step]:
        """Of all else, what went with a boot or was made anew: a failure tells nothing of that."""
        is_booted = self._realized.is_booted
        around = Surroundings(observed, self._realized.seen, is_booted, is_booted)
        for resource, steps in steps_by_resource(rest).items():
            if resource not in left:
                yield from recovering(steps, around)

    def applying(self, resources: Collection[str], tried: Mapping[str, Failure]) -> None:
        """These are about to be worked on; what was refused before is tried, not fought for."""
        now = self._clock.now()
        # Until they are as desired nobody knows what they were brought to, and a newer state may
        # want what was there before.
        self._realized.forget(self._turn.news.intersection(resources))
        for resource in resources:
            is_first = resource not in self._turn.mended
            if self._turn.verdicts.get(resource) is not _Verdict.MEND or not is_first:
                continue
            self._turn.mended.add(resource)
            is_deed = resource in self._turn.found and self._turn.found[resource].is_deed
            if is_deed and _is_undone(tried.get(resource)):
                self._mended_at.setdefault(resource, deque(maxlen=FIGHTS)).append(now)

    async def settle(
        self, desired: HostState, plan: Plan, tried: Mapping[str, Failure]
    ) -> tuple[Failure, ...]:
        """The turn is over, and ``plan`` was the last: what to report of what is left."""
        if any(failure.resource == HOST_ID for failure in plan.failures):
            self._realized.interrupt()
            return ()
        turn = self._turn
        # What failed and has nothing left to do is over it.
        troubled = {failure.resource for failure in plan.failures} | turn.pending & tried.keys()
        refused = {each for each in troubled if not _is_undone(tried.get(each))}
        refused |= {failure.resource for failure in plan.failures}
        self._realized.settle(turn.pending | troubled, refused)
        for resource in (
            self._left.keys() & turn.mended | self._left.keys() - turn.pending - troubled
        ):
            # What was released is mended once: what is found of it next is found anew.
            del self._left[resource]
        mended = {r: each for r, each in self._untold.items() if r not in turn.pending | troubled}
        self._untold = {r: each for r, each in self._untold.items() if r not in mended}
        await self._tell(mended)
        return self.failures(desired)

    def kept(self, desired: HostState) -> Mapping[str, str]:
        """What has to survive a restart; nothing where all drift is mended."""
        counts = {
            resource: left.count
            for resource, left in self._left.items()
            if left.why is DriftAction.REPORTED
        }
        return self._realized.kept(desired.safety.drift, counts)

    # --- what is done ----------------------------------------------------------------------------

    def _judge(
        self,
        resource: str,
        steps: Steps,
        desired: HostState,
        observed: ObservedState,
        failure: Failure | None,
    ) -> _Verdict:
        is_gone = is_removed(resource, desired.removed)
        if is_gone or self._realized.unchanged(resource) is None:
            self._turn.news.add(resource)
            for known in (self._left, self._mended_at, self._untold):
                known.pop(resource, None)
            return _Verdict.REALIZE
        around = self._around(resource, observed, failure)
        found = _find(steps, around)
        policy = policy_of(desired, resource)
        if (left := self._left.get(resource)) is not None:
            verdict = self._judge_left(resource, left, policy, desired.grants.mended)
            if verdict is _Verdict.LEAVE:
                rest = _less(steps, recovering(steps, around, left.fields))
                found = _find(rest, around.strict)
            left.see(found.differences)
        else:
            verdict = self._judge_found(resource, found, policy, failure)
            if verdict is _Verdict.LEAVE:
                why = _WHY.get(policy, DriftAction.REPORTED)
                count = desired.grants.mended
                self._left[resource] = Left(count, why, policy, found.differences)
        self._turn.found[resource] = found
        if verdict is _Verdict.LEAVE:
            self._untold.pop(resource, None)
        if verdict is _Verdict.MEND and found.differences:
            self._untold.setdefault(resource, found)
        return verdict

    def _around(
        self, resource: str, observed: ObservedState, failure: Failure | None
    ) -> Surroundings:
        return Surroundings(
            observed,
            self._realized.seen,
            rows_recover=self._realized.rows_recover or not _is_undone(failure),
            devices_recover=self._realized.devices_recover or self._realized.is_troubled(resource),
        )

    def _judge_found(
        self, resource: str, found: _Finding, policy: DriftPolicy, failure: Failure | None
    ) -> _Verdict:
        if not found.differences:
            return _Verdict.REALIZE
        if not (found.is_deed and _is_undone(failure)):
            return _Verdict.MEND
        if policy is not DriftPolicy.ENFORCE:
            return _Verdict.LEAVE
        return _Verdict.LEAVE if self._is_fought_over(resource) else _Verdict.MEND

    def _judge_left(self, resource: str, left: Left, policy: DriftPolicy, mended: int) -> _Verdict:
        left.obey(policy, mended)
        is_over = left.why is DriftAction.REPORTED and policy is DriftPolicy.ENFORCE
        is_released = mended > left.count and policy is not DriftPolicy.IGNORE
        if is_released or is_over:
            self._mended_at.pop(resource, None)
            return _Verdict.MEND
        return _Verdict.LEAVE

    def _is_fought_over(self, resource: str) -> bool:
        times = self._mended_at.get(resource, ())
        since = self._clock.now() - FIGHT_S
        return sum(at > since for at in times) >= FIGHTS

    # --- what is told ----------------------------------------------------------------------------

    async def _tell(self, mended: Mapping[str, _Finding]) -> None:
        left = {
            resource: self._turn.found[resource]
            for resource, each in self._still_left()
            if not (each.is_told and each.is_traced) and each.policy is not DriftPolicy.IGNORE
        }
        found = {**mended, **left}
        if not found:
            return
        culprits = await self._who({resource: each.traces for resource, each in found.items()})
        for resource in sorted(mended):
            who = culprits.get(resource, "")
            self._put(resource, DriftAction.ENFORCED, mended[resource].differences, who)
        for resource in sorted(left):
            it = self._left[resource]
            it.who, it.is_traced = culprits.get(resource, ""), True
            if not it.is_told:
                self._put(resource, it.why, left[resource].differences, it.who)
                it.is_told = True

    def _still_left(self) -> list[tuple[str, Left]]:
        """Those that this turn found to be left; of others there is nothing new."""
        verdicts = self._turn.verdicts
        return [(r, it) for r, it in self._left.items() if verdicts.get(r) is _Verdict.LEAVE]

    def _put(
        self, resource: str, action: DriftAction, found: tuple[Difference, ...], who: str
    ) -> None:
        self._queue.put(self._now(), resource, action, found, who)
        self._on_event(action)

    def failures(self, desired: HostState) -> tuple[Failure, ...]:
        """What to report of what this turn left."""
        left = (it.failures(resource, desired.host_name) for resource, it in self._still_left())
        return (*(each for its in left for each in its), *self._strandings(desired))

    def _strandings(self, desired: HostState) -> Iterable[Failure]:
        for resource, (what, maker) in self._turn.stranded.items():
            yield stranding(resource, what, maker, self._left[maker], desired.host_name)


def _find(steps: Steps, around: Surroundings) -> _Finding:
    found = differences(steps, around)
    veths = {step.name for step in steps if isinstance(step, CreateVeth)}
    rest = tuple(step for step in steps if not _is_of_veth(step, veths))
    is_deed = bool(found if len(rest) == len(steps) else differences(rest, around))
    return _Finding(found, traces(steps), is_deed)


def _is_of_veth(step: Step, names: Collection[str]) -> bool:
    """Whether it makes one of them, or takes away what is left of it."""
    is_made_anew = isinstance(step, DeleteLink) and step.name in names
    return is_made_anew or isinstance(step, CreateVeth)


def _is_undone(failure: Failure | None) -> bool:
    """Whether what was done last had its effect, though it may be gone again."""
    return failure is None or failure.reason == "NotRealized"


def _less(steps: Steps, others: Steps) -> Steps:
    return tuple(step for step in steps if step not in others)


def _all(steps: Mapping[str, Steps]) -> Steps:
    return tuple(step for resource in sorted(steps) for step in steps[resource])
