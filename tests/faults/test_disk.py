"""Disks that are slow, that fail and that are full: nothing is corrupted, all of it is told."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.lab import CONTROLLER
from deploy.lab.probes import flow
from deploy.lab.shell import wait_until
from tests.support.controller_process import children
from tests.support.fault_disk import SmallDisk, fill, small_disk, tampered
from tests.support.fault_history import History, Writer, read_back
from tests.support.fault_results import write_result
from tests.support.fault_rounds import base_history
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite, choose

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_HOST = "h3"


def _state(site: FaultSite) -> Path:
    return site.lab.host(_HOST).directory / "agent"


def _reason(site: FaultSite) -> str:
    document = site.agent_says(_HOST)
    failures = document["report"]["failures"] if document and document["report"] else []
    return failures[0]["reason"] if failures else ""


def _port(host: str, name: str) -> Any:
    spec = {"host": host, "segment": "churn-1", "interface": name}
    return {"kind": "Port", "metadata": {"name": name}, "spec": spec}


@contextmanager
def _wanted(site: FaultSite, name: str) -> Iterator[None]:
    """A port of the host is wanted; afterwards it is not."""
    site.fleet.apply([_port(_HOST, name)])
    yield
    site.fleet.delete([_port(_HOST, name)], wait=30)


def _settle(site: FaultSite, within: float = 30) -> float:
    took, missing = site.wait_settled(within)
    assert not missing, f"{missing} after {took:.1f} s"
    assert site.foreign_changes() == []
    return round(took, 3)


def test_an_agent_with_a_slow_disk_is_late_and_right(site: FaultSite) -> None:
    pid = site.lab.agent_process(_HOST).pid
    with (
        flow(FLOW_FROM, FLOW_TO) as running,
        tampered([pid], "fsync,fdatasync", "delay_enter=300000"),
        _wanted(site, "slow0"),
    ):
        took = _settle(site)
        got = running.finish()
    assert got.lost == 0
    write_result("agent_slow_disk", {"converged_s": took, "lost": got.lost, "sent": got.sent})


@pytest.mark.parametrize(
    ("name", "calls", "injection"),
    [("fsync_eio", "fsync", "error=EIO"), ("write_eio", "write", "error=EIO")],
)
def test_an_agent_whose_disk_fails_says_so_and_recovers_by_itself(
    site: FaultSite, name: str, calls: str, injection: str
) -> None:
    pid = site.lab.agent_process(_HOST).pid
    fresh = [_state(site) / "state.new", _state(site) / "state.bin.new"]
    before = site.agent_says(_HOST)
    assert before is not None
    with tampered([pid], calls, injection, fresh):
        site.fleet.apply([_port(_HOST, "failing0")])
        wait_until("StateNotWritten", lambda: _reason(site) == "StateNotWritten", 10)
        told = site.agent_says(_HOST)
    assert told is not None
    assert told["report"]["applied_revision"] == before["report"]["applied_revision"]
    took = _settle(site)
    site.fleet.delete([_port(_HOST, "failing0")], wait=30)
    write_result(f"agent_{name}", {"converged_s": took})


def test_an_agent_whose_disk_is_full_keeps_the_host_and_recovers_by_itself(
    site: FaultSite,
) -> None:
    site.lab.agent_process(_HOST).kill()
    with small_disk(_state(site), "1M") as disk, _agent_on(site, disk):
        _settle(site)
        filler = fill(disk.seen_from_outside)
        site.fleet.apply([_port(_HOST, "full0")])
        wait_until("StateNotWritten", lambda: _reason(site) == "StateNotWritten", 10)
        assert site.foreign_changes() == []
        filler.unlink()
        took = _settle(site)
    site.lab.start_agent(_HOST)
    _settle(site)
    site.fleet.delete([_port(_HOST, "full0")], wait=30)
    write_result("agent_full_disk", {"converged_s": took})


@contextmanager
def _agent_on(site: FaultSite, disk: SmallDisk) -> Iterator[None]:
    agent = site.lab.start_agent(_HOST, inside=disk.inside)
    site.elsewhere[_HOST] = disk.seen_from_outside
    try:
        yield
    finally:
        agent.kill()
        del site.elsewhere[_HOST]


# --- the database's disk -------------------------------------------------------------------------


def _answers(site: FaultSite, paths: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Status and problem document of reads, as they come."""
    for path in paths:
        request = urllib.request.Request(  # noqa: S310
            f"{site.lab.url}{path}", headers={"Authorization": f"Bearer {site.lab.admin_token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                yield answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            yield error.code, json.loads(error.read())


def test_writes_are_slow_and_streams_live_while_the_databases_disk_is_slow(
    site: FaultSite,
) -> None:
    postmaster = site.role("postgres")
    assert postmaster is not None
    history = base_history()
    with tampered(
        [postmaster, *sorted(children(postmaster))], "fsync,fdatasync", "delay_enter=300000"
    ):
        _write_for(site, history, 8.0)
        connected = [
            (site.agent_says(host) or {})["metrics"]["ovsfleet_agent_stream_connected"]
            for host in site.names
        ]
        read = max(_seconds(lambda: list(_answers(site, ("/v1/ports",)))) for _ in range(5))
    took = _settle(site)
    assert set(connected) == {1}
    assert history.faults == []
    assert history.counts["ok"] > 0
    assert read < 2.0
    figures = {"converged_s": took, "writes": history.counts, "read_max_s": round(read, 3)}
    write_result("database_slow_disk", figures)


def _seconds(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


_FULL = ("503 unavailable", "507 unavailable")
"""Status and code of what tells that nothing can be written now."""


def _told(answers: Mapping[str, int]) -> int:
    return sum(answers.get(each, 0) for each in _FULL)


def _write_for(site: FaultSite, history: History, seconds: float) -> None:
    with Writer(site.lab.url, site.lab.admin_token, history, choose, 7):
        time.sleep(seconds)


def test_a_full_disk_of_the_database_is_told_in_problem_documents_and_never_by_500(
    site: FaultSite,
) -> None:
    folder = site.lab.directory / CONTROLLER / "postgres"
    history, seen = base_history(), Counter[int]()
    site.lab.processes.stop(CONTROLLER)
    with small_disk(folder, "160M") as disk, _controller_on(site, disk):
        _settle(site)
        with flow(FLOW_FROM, FLOW_TO) as running:
            filler = fill(disk.seen_from_outside)
            with Writer(site.lab.url, site.lab.admin_token, history, choose, 7):
                wait_until("writes to be refused", lambda: _told(history.answers) > 5, 60)
                for status, document in _answers(site, ("/v1/ports", "/v1/hosts") * 20):
                    seen[status] += 1
                    assert status < 400 or document["code"]
            filler.unlink()
            took = _settle(site, 60)
            got = running.finish()
    site.lab.start_controller()
    _settle(site)
    stored, revisions = read_back(site.fleet, 10)
    assert history.violations(stored, revisions) == []
    assert set(seen) <= {200, 503, 507}
    assert history.answers["none"] == 0
    assert set(history.answers) <= {"2xx", *_FULL}
    assert got.lost == 0
    figures = {"converged_s": took, "writes": history.answers, "reads": seen, "lost": got.lost}
    write_result("database_full_disk", figures)


@contextmanager
def _controller_on(site: FaultSite, disk: SmallDisk) -> Iterator[None]:
    site.lab.start_controller(inside=disk.inside)
    try:
        yield
    finally:
        site.lab.processes.stop(CONTROLLER)
