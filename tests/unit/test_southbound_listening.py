"""What counts as listening to hosts: an unbroken stretch by a clock that nobody set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controller.southbound.listening import Listening


class Times:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.wall = datetime(2026, 1, 1, tzinfo=UTC)
        self.listening = Listening(lambda: self.wall, lambda: self.monotonic)

    def go(self, seconds: float, *, works: bool = True) -> float:
        """Let time pass; answer for how long hosts were listened to then."""
        for _ in range(round(seconds / 2)):
            self.monotonic += 2.0
            self.wall += timedelta(seconds=2.0)
            if works:
                self.listening.works()
        return self.listening.lasts().total_seconds()


def test_nobody_listens_before_the_first_sign() -> None:
    times = Times()
    assert times.go(100, works=False) == 0
    assert times.go(2) == 0
    assert times.go(60) == 60


def test_an_outage_breaks_it_and_a_hiccup_does_not() -> None:
    times = Times()
    times.go(62)
    assert times.go(10, works=False) == 70
    assert times.go(2) == 72
    assert times.go(20, works=False) == 0
    assert times.go(8) == 6


def test_a_clock_that_is_set_breaks_it_either_way() -> None:
    for step in (3600, -3600):
        times = Times()
        times.go(62)
        times.wall += timedelta(seconds=step)
        assert times.go(0) == 0
        assert times.go(60) == 58
