"""What others changed on the host, on its way to the controller.

The queue is in memory only and bounded: who reads of what happened hours ago in a fleet of quarrels
needs the newest, and how many more there were. An event stays until the controller says that it has
stored it, and is sent again in the next session. Must not decide what is an event.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.planner.differences import Difference

MOST_EVENTS = 1000
BATCH = 100
"""Events of one message."""


class DriftAction(enum.Enum):
    """What was done about it."""

    ENFORCED = "enforced"
    REPORTED = "reported"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class DriftEvent:
    sequence: int
    at: datetime
    """Of the wall clock, in UTC: when it was found."""
    resource: str
    action: DriftAction
    differences: tuple[Difference, ...]
    who: str
    """Which command did it, in its own words; empty: nobody can tell."""


class DriftQueue:
    """Filled by the loop, emptied by the session; both in the same event loop."""

    def __init__(self, on_event: Callable[[], None] = lambda: None) -> None:
        self.on_event = on_event
        self.dropped = 0
        self._events: deque[DriftEvent] = deque()
        self._last = 0
        self._sent = 0

    @property
    def events(self) -> tuple[DriftEvent, ...]:
        """Those that the controller has not said to have."""
        return tuple(self._events)

    def put(
        self,
        at: datetime,
        resource: str,
        action: DriftAction,
        differences: tuple[Difference, ...],
        who: str,
    ) -> None:
        self._last += 1
        if len(self._events) == MOST_EVENTS:
            self._events.popleft()
            self.dropped += 1
        self._events.append(DriftEvent(self._last, at, resource, action, differences, who))
        self.on_event()

    def rewind(self) -> None:
        """A session begins: all that was not acknowledged is sent in it."""
        self._sent = 0

    def take(self) -> tuple[DriftEvent, ...]:
        """The next events to send; none when all are under way."""
        fresh = [event for event in self._events if event.sequence > self._sent][:BATCH]
        if fresh:
            self._sent = fresh[-1].sequence
        return tuple(fresh)

    def received(self, sequence: int) -> None:
        while self._events and self._events[0].sequence <= sequence:
            self._events.popleft()
