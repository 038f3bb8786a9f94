"""The reports that the controller has not stored yet: few, and the oldest go first.

Counters are absolute, so that a report that is forgotten here costs resolution and no truth.
Belongs to one event loop. Must not know what is in a report.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

DEFAULT_REPORTS = 60
DEFAULT_BYTES = 16 * 1024 * 1024
"""Room for a minute and more of a host with thousands of ports."""


@dataclass(frozen=True, slots=True)
class QueuedReport:
    """``content`` is a serialized ReportRequest; ``read_at`` is monotonic time."""

    sequence: int
    read_at: float
    content: bytes


class ReportQueue:
    """Numbers reports from 1 and keeps them, in order, until they are acknowledged.

    ``changed`` is set with every change; whoever waits for one clears it first.
    """

    def __init__(self, max_reports: int = DEFAULT_REPORTS, max_bytes: int = DEFAULT_BYTES) -> None:
        self._max_reports = max_reports
        self._max_bytes = max_bytes
        self._reports: deque[QueuedReport] = deque()
        self._bytes = 0
        self._last = 0
        self.dropped = 0
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._reports)

    @property
    def first_sequence(self) -> int:
        """Of the oldest report that is kept; of the next one while none is."""
        return self._reports[0].sequence if self._reports else self._last + 1

    def append(self, content: bytes, read_at: float) -> None:
        """Keep one more; the oldest make room, but never for themselves."""
        self._last += 1
        self._reports.append(QueuedReport(self._last, read_at, content))
        self._bytes += len(content)
        while len(self._reports) > 1 and self._is_overfull():
            self._take_oldest()
            self.dropped += 1
        self.changed.set()

    def next_after(self, sequence: int) -> QueuedReport | None:
        return next((each for each in self._reports if each.sequence > sequence), None)

    def acknowledge(self, sequence: int) -> None:
        """Forget everything up to ``sequence``: the controller has it."""
        while self._reports and self._reports[0].sequence <= sequence:
            self._take_oldest()
        self.changed.set()

    def drop_all(self) -> None:
        """Give up what nobody wants."""
        self.dropped += len(self._reports)
        self.acknowledge(self._last)

    def _is_overfull(self) -> bool:
        return len(self._reports) > self._max_reports or self._bytes > self._max_bytes

    def _take_oldest(self) -> None:
        self._bytes -= len(self._reports.popleft().content)
