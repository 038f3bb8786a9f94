"""Collecting everything that is wrong with a request, and raising it as one error."""

from __future__ import annotations

from collections.abc import Iterable

from controller.auth import FLEET_KINDS, PROJECT_KINDS
from controller.domain.errors import (
    ConflictError,
    DomainError,
    InvalidError,
    NotFoundError,
    StaleError,
    Violation,
)
from controller.domain.intent import Ref

_NAMED = 5
ELSEWHERE = "an object of another project"


class Faults:
    """The violations found so far. Filled by the rules of one ``plan_change`` call only."""

    def __init__(self) -> None:
        self._found: list[tuple[type[DomainError], Violation]] = []
        self.warnings: list[Violation] = []
        """What the caller shall know of a change that breaks no rule."""

    def invalid(self, pointer: str, code: str, detail: str, fix: str) -> None:
        self._found.append((InvalidError, Violation(pointer, code, detail, fix)))

    def conflict(self, pointer: str, code: str, detail: str, fix: str) -> None:
        self._found.append((ConflictError, Violation(pointer, code, detail, fix)))

    def not_found(self, pointer: str, detail: str, fix: str) -> None:
        self._found.append((NotFoundError, Violation(pointer, "not_found", detail, fix)))

    def stale(self, pointer: str, detail: str, fix: str) -> None:
        self._found.append((StaleError, Violation(pointer, "stale", detail, fix)))

    def warn(self, pointer: str, code: str, detail: str, fix: str) -> None:
        self.warnings.append(Violation(pointer, code, detail, fix))

    def raise_any(self) -> None:
        """Raise the one error that all violations share, InvalidError for a mixture."""
        kinds = {kind for kind, _ in self._found}
        if not kinds:
            return
        kind = kinds.pop() if len(kinds) == 1 else InvalidError
        violations = [violation for _, violation in self._found]
        raise kind(_summary(violations), violations)


def _summary(violations: list[Violation]) -> str:
    first = violations[0].detail
    more = len(violations) - 1
    return first if not more else f"{first} (and {more} more)"


def listing(refs: Iterable[Ref], total: int | None, within: frozenset[str] | None) -> str:
    """Name a few objects in a sentence: ``Port web-1, Port web-2 and 7 more``.

    What belongs to a project outside of ``within`` (None: all are inside) is not named."""
    names = sorted({f"{r.kind} {r.name}" if may_name(r, within) else ELSEWHERE for r in refs})
    more = max(total or 0, len(names)) - min(len(names), _NAMED)
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more else "")


def may_name(ref: Ref, within: frozenset[str] | None) -> bool:
    if within is None:
        return True
    return ref.kind not in FLEET_KINDS and (ref.kind not in PROJECT_KINDS or ref.project in within)
