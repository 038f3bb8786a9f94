"""Wall clocks that jump by an hour: what is newer is told by revisions, how long by a clock that
only goes forward."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.lab.lab import CONTROLLER
from deploy.lab.probes import flow
from deploy.lab.shell import run, wait_until
from tests.support.fault_history import Writer, read_back
from tests.support.fault_results import write_result
from tests.support.fault_rounds import base_history
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite, choose

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_SOURCE = Path(__file__).parents[1] / "support/wall_clock.c"
_HOST = "h1"
_JUMPS_S = (3600, -3600, 0)
_WITHIN_S = 30.0


class Clock:
    """The wall clock of the processes that have ``environment``; no other clock is moved.

    This reaches the C library alone: what asks the kernel itself to wait until a time of the wall
    clock, as gRPC does, waits for too long, or not at all and burns a processor. With a real clock
    it would not; hence the generous ``_WITHIN_S``."""

    def __init__(self, directory: Path) -> None:
        self._file, self._library = directory / "clock", directory / "wall_clock.so"
        directory.chmod(0o755)  # PostgreSQL is somebody else.
        run("gcc", "-O2", "-shared", "-fPIC", "-o", self._library, _SOURCE, "-ldl")
        self._file.write_bytes(bytes(8))
        self._file.chmod(0o644)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "WALL_CLOCK_FILE": str(self._file)}

    def jump(self, seconds: int) -> None:
        """In the file itself, which those processes have in their memory."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


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
    clock = Clock(tmp_path)
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
    clock = Clock(tmp_path)
    clock.jump(seconds)
    with _agent_by(site, clock):
        _settle(site)
    took = _settle(site)
    write_result(f"clock_{'ahead' if seconds > 0 else 'behind'}", {"converged_s": took})


def test_a_controller_whose_clock_jumps_by_an_hour_orders_by_revision(
    site: FaultSite, tmp_path: Path
) -> None:
    clock = Clock(tmp_path)
    site.lab.processes.stop(CONTROLLER)
    site.lab.start_controller(clock.environment)
    try:
        _settle(site)
        writes, took = _write_through_jumps(site, clock)
        clock.jump(-3600)
        _settle(site)
        silent = _seconds_until_silent(site)
        _settle(site)
    finally:
        site.lab.processes.stop(CONTROLLER)
        site.lab.start_controller()
    _settle(site)
    assert silent < 15
    write_result(
        "clock_of_controller", {"writes": writes, "converged_s": took, "stale_shown_s": silent}
    )


def _seconds_until_silent(site: FaultSite) -> float:
    """How long a host is shown as if it were heard whose agent hangs: its connection stays, and no
    end of a stream tells what only silence does."""
    agent = site.lab.agent_process(_HOST)
    agent.signal(signal.SIGSTOP)
    try:
        took = wait_until("the host to be Unknown", lambda: _connected(site) != "SessionOpen", 30)
        assert _connected(site) == "HostSilent"
        assert site.fleet.hosts.get(_HOST)["status"]["phase"] == "Unknown"
    finally:
        agent.signal(signal.SIGCONT)
    return round(took, 3)


def _connected(site: FaultSite) -> str:
    conditions = site.fleet.hosts.get(_HOST)["status"]["conditions"]
    return next(str(each["reason"]) for each in conditions if each["type"] == "Connected")
