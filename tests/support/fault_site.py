"""The lab with what fault tests need on it: intent that changes, traffic, and things of others.

``flow`` is a segment of h1, h2 and h4 whose members exchange numbered datagrams; nobody writes to
it. ``churn-N`` are segments of all hosts that writers change all the time: ports come and go on h3
and h4 only. A device that is made in a namespace costs packets of Open vSwitch's userspace datapath
there, with ovsfleet or without (docs/operations.md); on h1 and h2 writers change tunnels and rows.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import introspection
from agent.report import Outcome
from controller.client.fleet import Fleet, FleetError
from deploy.lab.lab import CONTROLLER, Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.probes import Endpoint, ping_all
from deploy.lab.shell import run, wait_until
from tests.support import fault_foreign
from tests.support.controller_process import roles
from tests.support.fault_history import Json, Key, Write

CHURN = ("churn-1", "churn-2")
_PORTS = 4
"""That come and go, on each of h3 and h4."""
_NETNS = "ovsf-flow"
FLOW_FROM = Endpoint("flow-h1", "h1", f"{_NETNS}-h1", "eth0", "10.96.0.1", "flow")
FLOW_TO = Endpoint("flow-h2", "h2", f"{_NETNS}-h2", "eth0", "10.96.0.2", "flow")
FLOW_BY_KERNEL = Endpoint("flow-h4", "h4", f"{_NETNS}-h4", "eth0", "10.96.0.4", "flow")
_ENDS = (FLOW_FROM, FLOW_TO, FLOW_BY_KERNEL)
_GUESTS = "ovsf-guests"
"""Namespace of the far ends of the ports that come and go on h4."""


@dataclass(slots=True)
class FaultSite:
    lab: Lab
    fleet: Fleet
    names: tuple[str, ...]
    foreign: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[str, Path] = field(default_factory=dict)
    """State directories of agents that see another disk there."""

    @property
    def controller_pid(self) -> int:
        return self.lab.processes.get(CONTROLLER).pid

    def role(self, name: str) -> int | None:
        """The pid of one of the controller's processes: server, worker, beat, postgres."""
        return roles(self.controller_pid).get(name)

    def agent_says(self, host: str) -> dict[str, Any] | None:
        state = self.elsewhere.get(host, self.lab.host(host).directory / "agent")
        return introspection.ask(state / introspection.SOCKET_NAME, 1.0)

    # --- whether all is as intended ---

    def behind(self) -> str:
        """What is not yet as intended, in words; empty when all of it is."""
        for host in self.names:
            if said := self._agent_behind(host):
                return f"agent of {host}: {said}"
        try:
            return self._fleet_behind()
        except FleetError as error:
            return f"controller: {error}"

    def _agent_behind(self, host: str) -> str:
        document = self.agent_says(host)
        if document is None or document["report"] is None:
            return "says nothing"
        report = document["report"]
        if document["metrics"]["ovsfleet_agent_stream_connected"] != 1:
            return "is not connected"
        if report["failures"] or report["outcome"] != Outcome.APPLIED.value:
            return f"{report['outcome']} {report['failures'][:1]}"
        is_applied = report["applied_revision"] == report["observed_revision"]
        return "" if is_applied else f"has applied {report['applied_revision']}"

    def _fleet_behind(self) -> str:
        head = int(self.fleet.summary()["revision"])
        document = self.fleet.revision(head)
        if not document["realized"]:
            return f"revision {head}: {document['pending'][:1]}"
        wanted = {
            "Host": self.fleet.hosts,
            "Segment": self.fleet.segments,
            "Port": self.fleet.ports,
        }
        for kind, objects in wanted.items():
            for each in objects.list(filter='status.phase != "Ready"'):
                return f"{kind} {each['metadata']['name']}: {each['status']}"
        return ""

    def wait_settled(self, within: float) -> tuple[float, str]:
        """Seconds until all is as intended, and what still was not after ``within`` seconds."""
        return wait_until_empty(self.behind, within)

    def begin_anew(self) -> None:
        """Nothing but what is there before anything is written, and all of that at rest."""
        base = base_intent()
        kept = {(each["kind"], each["metadata"]["name"]) for each in base}
        there: list[Any] = [*self.fleet.ports.list(), *self.fleet.segments.list()]
        written = [each for each in there if (each["kind"], each["metadata"]["name"]) not in kept]
        if written:
            self.fleet.delete(written, confirm_count=len(written))
        self.fleet.apply(base)
        _, missing = self.wait_settled(30)
        assert not missing, missing

    def wait_answer(self, ends: tuple[Endpoint, Endpoint]) -> None:
        wait_until("an answer across", lambda: len(ping_all([ends])) == 1, 20)

    # --- what others have ---

    def remember_foreign(self) -> None:
        self.foreign = {name: self._foreign_at_rest(name) for name in self.names}

    def _foreign_at_rest(self, name: str) -> str:
        """Once ports have their numbers and addresses have passed duplicate detection."""
        seen = [fault_foreign.snapshot(self.lab, name)]

        def moves() -> str:
            seen.append(fault_foreign.snapshot(self.lab, name))
            return "" if seen[-1] == seen[-2] and "tentative" not in seen[-1] else "moves"

        wait_until_empty(moves, 15, 0.3)
        return seen[-1]

    def foreign_changes(self, allowed: Callable[[str], bool] = lambda _: False) -> list[str]:
        """Lines that came or went since they were remembered."""
        found: list[str] = []
        for name, before in self.foreign.items():
            now = fault_foreign.snapshot(self.lab, name)
            found += [f"{name}: {line}" for line in fault_foreign.differences(before, now)]
        return [line for line in found if not allowed(line)]

    def changes_but_for_a_boot(self) -> list[str]:
        """What came or went since it was remembered and no boot, nor a start of Open vSwitch, gives
        or takes; what is there now is remembered."""
        before = self.foreign
        self.remember_foreign()
        return [
            f"{name}: {line}"
            for name, now in self.foreign.items()
            for line in fault_foreign.differences_but_for_a_boot(before[name], now)
        ]


def wait_until_empty(
    what: Callable[[], str], within: float, pause: float = 0.05
) -> tuple[float, str]:
    started = time.monotonic()
    while missing := what():
        if time.monotonic() - started > within:
            break
        time.sleep(pause)
    return time.monotonic() - started, missing


# --- intent --------------------------------------------------------------------------------------


def _fixed_port(end: Endpoint) -> Json:
    spec = {
        "host": end.host,
        "segment": end.segment,
        "type": "veth",
        "interface": f"fl-{end.host}",
        "peer": {"netns": end.netns, "interface": end.device},
        "addresses": [f"{end.address}/24"],
    }
    return {"kind": "Port", "metadata": {"name": end.name}, "spec": spec}


def _churned_port(host: str, segment: str) -> Json:
    spec = {"host": host, "segment": segment, "interface": f"c{segment[-1]}-{host}"}
    return {"kind": "Port", "metadata": {"name": f"{segment}-{host}"}, "spec": spec}


def base_intent() -> list[Any]:
    """What is there before anything is written: all of flow, and a port of h1 and h2 on each
    segment that changes."""
    segments = [
        {"kind": "Segment", "metadata": {"name": name}, "spec": {}} for name in ("flow", *CHURN)
    ]
    churned = [_churned_port(host, segment) for host in ("h1", "h2") for segment in CHURN]
    return [*segments, *map(_fixed_port, _ENDS), *churned]


def choose(rng: random.Random, possible: Mapping[Key, list[Json | None]]) -> Write:
    """The next write: a port of h3 or h4 comes, changes or goes, or h1 and h2 are changed."""
    way = rng.random()
    if way < 0.15:
        outside = rng.sample(range(10, 100), rng.randint(0, 2))
        spec = {"external_vteps": sorted(f"198.51.100.{number}" for number in outside)}
        return Write(("Segment", rng.choice(CHURN)), spec)
    if way < 0.35:
        host, segment = rng.choice(("h1", "h2")), rng.choice(CHURN)
        tags = {"priority_tags": rng.choice(("always", "if-nonzero", "never"))}
        return Write(("Port", f"{segment}-{host}"), _churned_port(host, segment)["spec"] | tags)
    host, number = rng.choice(("h3", "h4")), rng.randrange(_PORTS)
    key = ("Port", f"guest-{host}-{number}")
    is_there = possible.get(key, [None])[-1] is not None
    if is_there and rng.random() < 0.6:
        return Write(key, None)
    return Write(key, _guest(host, number, rng.choice(CHURN)))


def _guest(host: str, number: int, segment: str) -> Json:
    spec: Json = {"host": host, "segment": segment, "interface": f"g{number}-{host}"}
    if host == "h4":
        spec |= {"type": "veth", "peer": {"netns": _GUESTS, "interface": f"g{number}"}}
    return spec


@contextmanager
def fault_site(lab: Lab) -> Iterator[FaultSite]:
    """The lab with all of it, settled; what was made is taken away at the end."""
    namespaces = [_GUESTS, *(end.netns for end in _ENDS)]
    for name in namespaces:
        add_workload_netns(name)
    fault_foreign.add_foreign(lab)
    with Fleet(lab.url, lab.admin_token, attempts=1, timeout_s=5.0) as fleet:
        site = FaultSite(lab, fleet, tuple(lab.plan.names))
        site.begin_anew()
        site.remember_foreign()
        yield site
        _clear(site)
    fault_foreign.remove_foreign(lab)
    for name in namespaces:
        run("ip", "netns", "delete", name, check=False)


def _clear(site: FaultSite) -> None:
    site.wait_settled(30)
    objects: list[Any] = [*site.fleet.ports.list(), *site.fleet.segments.list()]
    site.fleet.delete(objects, confirm_count=len(objects), wait=30)


@contextmanager
def confirmed_always(site: FaultSite) -> Iterator[None]:
    """Every change of a host is on trial; none is undone as long as the test breaks anything."""
    _patch_hosts(site, {"confirm": "always", "confirm_timeout_s": 120})
    try:
        yield
    finally:
        _patch_hosts(site, {"confirm": None, "confirm_timeout_s": None})


def _patch_hosts(site: FaultSite, spec: Json) -> None:
    for name in site.names:
        site.fleet.hosts.patch(name, {"spec": spec})
    _, missing = site.wait_settled(30)
    assert not missing, missing
