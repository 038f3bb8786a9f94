"""The switches that are measured, and ovsfleet around them: the lab, fresh for every figure.

Fresh, because deleting thousands of devices takes Open vSwitch longer than adding them, and leaves
it with another heap and another log than it began with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bench.peers.jsonrpc import Ovsdb
from deploy.lab.lab import Lab
from deploy.lab.ovs import LabSwitch
from deploy.lab.shell import in_netns
from deploy.lab.topology import plan

PATIENCE_S = 600.0


@contextmanager
def bare_switch() -> Iterator[tuple[LabSwitch, Ovsdb]]:
    """One host's Open vSwitch, nobody managing it."""
    lab = Lab(plan(1, 0))
    lab.clear()
    try:
        lab.start_hosts()
        switch = lab.switches["h1"]
        _silence(switch)
        with Ovsdb(f"{switch.directory}/db.sock") as database:
            yield switch, database
    finally:
        lab.clear()


@contextmanager
def fleet(hosts: int) -> Iterator[Fleet]:
    """A controller and as many hosts with agents, all Ready, with no intent beyond the hosts."""
    lab = Lab(plan(hosts, 0))
    lab.clear()
    try:
        lab.up()
        for switch in lab.switches.values():
            _silence(switch)
        lab.ovsfleet("wait", "host", *lab.plan.names, "--for=Ready", "--timeout=120", timeout=150)
        headers = {"Authorization": f"Bearer {lab.admin_token}"}
        with httpx.Client(base_url=lab.url, headers=headers, timeout=PATIENCE_S) as rest:
            yield Fleet(lab, rest)
    finally:
        lab.clear()


def _silence(switch: LabSwitch) -> None:
    """Keep IPv6 off devices that are still to come.

    ovsfleet brings devices up and the floor does not. Thousands that are up in one VLAN each flood
    their neighbour discovery to all others, which keeps a userspace datapath busy for minutes with
    packets, and packets are not what is measured."""
    in_netns(switch.host.netns, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")


@dataclass(frozen=True, slots=True)
class Applied:
    """Seconds from sending the request to the answer, and to all hosts' having applied it."""

    answered: float
    ready: float


@dataclass(frozen=True, slots=True)
class Fleet:
    lab: Lab
    rest: httpx.Client

    def apply(self, objects: Sequence[dict[str, Any]]) -> Applied:
        """One REST request, timed until every host that it concerns has applied it.

        Raises RuntimeError when that does not happen, or some object is not Ready then."""
        # Waiting for events and not by asking again and again, which would slow down what it times.
        with self.rest.stream("GET", "/v1/watch") as events:
            news = _synced(events.iter_lines())
            started = time.monotonic()
            revision, answered = send(self.rest, objects)
            _next_status(news)
            while not (said := self._revision(revision))["realized"]:
                if time.monotonic() - started > PATIENCE_S:
                    raise RuntimeError(f"revision {revision} was not applied: {said['pending']}")
                _next_status(news)
            applied = Applied(answered, time.monotonic() - started)
        self._require_all_ready()
        return applied

    def _revision(self, revision: int) -> dict[str, Any]:
        answer = self.rest.get(f"/v1/revisions/{revision}")
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def _require_all_ready(self) -> None:
        answer = self.rest.get("/v1/fleet")
        answer.raise_for_status()
        for kind, counts in answer.json().items():
            if isinstance(counts, dict) and counts.get("ready") != counts.get("total"):
                raise RuntimeError(f"not all {kind} are Ready: {counts}")


def send(rest: httpx.Client, objects: Sequence[dict[str, Any]]) -> tuple[int, float]:
    """Apply the objects; the fleet's revision after it, and the seconds until the answer."""
    started = time.monotonic()
    answer = rest.post("/v1/apply", json={"objects": list(objects)})
    answered = time.monotonic() - started
    if answer.status_code != 200:
        raise RuntimeError(f"apply: {answer.status_code} {answer.text[:500]}")
    revision: int = answer.json()["revision"]
    return revision, answered


def _synced(lines: Iterator[str]) -> Iterator[str]:
    """The stream's lines from where it has told all that was before."""
    for line in lines:
        if line == "event: synced":
            break
    return lines


def _next_status(lines: Iterator[str]) -> None:
    """Waits until some host has told of itself, or the stream's keep-alive."""
    for line in lines:
        if line == "event: status" or line.startswith(":"):
            return
    raise RuntimeError("the event stream ended")
