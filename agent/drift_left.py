"""What is left as it was found, and the words in which that is told.

Plain values and pure functions: when something is left, and until when, ``agent.drift`` says.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.drift_events import DriftAction
from agent.errors import ErrorKind, Failure
from agent.model import HostState
from agent.planner.differences import Difference
from agent.planner.ownership import segment_of
from agent.safety import DriftPolicy

FIGHTS = 3
"""How often a resource is mended within ``FIGHT_S`` before it is left as it is found."""
FIGHT_S = 600.0
LEFT_REASONS = frozenset({"Drifted", "DriftFought", "StandsOnDrift"})
"""Of failures that only a person ends: a change of the host or a grant wakes the loop."""
SHOWN = 3
"""Differences that a failure's message lists."""


@dataclass(slots=True)
class Left:
    """A resource that is not mended."""

    count: int
    """Grants when that was found: one more releases it."""
    why: DriftAction
    policy: DriftPolicy
    """The one in force."""
    differences: tuple[Difference, ...] = ()
    who: str = ""
    is_told: bool = False
    """Whether the event is in the queue: a turn may end before that."""
    is_traced: bool = False
    """Whether somebody has looked for ``who``."""

    @property
    def fields(self) -> frozenset[str]:
        """In what it differs; unknown, and so none, until an agent that was started has looked."""
        return frozenset(each.field for each in self.differences)

    def see(self, found: tuple[Difference, ...]) -> None:
        """It differs in this now; the first look after a start is no news: it was told then."""
        if not found or found == self.differences:
            return
        self.is_traced = False
        self.is_told = self.is_told and not self.differences
        self.differences = found

    def obey(self, policy: DriftPolicy, grants: int) -> None:
        """The policy and the grants in force now.

        Fewer grants than before are those of a controller whose database was restored: it is the
        next one more that releases.
        """
        if policy is not DriftPolicy.ENFORCE and self.why is DriftAction.GAVE_UP:
            self.why, self.is_told = DriftAction.REPORTED, False
        self.policy = policy
        # What is ignored is not released, not even when it no longer is.
        self.count = grants if policy is DriftPolicy.IGNORE else min(self.count, grants)

    def described(self) -> dict[str, str]:
        """For a person on the host."""
        return {
            "policy": self.policy.value,
            "why": self.why.value,
            "differences": self.listed(),
            "who": self.who,
        }

    def failures(self, resource: str, host: str) -> tuple[Failure, ...]:
        if self.why is DriftAction.GAVE_UP:
            return (_fought(resource, self, host),)
        return () if self.policy is DriftPolicy.IGNORE else (_drifted(resource, self, host),)

    def listed(self) -> str:
        words = [str(each) for each in self.differences[:SHOWN]]
        more = len(self.differences) - SHOWN
        words += [f"{more} more"] if more > 0 else []
        return ", ".join(words) or "it is not as intended"


def stranding(resource: str, what: str, maker: str, left: Left, host: str) -> Failure:
    """Of what cannot be without ``what``, which is of ``maker`` and gone."""
    way_out = (
        f"set the drift_policy of {maker} to enforce"
        if left.policy is DriftPolicy.IGNORE
        else f"run `ovsfleet release {host}`"
    )
    message = (
        f"{what} is gone from this host and is left so, because {maker} has drifted and is not "
        f"brought back; make it again on the host, or {way_out}"
    )
    return Failure(resource, ErrorKind.CONFLICT, "StandsOnDrift", message)


def _drifted(resource: str, left: Left, host: str) -> Failure:
    message = (
        f"somebody changed it on this host: {_story(left)}. Its drift policy is to report that and "
        f"leave it; change it back on the host, run `ovsfleet release {host}` to bring it back "
        "once, or set its drift_policy to enforce"
    )
    return Failure(resource, ErrorKind.CONFLICT, "Drifted", message)


def _fought(resource: str, left: Left, host: str) -> Failure:
    message = (
        f"it was brought back {FIGHTS} times within {FIGHT_S / 60:.0f} minutes and somebody "
        f"changed it again each time: {_story(left)}. It is left as it is; stop what changes it, "
        f"then run `ovsfleet release {host}`"
    )
    return Failure(resource, ErrorKind.CONFLICT, "DriftFought", message)


def _story(left: Left) -> str:
    return left.listed() + (f" (by {left.who})" if left.who else "")


def policy_of(desired: HostState, resource: str) -> DriftPolicy:
    """A tunnel of a segment has the policy of the segment."""
    named = desired.safety.drift
    policy = named.get(resource) or named.get(segment_of(resource))
    return policy or DriftPolicy.ENFORCE
