"""The rules of statistics: when a report counts, how long numbers stay, what a read is read from.

Counters are absolute. Reports of one host are stored in the order in which they were read, with
times that only grow: so a difference of two neighbours never has to be corrected, and whatever a
host says later lies behind all that was rolled up already. Pure; time is an argument.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.domain.errors import InvalidError, Violation

COUNTERS = (
    "rx_packets",
    "rx_bytes",
    "rx_errors",
    "rx_dropped",
    "tx_packets",
    "tx_bytes",
    "tx_errors",
    "tx_dropped",
    "tx_carrier_errors",
    "collisions",
    "multicast",
)
"""Names as in ``ovsfleet/v1/stats.proto``; tuples of counts are in this order."""

MOST = 2**63 - 1
"""The largest count that is stored. At 400 Gbit/s it takes six years to count to it."""

GAP = timedelta(minutes=2)
"""Two samples further apart say how much passed between them, and nothing of when."""

LEAST_SPAN = timedelta(seconds=2.5)
"""Two samples that are nearer make no rate of the present: half the usual interval. What was held
up on the way arrives at once, and was counted over a longer time."""

LATEST = timedelta(hours=2)
"""Reports that are older when they arrive are of no use: far beyond what an agent's queue holds."""

QUIET = 2 * LATEST
"""A host unheard for so long has nothing more to say of the hour in which it was heard last."""

JITTER = timedelta(seconds=30)
"""A report may come so much later than the one after it, or than the clock of another controller
says. A report that is stored further ahead of now was stored by a clock that was wrong."""

_NEXT = timedelta(milliseconds=1)


class Resolution(enum.StrEnum):
    """How far apart numbers are kept; raw samples are as far apart as the host reports."""

    RAW = "raw"
    MINUTE = "1m"
    QUARTER = "15m"
    HOUR = "1h"

    @property
    def width(self) -> timedelta:
        return _WIDTHS[self]

    @property
    def retention(self) -> timedelta:
        return _RETENTIONS[self]


_WIDTHS = {
    Resolution.RAW: timedelta(seconds=1),
    Resolution.MINUTE: timedelta(minutes=1),
    Resolution.QUARTER: timedelta(minutes=15),
    Resolution.HOUR: timedelta(hours=1),
}
_RETENTIONS = {
    Resolution.RAW: timedelta(hours=6),
    Resolution.MINUTE: timedelta(days=7),
    Resolution.QUARTER: timedelta(days=90),
    Resolution.HOUR: timedelta(days=731),
}

ROLLUPS = (Resolution.MINUTE, Resolution.QUARTER, Resolution.HOUR)
"""Each is made from the one before; the first from raw samples."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a host's reports are stored."""

    instance_nonce: str
    sequence: int
    sampled_at: datetime


class Fate(enum.StrEnum):
    """What becomes of a report. All but ``STORED`` are answered, and not stored."""

    STORED = "stored"
    REPEATED = "repeated"
    TOO_OLD = "too_old"
    OUT_OF_ORDER = "out_of_order"


def judge(
    cursor: Cursor | None, nonce: str, sequence: int, sampled_at: datetime, now: datetime
) -> tuple[Fate, datetime]:
    """Decide on a report; the time is the one to store it with.

    Times are derived from when a report arrived, so one that was held up may seem older than the
    one before it; the agent's numbers know better. A clock that was set back a
    little drops reports until it is where it was (further: ``is_ahead``): no rate is better than a
    wrong one.
    """
    if cursor is not None and cursor.instance_nonce == nonce and sequence <= cursor.sequence:
        return Fate.REPEATED, sampled_at
    if sampled_at < now - LATEST:
        return Fate.TOO_OLD, sampled_at
    if cursor is None or sampled_at > cursor.sampled_at:
        return Fate.STORED, sampled_at
    held_up = cursor.instance_nonce == nonce and cursor.sampled_at - sampled_at <= JITTER
    return (Fate.STORED, cursor.sampled_at + _NEXT) if held_up else (Fate.OUT_OF_ORDER, sampled_at)


def is_ahead(cursor: Cursor, now: datetime) -> bool:
    """The clock was wrong when this was stored, or is now: reports would be out of order until it
    is as late as that."""
    return cursor.sampled_at > now + JITTER


_DEFAULT_SPAN = timedelta(minutes=15)
_DEFAULT_POINTS = 180
_MOST_POINTS = 1500
_MOST_ROWS = 64_000
"""Added up in about a second and a half, which holds one of few connections: enough for the last
quarter of an hour of 4,000 ports by the minute."""
_USUAL_INTERVAL = timedelta(seconds=5)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked for; the step is None where the caller leaves it to us."""

    start: datetime
    end: datetime
    step: timedelta | None


@dataclass(frozen=True, slots=True)
class Grid:
    """What is answered: buckets of one width from ``start`` on, and what they are read from."""

    resolution: Resolution
    start: datetime
    step: timedelta
    points: int

    @property
    def end(self) -> datetime:
        return self.start + self.points * self.step

    def times(self) -> Iterator[datetime]:
        return (self.start + i * self.step for i in range(self.points))


def window(
    start: datetime | None, end: datetime | None, step: timedelta | None, *, now: datetime
) -> Window:
    """Fill in what was not asked for; InvalidError names what cannot be."""
    end = now if end is None else end
    if not _EARLIEST <= end <= now + _AHEAD:
        raise _refused("to", end, "is not between the year 2000 and tomorrow", "give another time")
    start = end - _DEFAULT_SPAN if start is None else start
    if not _EARLIEST <= start < end:
        raise _refused(
            "from", start, f"is not before to ({end.isoformat()})", "give an earlier one"
        )
    return Window(start, end, step)


def grid(asked: Window, series: int, *, now: datetime) -> Grid:
    """Choose the finest numbers that are still kept for all of the time, and not too many to add
    up. InvalidError: more points than one answer has."""
    resolution = _resolution(asked, series, now)
    wanted = asked.step or _seconds((asked.end - asked.start) / _DEFAULT_POINTS)
    step = resolution.width * max(1, math.ceil(wanted / resolution.width))
    start = _floor(asked.start, step)
    points = math.ceil((asked.end - start) / step)
    if points > _MOST_POINTS:
        least = math.ceil((asked.end - asked.start).total_seconds() / (_MOST_POINTS - 1))
        raise _refused(
            "step",
            int(step.total_seconds()),
            f"makes {points} points, and an answer has at most {_MOST_POINTS}",
            f"ask for a step of at least {least} s, or for a shorter time",
        )
    return Grid(resolution, start, step, points)


def _resolution(asked: Window, series: int, now: datetime) -> Resolution:
    for resolution in Resolution:
        apart = _USUAL_INTERVAL if resolution is Resolution.RAW else resolution.width
        rows = series * (asked.end - asked.start) / apart
        if asked.start >= now - resolution.retention and rows <= _MOST_ROWS:
            return resolution
    return Resolution.HOUR


def _seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=max(1, math.ceil(span.total_seconds())))


def _floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - _EARLIEST) % step


def _refused(name: str, value: object, reason: str, fix: str) -> InvalidError:
    shown = value.isoformat() if isinstance(value, datetime) else value
    violation = Violation("", "out_of_range", f"{name} is {shown}, which {reason}", fix)
    return InvalidError(violation.detail, [violation])
