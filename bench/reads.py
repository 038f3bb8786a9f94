"""What it costs to look at a large fleet: 1,000 hosts, 40 segments and 100,000 ports.

The floor of each figure is a list of all of its hosts in the same run, so that its ratio says the
same on every machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import httpx

from bench.report import Figure
from tests.support.large_fleet import served

_REPEATS = 7
_READS = {
    "the topology of 1000 hosts by zone": "/v1/topology?group_by=zone",
    "the topology of 1000 hosts by rack": "/v1/topology?group_by=label:rack",
    "the mesh of 60 hosts one by one": "/v1/topology?segment=tenant-35&project=shop",
    "the mesh of 1000 hosts by zone": "/v1/topology?segment=storage",
    "the fleet at a glance": "/v1/fleet",
    "a page of 100 of 100000 ports": "/v1/ports?page_size=100",
}
_FLOOR = "/v1/hosts?page_size=1000"


def large_fleet(say: Callable[[str], None]) -> Iterator[Figure]:
    say("reads of 1000 hosts with 100000 ports")
    with served() as (fleet, _, live, secret):
        made = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in fleet.took.items())
        say(f"them; made in {sum(fleet.took.values()):.0f} s: {made}")
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=live.url, headers=headers, timeout=60) as rest:
            floor = _median(rest, _FLOOR)
            for name, path in _READS.items():
                yield Figure("reads", name, _median(rest, path), floor)


def _median(rest: httpx.Client, path: str) -> float:
    return statistics.median(_time(rest, path) for _ in range(_REPEATS))


def _time(rest: httpx.Client, path: str) -> float:
    started = time.monotonic()
    rest.get(path).raise_for_status()
    return time.monotonic() - started
