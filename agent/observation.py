"""How the host compares with what is intended of it, and the questions of people who want to know.

Values, and the questions on their way between the stream and the observer. Owns nothing that
outlives a session.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from agent.errors import Failure
from agent.planner.differences import Difference
from agent.planner.ownership import segment_of

MOST_DIFFERENCES = 1000
"""Of one answer; a resource that differs in no column counts as one."""
MOST_WAITING = 16
"""Questions; of more, the oldest are dropped: whoever asked has given up by then."""


class Likeness(enum.Enum):
    """What a resource is, beside what is intended of it."""

    AS_INTENDED = "as_intended"
    DIFFERS = "differs"
    MISSING = "missing"
    FOREIGN = "foreign"
    """Something that is not ours is in its place."""
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Compared:
    """One resource; ``reason`` and ``message`` as in ``Failure``: empty if nothing hinders it."""

    resource: str
    likeness: Likeness
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An answer; ``trouble`` says why there is none, ``revision`` 0 that there is no state yet."""

    revision: int = 0
    items: tuple[Compared, ...] = ()
    counts: Mapping[Likeness, int] = field(default_factory=dict)
    """Of all that was asked for, also of what ``items`` leaves out."""
    trouble: Failure | None = None


def answer(
    revision: int, compared: Iterable[Compared], resources: Collection[str] = ()
) -> Comparison:
    """Those of ``resources``, or all; a segment stands for its tunnels. What differs comes first,
    as far as there is room."""
    asked = [each for each in compared if not resources or _is_among(each.resource, resources)]
    asked.sort(key=lambda each: (each.likeness is Likeness.AS_INTENDED, each.resource))
    items: list[Compared] = []
    room = MOST_DIFFERENCES
    for each in asked:
        if room <= 0:
            break
        items.append(each)
        room -= max(1, len(each.differences))
    counts = Counter(each.likeness for each in asked)
    return Comparison(revision, tuple(items), counts)


def _is_among(resource: str, resources: Collection[str]) -> bool:
    return resource in resources or segment_of(resource) in resources


def _nothing() -> None:
    """Nobody listens yet."""


class Questions:
    """Put by the stream, answered by the observer; both in the same event loop."""

    def __init__(self) -> None:
        self.on_answer: Callable[[], None] = _nothing
        self._asked: dict[str, frozenset[str]] = {}
        self._answers: deque[tuple[str, Comparison]] = deque()
        self._any = asyncio.Event()

    def ask(self, request_id: str, resources: Iterable[str]) -> None:
        """Have it answered by a look that begins after this."""
        while len(self._asked) >= MOST_WAITING:
            del self._asked[next(iter(self._asked))]
        self._asked[request_id] = frozenset(resources)
        self._any.set()

    async def wait(self) -> None:
        """Until something was asked that nobody took."""
        await self._any.wait()

    def take(self) -> Mapping[str, frozenset[str]]:
        """The resources that are asked for, by request."""
        self._any.clear()
        asked, self._asked = self._asked, {}
        return asked

    def put(self, request_id: str, comparison: Comparison) -> None:
        self._answers.append((request_id, comparison))
        self.on_answer()

    def take_answers(self) -> tuple[tuple[str, Comparison], ...]:
        answers = tuple(self._answers)
        self._answers.clear()
        return answers

    def forget(self) -> None:
        """A session begins: whoever asked in the one before waits no more."""
        self._any.clear()
        self._asked.clear()
        self._answers.clear()
