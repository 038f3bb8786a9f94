"""What a large fleet's intent costs: the same requests on an empty database and on a full one.

The controller alone is measured, from request to answer: no host of this fleet was ever enrolled.
The floor of each figure is the same request before the fleet was there, so that its ratio says how
much cost grows with the fleet and not with the change.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bench.fabric import PATIENCE_S, send
from bench.report import Figure
from deploy.lab.lab import Lab
from deploy.lab.topology import plan

_GROUP = 20
"""Hosts that share segments, and segments that they share: what a tenant has."""
_REPEATS = 5
_PAGE = 100


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Groups of ``_GROUP`` hosts with as many segments; every host has ports on all of them."""

    hosts: int
    ports: int
    """Per host."""

    def host_objects(self) -> list[dict[str, Any]]:
        return [
            {
                "kind": "Host",
                "metadata": {"name": f"s{n}"},
                "spec": {"vteps": [f"198.18.{n // 250}.{1 + n % 250}"]},
            }
            for n in range(self.hosts)
        ]

    def segment_objects(self) -> list[dict[str, Any]]:
        return [
            {"kind": "Segment", "metadata": {"name": f"s{n}"}, "spec": {"backend": "ovs"}}
            for n in range(self.hosts)
        ]

    def port_objects(self) -> list[dict[str, Any]]:
        return [port(host, number) for host in range(self.hosts) for number in range(self.ports)]


def port(host: int, number: int) -> dict[str, Any]:
    segment = host - host % _GROUP + number % _GROUP
    return {
        "kind": "Port",
        "metadata": {"name": f"s{host}-{number}"},
        "spec": {"host": f"s{host}", "interface": f"w{number}", "segment": f"s{segment}"},
    }


def whole_intent(
    hosts: int, ports: int, at_once: int, say: Callable[[str], None]
) -> Iterator[Figure]:
    """Fill the database with ``at_once`` ports in a request, and ask the same before and after."""
    say(f"{hosts * ports} ports over {hosts} hosts, {at_once} at once")
    fleet = FleetPlan(hosts, ports)
    with _controller() as rest:
        _apply(rest, fleet.host_objects())
        _apply(rest, fleet.segment_objects())
        more_when_empty = _median(lambda n: _apply(rest, [port(0, ports + n)]))
        todo = fleet.port_objects()
        batches = [todo[start : start + at_once] for start in range(0, len(todo), at_once)]
        took = [_apply(rest, batches[0])]
        page_when_small = _median(lambda _: _page(rest, ""))
        took += [_apply(rest, batch) for batch in batches[1:]]
        more = _median(lambda n: _apply(rest, [port(hosts - 1, ports + n)]))
        far = _token_after(rest, pages=20)
        page = _median(lambda _: _page(rest, far))
    total = hosts * ports
    yield Figure("scale", f"the last {at_once} of {total} ports at once", took[-1], took[0])
    yield Figure("scale", f"one more port beside {total}", more, more_when_empty)
    yield Figure("scale", f"a page of {_PAGE} of {total} ports", page, page_when_small)


@contextmanager
def _controller() -> Iterator[httpx.Client]:
    lab = Lab(plan(1, 0))
    lab.clear()
    try:
        lab.start_hosts()
        lab.start_controller()
        headers = {"Authorization": f"Bearer {lab.admin_token}"}
        with httpx.Client(base_url=lab.url, headers=headers, timeout=PATIENCE_S) as rest:
            yield rest
    finally:
        lab.clear()


def _apply(rest: httpx.Client, objects: list[dict[str, Any]]) -> float:
    return send(rest, objects)[1]


def _page(rest: httpx.Client, token: str) -> float:
    started = time.monotonic()
    _read_page(rest, token)
    return time.monotonic() - started


def _read_page(rest: httpx.Client, token: str) -> str:
    answer = rest.get("/v1/ports", params={"page_size": _PAGE, "page_token": token})
    answer.raise_for_status()
    found: str = answer.json()["next_page_token"]
    return found


def _token_after(rest: httpx.Client, pages: int) -> str:
    token = ""
    for _ in range(pages):
        token = _read_page(rest, token) or token
    return token


def _median(measure: Callable[[int], float]) -> float:
    return statistics.median(measure(n) for n in range(_REPEATS))
