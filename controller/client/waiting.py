"""Waiting until the fleet is as it was asked to be.

The change stream is only the wake-up; the truth is read again in pages after each one, and now and
then without one, so that a lost event costs seconds and not the wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from controller.client.documents import Document, reason_of
from controller.client.failures import CommandError, ExitCode, RefusedError
from controller.client.kinds import KindInfo
from controller.client.rest import Api
from controller.client.stream import WakeUp, passes_by_itself

PHASES = ("Pending", "Ready", "Degraded", "Failed", "Unknown")

_LOOK_AGAIN_S = 2.0
# A change to a hundred ports is a hundred events and should be one look.
_GATHER_S = 0.05


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
    missing: Mapping[Target, Document | None]
    """Targets that are not there yet, as last seen."""

    @property
    def done(self) -> int:
        return self.total - len(self.missing)

    def reasons(self) -> list[str]:
        return [f"{target}: {reason_of(document)}" for target, document in self.missing.items()]


def in_phase(phase: str) -> Goal:
    return lambda document: document is not None and document["status"]["phase"] == phase


def deleted(document: Document | None) -> bool:
    return document is None


def caught_up(revision: int, wake_up: WakeUp) -> Goal:
    """For hosts: has applied ``revision``, or is not intended any more."""
    return lambda document: (
        document is None or wake_up.applied_revision(document["metadata"]["uid"]) >= revision
    )


def parse_goal(condition: str) -> tuple[Goal, str]:
    """A goal by the word of ``--for``, and how to call those that have met it."""
    if condition.lower() in {"delete", "deleted"}:
        return deleted, "deleted"
    for phase in PHASES:
        if condition.lower() == phase.lower():
            return in_phase(phase), phase
    raise CommandError(
        f"Nothing can be waited for by the name {condition!r}.",
        hint=f"Use --for delete or a phase: {', '.join(PHASES)}.",
    )


def target_of(kind: KindInfo, document: Document) -> Target:
    return Target(kind, document["metadata"]["project"], document["metadata"]["name"])


def wait_for(
    api: Api,
    wake_up: WakeUp,
    targets: Collection[Target],
    goal: Goal,
    *,
    what: str,
    timeout_s: float,
    report: Callable[[Progress], None],
) -> None:
    """Returns when every target meets the goal; the error names those that did not in time."""
    deadline = time.monotonic() + timeout_s
    progress = Progress(len(targets), dict.fromkeys(targets))
    while True:
        try:
            seen = _read(api, progress.missing)
        except CommandError as failure:
            if not passes_by_itself(failure) or time.monotonic() >= deadline:
                raise
        else:
            progress = Progress(
                len(targets), {t: seen.get(t) for t in progress.missing if not goal(seen.get(t))}
            )
            report(progress)
        if not progress.missing:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise _too_late(progress, what, timeout_s)
        wake_up.wait(min(left, _LOOK_AGAIN_S))
        time.sleep(_GATHER_S)


def _too_late(progress: Progress, what: str, timeout_s: float) -> CommandError:
    return CommandError(
        f"After {timeout_s:g} s {progress.done} of {progress.total} are {what}. Not yet:",
        lines=progress.reasons(),
        hint="`ovsfleet describe KIND NAME` shows each in full; the intent stays as it is.",
        exit_code=ExitCode.TIMEOUT,
    )


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
        return api.objects(kind.collection, project=projects.pop() if len(projects) == 1 else None)
    try:
        return [api.object(kind.collection, wanted[0].name, wanted[0].project)]
    except RefusedError as refused:
        if refused.exit_code is ExitCode.NOT_FOUND:
            return []
        raise
