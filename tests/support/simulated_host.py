"""A host of a simulated fleet: the agent's real core over the in-memory switch.

Everything between the wire and the datapath is real (codec, the cache's rules, planner); the disk
is a variable, the stream a method call, and what can be lost is lost by not calling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ovsfleet.v1 import state_pb2

from agent.acceptance import refuse_unacceptable
from agent.cache import with_owed
from agent.columns import Release
from agent.controlplane.codec import decode_host_state, dump_host_state, load_host_state
from agent.errors import Failure
from agent.fragments import LostEnds, SegmentFragment
from agent.model import HostState, Port, PortType
from agent.observed import Link, ObservedState, OvsInterface, OvsPort
from agent.planner import make_plan, still_enslaved, still_lost, still_owed, still_released
from controller.compiler import compile_host, host_state
from tests.support.model_fleet import ModelFleet
from tests.support.switch import Switch


class SimulatedHost:
    def __init__(self, name: str, machine: ObservedState) -> None:
        self.name = name
        self.switch = Switch(machine)
        self.confirmed = 0
        """What the controller knows of ``applied``; behind it while reports are lost."""
        self.applied = 0
        self.seen: set[str] = set()
        """Reasons of all failures that any plan ever had."""
        self._disk: bytes | None = None
        self._released: frozenset[Release] = frozenset()
        self._lost: Mapping[str, LostEnds] = {}
        """The parts of the disk that are not in the message."""
        self._fragments: dict[bytes, SegmentFragment] = {}
        """What both ends of the present stream believe that the agent has."""

    @property
    def desired(self) -> HostState | None:
        if self._disk is None:
            return None
        return replace(load_host_state(self._disk), released=self._released, lost=self._lost)

    def connect(self) -> None:
        """A new stream: Hello names the fragments on disk and what is applied."""
        self._fragments = dict(self.desired.fragments) if self.desired else {}
        self.report()

    def report(self) -> None:
        self.confirmed = self.applied

    def receive(self, fleet: ModelFleet) -> None:
        """The controller compiles the newest intent and the agent accepts it."""
        intent = fleet.host_intent(self.name, confirmed=self.confirmed)
        message = host_state(compile_host(intent), intent, self._fragments.keys())
        wire = message.SerializeToString()
        offered = decode_host_state(state_pb2.HostState.FromString(wire), self._fragments)
        self._fragments = dict(offered.fragments)
        accepted = self.desired
        if accepted is not None:
            refuse_unacceptable(accepted, offered)
            offered = with_owed(accepted, offered)
        self._write(offered)

    def plug_in_missing_cards(self) -> None:
        """Somebody puts in the devices that intent names and nobody makes."""
        kernel = self.switch.kernel
        for port in self.desired.ports if self.desired else ():
            if port.type in (PortType.SYSTEM, PortType.BOND):
                for name in port.members or (port.interface,):
                    kernel.links.setdefault(name, Link(name, kernel.next_index()))
            if port.type is PortType.BOUND:
                self._plug_in_guest(port)
        self.switch.reconfigure()

    def _plug_in_guest(self, port: Port) -> None:
        """As a hypervisor does, once the bridge is there and unless it has been done."""
        kernel, name = self.switch.kernel, f"g-{port.iface_id}"
        if name not in kernel.links and (row := self.switch.bridges.get(port.bridge)):
            guest = OvsPort(name, (OvsInterface(name, external_ids={"iface-id": port.iface_id}),))
            self.switch.bridges[row.name] = replace(row, ports=(*row.ports, guest))
            kernel.links[name] = Link(name, kernel.next_index(), "tun", up=True)

    def _write(self, state: HostState) -> None:
        self._disk = dump_host_state(state)
        self._released, self._lost = state.released, state.lost

    def reconcile(self, limit: int | None = None) -> tuple[Failure, ...]:
        """One turn of the loop; with a ``limit`` the agent is killed after so many atoms."""
        desired = self.desired
        if desired is None:
            return ()
        plan = make_plan(desired, self.switch.observed)
        self.seen |= {failure.reason for failure in plan.failures}
        failures = plan.failures + self.switch.run(plan, limit)
        if limit is None and make_plan(desired, self.switch.observed).is_empty and not failures:
            released = still_released(desired, self.switch.observed)
            owed = still_owed(desired.removed, self.switch.observed, desired.fleet_uid)
            owed |= desired.removed & still_enslaved(released)
            lost = still_lost(desired, self.switch.observed)
            self._write(replace(desired, removed=owed, released=released, lost=lost))
            self.applied = desired.revision
        return failures
