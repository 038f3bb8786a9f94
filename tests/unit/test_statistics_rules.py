"""When a report counts, and what a read of rates is read from: the rules, by examples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.domain.errors import InvalidError
from controller.domain.statistics import Cursor, Fate, Resolution, grid, judge, window

NOW = datetime(2026, 3, 14, 15, 0, tzinfo=UTC)
CURSOR = Cursor("one", 5, NOW - timedelta(seconds=10))
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("nonce", "sequence", "ago", "fate"),
    [
        ("one", 6, 5, Fate.STORED),
        ("one", 5, 5, Fate.REPEATED),
        ("one", 6, 7201, Fate.TOO_OLD),
        ("one", 6, 20, Fate.STORED),
        ("one", 6, 41, Fate.OUT_OF_ORDER),
        ("two", 1, 5, Fate.STORED),
        ("two", 1, 11, Fate.OUT_OF_ORDER),
    ],
)
def test_a_report_counts_once_and_in_its_order(
    nonce: str, sequence: int, ago: int, fate: Fate
) -> None:
    decided, at = judge(CURSOR, nonce, sequence, NOW - ago * SECOND, NOW)
    assert decided is fate
    if fate is Fate.STORED:
        assert CURSOR.sampled_at < at <= NOW


def test_the_first_report_of_a_host_counts() -> None:
    assert judge(None, "one", 7, NOW, NOW) == (Fate.STORED, NOW)


@pytest.mark.parametrize(
    ("ago", "length", "step", "series", "expected"),
    [
        (timedelta(minutes=15), timedelta(minutes=15), None, 1, (Resolution.RAW, 5)),
        (timedelta(minutes=15), timedelta(minutes=15), 7, 1, (Resolution.RAW, 7)),
        (timedelta(minutes=15), timedelta(minutes=15), None, 350, (Resolution.RAW, 5)),
        (timedelta(minutes=15), timedelta(minutes=15), None, 1380, (Resolution.MINUTE, 60)),
        (timedelta(minutes=15), timedelta(minutes=15), 5, 4000, (Resolution.MINUTE, 60)),
        (timedelta(days=7), timedelta(days=7), None, 1, (Resolution.MINUTE, 3360)),
        (timedelta(days=7), timedelta(days=7), None, 90, (Resolution.QUARTER, 3600)),
        (timedelta(days=30), timedelta(days=30), None, 1, (Resolution.QUARTER, 14400)),
        (timedelta(days=2000), timedelta(days=1), None, 1, (Resolution.HOUR, 3600)),
    ],
)
def test_a_read_is_read_from_the_finest_numbers_that_are_kept_and_not_too_many(
    ago: timedelta,
    length: timedelta,
    step: int | None,
    series: int,
    expected: tuple[Resolution, int],
) -> None:
    start = NOW - ago
    asked = window(start, start + length, step * SECOND if step else None, now=NOW)
    chosen = grid(asked, series, now=NOW)
    assert (chosen.resolution, chosen.step.total_seconds()) == expected
    assert chosen.start <= start < chosen.start + chosen.step
    assert chosen.end - chosen.step < start + length <= chosen.end


def test_too_many_points_are_refused_with_a_step_that_is_taken() -> None:
    asked = window(NOW - timedelta(hours=5), NOW, SECOND, now=NOW)
    with pytest.raises(InvalidError, match="step is 1") as refused:
        grid(asked, 1, now=NOW)
    (violation,) = refused.value.violations
    least = int(violation.fix.split("at least ")[1].split(" s")[0])
    assert grid(window(asked.start, NOW, least * SECOND, now=NOW), 1, now=NOW).points <= 1500
