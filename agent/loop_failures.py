"""Failures that are no resource's own: of the host as a whole, or found by the loop itself."""

from __future__ import annotations

from collections.abc import Iterable

from agent.attempts import Attempts, Steps
from agent.cache import CacheError
from agent.errors import ErrorKind, Failure
from agent.model import HOST_ID
from agent.ovsdb.snapshot import OvsdbUnavailableError
from agent.planner.plan import Plan

VSWITCHD_STALLED = Failure(
    HOST_ID,
    ErrorKind.TRANSIENT,
    "VswitchdStalled",
    "ovs-vswitchd runs but does not act on the database in time; look at its log and at the load "
    "of this host, restart it if it hangs",
)


def ovsdb_down(error: OvsdbUnavailableError) -> Failure:
    return Failure(
        HOST_ID,
        ErrorKind.TRANSIENT,
        "OvsdbDown",
        f"the Open vSwitch database cannot be read: {error}; the host is left as it is until it "
        "can",
    )


def not_written(error: CacheError) -> Failure:
    return Failure(HOST_ID, ErrorKind.TRANSIENT, "StateNotWritten", str(error))


def bug(error: Exception) -> Failure:
    return Failure(
        HOST_ID,
        ErrorKind.BUG,
        "AgentFault",
        f"the agent met a fault of its own ({type(error).__name__}: {error}); the host is left as "
        "it is. Please report it with the agent's log",
    )


def not_realized(resource: str, steps: Steps) -> Failure:
    what = "; ".join(step.describe() for step in steps)
    return Failure(
        resource,
        ErrorKind.DATAPATH,
        "NotRealized",
        f"the host still differs after these steps ran without an error: {what}; does something "
        "else on the host undo them?",
    )


def explained(plan: Plan, attempts: Attempts, *, has_stalled: bool) -> tuple[Failure, ...]:
    """One failure for each resource that is not as intended, the most telling one."""
    found = {each.resource: each for each in (*plan.failures, *attempts.hindered(plan))}
    found.update({each.resource: each for each in attempts.failures()})
    if has_stalled:
        found.setdefault(HOST_ID, VSWITCHD_STALLED)
    return tuple(sorted(found.values()))


def is_held(failures: Iterable[Failure]) -> bool:
    """Whether the host as a whole is what fails."""
    return any(failure.resource == HOST_ID for failure in failures)


def with_refusal(failures: tuple[Failure, ...], refusal: Failure | None) -> tuple[Failure, ...]:
    """What is told; that a state was not taken only where the host has no failure of its own."""
    if refusal is None or is_held(failures):
        return failures
    return tuple(sorted((*failures, refusal)))
