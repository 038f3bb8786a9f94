"""Wall clocks that jump by an hour: what is newer is told by revisions, how long by a clock that
only goes forward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.lab.lab import CONTROLLER
from deploy.lab.probes import flow
from deploy.lab.shell import wait_until
from tests.support.fault_history import Writer, read_back
from tests.support.fault_rounds import base_history
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite, choose, write_result

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
_HOST = "h1"
_JUMPS_S = (3600, -3600, 0)
_WITHIN_S = 30.0


class Clock:
    """The wall clock of the processes that have ``environment``; the monotonic one is not moved.

    libfaketime reaches the C library alone: what asks the kernel itself to wait until a time of the
    wall clock, as gRPC does, waits for too long, or not at all and burns a processor. With a real
    clock it would not; hence the generous ``_WITHIN_S``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.jump(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        aside = self._file.with_suffix(".aside")
        aside.write_text(f"{seconds:+d}s\n")
        aside.replace(self._file)


@contextmanager
def _agent_by(site: FaultSite, clock: Clock) -> Iterator[None]:
    _restart_agent(site, clock.environment)
    yield
    _restart_agent(site, {})


def _restart_agent(site: FaultSite, environment: dict[str, str]) -> None:
    site.lab.agent_process(_HOST).kill()
    site.lab.start_agent(_HOST, environment)


def _settle(site: FaultSite, within: float = _WITHIN_S) -> float:
    took, missing = site.wait_settled(within)
    assert not missing, f"{missing} after {took:.1f} s"
    return round(took, 3)


def _write_through_jumps(site: FaultSite, clock: Clock) -> tuple[dict[str, int], list[float]]:
    """Writes while the clock jumps ahead, back by twice as much, and home; seconds to converge."""
    history, took = base_history(), []
    for number, seconds in enumerate(_JUMPS_S):
        with Writer(site.lab.url, site.lab.admin_token, history, choose, number) as writer:
            clock.jump(seconds)
            acknowledged = writer.history.counts["ok"]
            enough = lambda: writer.history.counts["ok"] >= acknowledged + 15  # noqa: B023, E731
            wait_until("writes to be acknowledged", enough, 30)
        took.append(_settle(site))
    stored, revisions = read_back(site.fleet, 10)
    assert history.violations(stored, revisions) == []
    assert site.foreign_changes() == []
    return history.counts, took


def test_an_agent_whose_clock_jumps_by_an_hour_follows_intent_as_ever(
    site: FaultSite, tmp_path: Path
) -> None:
    clock = Clock(tmp_path / "clock")
    with _agent_by(site, clock):
        _settle(site)
        with flow(FLOW_FROM, FLOW_TO) as running:
            writes, took = _write_through_jumps(site, clock)
            got = running.finish()
    _settle(site)
    assert got.lost == 0
    write_result("clock_of_agent", {"writes": writes, "converged_s": took, "lost": got.lost})


@pytest.mark.parametrize("seconds", [290, -290])
def test_an_agent_whose_clock_is_five_minutes_off_connects(
    site: FaultSite, tmp_path: Path, seconds: int
) -> None:
    clock = Clock(tmp_path / "clock")
    clock.jump(seconds)
    with _agent_by(site, clock):
        _settle(site)
    took = _settle(site)
    write_result(f"clock_{'ahead' if seconds > 0 else 'behind'}", {"converged_s": took})


def test_a_controller_whose_clock_jumps_by_an_hour_orders_by_revision(
    site: FaultSite, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    clock = Clock(tmp_path / "clock")
    site.lab.processes.stop(CONTROLLER)
    site.lab.start_controller(clock.environment)
    try:
        _settle(site)
        writes, took = _write_through_jumps(site, clock)
        clock.jump(-3600)
        _settle(site)
        silent = _seconds_until_unknown(site)
    finally:
        site.lab.processes.stop(CONTROLLER)
        site.lab.start_controller()
    _settle(site)
    assert silent < 15
    write_result(
        "clock_of_controller", {"writes": writes, "converged_s": took, "stale_shown_s": silent}
    )


def _seconds_until_unknown(site: FaultSite) -> float:
    """How long a dead agent's host is shown as if it lived, also with a clock that went back."""
    site.lab.agent_process(_HOST).kill()
    is_unknown = lambda: site.fleet.hosts.get(_HOST)["status"]["phase"] == "Unknown"  # noqa: E731
    try:
        return round(wait_until("the host to be Unknown", is_unknown, 30), 3)
    finally:
        site.lab.start_agent(_HOST)
