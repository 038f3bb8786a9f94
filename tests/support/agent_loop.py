"""A closed loop on the in-memory switch, with a clock set by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from agent.cache import StateCache
from agent.confirm import Trials
from agent.controlplane import codec
from agent.drift import Drift
from agent.drift_events import DriftQueue
from agent.errors import ErrorKind, Failure
from agent.model import Bridge, DatapathType, HostState, Port, PortType, VethPeer
from agent.observability import Metrics
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.planner.plan import AddPort, Step
from agent.reconciler import Reconciler, Timing
from agent.report import Outcome, Report
from agent.round_trip import RoundTrip
from tests.support.agent_host import SwitchKernel, SwitchOvsdb
from tests.support.agent_shell import HandClock, seeded
from tests.support.switch import Switch


class Host:
    """A reconciler with all that it works on."""

    def __init__(self, directory: Path, switch: Switch | None = None) -> None:
        self.switch = switch or Switch(
            ObservedState(
                namespaces=frozenset({"blue"}),
                datapath_types=frozenset({"netdev", "system"}),
                iface_types=frozenset({"vxlan", "internal", "system"}),
            )
        )
        self.directory = directory
        self.ovsdb = SwitchOvsdb(self.switch)
        self.kernel = SwitchKernel(self.switch)
        self.cache = StateCache(
            directory, codec.dump_host_state, codec.load_host_state, version="1"
        )
        self.clock = HandClock()
        self.round_trip = RoundTrip()
        self.reports: list[Report] = []
        self.metrics = Metrics()
        self.drift_events = DriftQueue()
        self.drift = Drift(self.drift_events, self.clock)
        self.loop = Reconciler(
            self.cache,
            self.ovsdb,
            self.kernel,
            Trials(self.cache, self.clock, self.round_trip, self.switch.observed.boot),
            on_report=self.reports.append,
            on_sighting=lambda _: None,
            clock=self.clock,
            rng=seeded(),
            metrics=self.metrics,
            timing=Timing(),
            drift=self.drift,
        )

    @property
    def writes(self) -> tuple[int, int]:
        return self.switch.transactions, self.switch.netlink_writes

    def started_again(self, *, since: float = 0.0) -> Host:
        """What starts after this agent was killed, ``since`` that many seconds."""
        fresh = Host(self.directory, self.switch)
        fresh.clock.time = self.clock.time + since
        fresh.cache.load()
        return fresh

    def confirm(self) -> None:
        """Answer for a controller that is reached."""
        question = self.round_trip.put()
        assert question is not None, "nothing is asked"
        self.round_trip.hear(question[0])

    async def realize(self, state: HostState) -> float:
        self.loop.offer(state)
        return await self.loop.turn()

    async def turn_at(self, delay: float) -> float:
        """Let the time pass that the loop wanted to sleep, then the next turn."""
        self.clock.advance(delay)
        return await self.loop.turn()

    def outcome(self) -> Outcome:
        return self.reports[-1].outcome

    def reasons(self) -> dict[str, str]:
        return {each.resource: each.reason for each in self.reports[-1].failures}


def state(revision: int = 1, **changes: object) -> HostState:
    whole = HostState(
        fleet_uid="fleet",
        fleet_epoch=1,
        revision=revision,
        hash=b"hash of %d" % revision,
        host_uid="h1",
        host_name="one",
        overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
        ports=(
            Port("port:a", "a", PortType.INTERNAL, "br-fleet", tag=2),
            Port("port:b", "b", PortType.VETH, "br-fleet", tag=2, peer=VethPeer("blue", "eth0")),
        ),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def is_realized(host: Host) -> bool:
    plan = make_plan(state(), host.switch.observed)
    return plan.is_empty and not plan.failures


def adds(name: str) -> Callable[[Step], bool]:
    return lambda step: isinstance(step, AddPort) and step.port.name == name


def refused(resource: str, kind: ErrorKind) -> Failure:
    return Failure(resource, kind, "Refused", "the test says no")
