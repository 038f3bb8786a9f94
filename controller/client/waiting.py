"""Waiting until the fleet is as it was asked to be.

The change stream is only the wake-up; the truth is read again in pages after each one, and now and
then without one, so that a lost event costs seconds and not the wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from controller.client.documents import Document, reason_of
from controller.client.failures import CommandError, ExitCode, RefusedError
from controller.client.kinds import HOST, KindInfo
from controller.client.rest import Api, Choice
from controller.client.stream import WakeUp, passes_by_itself

PHASES = ("Pending", "Ready", "Degraded", "Failed", "Unknown")

_LOOK_AGAIN_S = 2.0
# A change to a hundred ports is a hundred events and should be one look.
_GATHER_S = 0.05
_NAMED_AT_THE_END = 100


@dataclass(frozen=True, slots=True)
class Target:
    kind: KindInfo
    project: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.word}/{self.name}"


Goal: TypeAlias = Callable[[Document | None], bool]
"""Whether an object, or its absence, is what one waits for."""


@dataclass(frozen=True, slots=True)
class Progress:
    total: int
    done: int
    reasons: Sequence[str]
    """Why the others are not there yet; of very many only the first."""

    @property
    def is_over(self) -> bool:
        return self.done >= self.total


Look: TypeAlias = Callable[[], Progress]
"""Reads how far everything is that one waits for."""


def in_phase(phase: str) -> Goal:
    return lambda document: document is not None and document["status"]["phase"] == phase


def deleted(document: Document | None) -> bool:
    return document is None


def parse_goal(condition: str) -> tuple[Goal, str]:
    """A goal by the word of ``--for``, and what can be said of those that have met it.

    An object is realized exactly while it is Ready."""
    if condition.lower() == "realized":
        return in_phase("Ready"), "are realized"
    if condition.lower() in {"delete", "deleted"}:
        return deleted, "are deleted"
    for phase in PHASES:
        if condition.lower() == phase.lower():
            return in_phase(phase), f"are {phase}"
    raise CommandError(
        f"Nothing can be waited for by the name {condition!r}.",
        hint=f"Use --for realized, delete or a phase: {', '.join(PHASES)}.",
    )


def target_of(kind: KindInfo, document: Document) -> Target:
    return Target(kind, document["metadata"]["project"], document["metadata"]["name"])


def objects_meeting(api: Api, targets: Iterable[Target], goal: Goal) -> Look:
    """Looks at objects; those that have met the goal are not looked at again."""
    missing = dict.fromkeys(targets)
    total = len(missing)

    def look() -> Progress:
        seen = _read(api, missing)
        for target in [target for target in missing if goal(seen.get(target))]:
            del missing[target]
        reasons = [f"{target}: {reason_of(seen.get(target))}" for target in missing]
        return Progress(total, total - len(missing), reasons)

    return look


def hosts_applying(api: Api, revision: int) -> Look:
    """Looks at the hosts that a revision concerns. The controller knows which: a change is not
    told to any other, so that others never get there."""

    def look() -> Progress:
        found = api.get(f"/v1/revisions/{revision}")
        hosts = found["hosts"]
        return Progress(hosts["total"], hosts["applied"], [_lag(host) for host in found["pending"]])

    return look


def _lag(host: Document) -> str:
    return f"{HOST.word}/{host['host']}: {host['phase']}, {host['reason']}: {host['message']}"


def wait_for(
    look: Look,
    wake_up: WakeUp,
    *,
    what: str,
    timeout_s: float,
    report: Callable[[Progress], None],
) -> Progress:
    """Returns when all are there; the error names those that were not in time, and why."""
    deadline = time.monotonic() + timeout_s
    while True:
        left = deadline - time.monotonic()
        try:
            progress = look()
        except CommandError as failure:
            if not passes_by_itself(failure) or left <= 0:
                raise
        else:
            report(progress)
            if progress.is_over:
                return progress
            if left <= 0:
                raise _too_late(progress, what, timeout_s)
        wake_up.wait(min(left, _LOOK_AGAIN_S))
        time.sleep(_GATHER_S)


def _too_late(progress: Progress, what: str, timeout_s: float) -> CommandError:
    return CommandError(
        f"After {timeout_s:g} s {progress.done} of {progress.total} {what}. Not yet:",
        lines=lines_of(progress, _NAMED_AT_THE_END),
        hint="`ovsfleet describe KIND NAME` shows each in full; the intent stays as it is.",
        exit_code=ExitCode.TIMEOUT,
    )


def lines_of(progress: Progress, limit: int) -> list[str]:
    """The first reasons, and how many more are not there yet."""
    shown = list(progress.reasons[:limit])
    more = progress.total - progress.done - len(shown)
    return [*shown, f"… and {more} more"] if more > 0 else shown


def _read(api: Api, targets: Iterable[Target]) -> dict[Target, Document]:
    by_kind: dict[KindInfo, list[Target]] = {}
    for target in targets:
        by_kind.setdefault(target.kind, []).append(target)
    seen: dict[Target, Document] = {}
    for kind, wanted in by_kind.items():
        for document in _read_kind(api, kind, wanted):
            seen[target_of(kind, document)] = document
    return seen


def _read_kind(api: Api, kind: KindInfo, wanted: list[Target]) -> Iterable[Document]:
    if len(wanted) > 1:
        projects = {target.project for target in wanted}
        project = projects.pop() if len(projects) == 1 else None
        return api.objects(kind.collection, Choice(project))
    try:
        return [api.object(kind.collection, wanted[0].name, wanted[0].project)]
    except RefusedError as refused:
        if refused.exit_code is ExitCode.NOT_FOUND:
            return []
        raise
