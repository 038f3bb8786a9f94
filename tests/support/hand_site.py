"""A host of each sort with all that intent can set there, for changes by hand.

It is the host of conformance, without what needs modules that not every kernel has: filtering of
VLANs by Linux bridges, policing, and policies other than HTB. What the agent does about those is
shown where they are (tests/kernel).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent.model import HostState
from controller.domain.intent import Kind
from controller.domain.safety import DriftPolicy
from tests.support.agent_backends import Host
from tests.support.conformance import Specimen, fleet_of
from tests.support.conformance_columns import LINUX, USERSPACE, columns
from tests.support.conformance_site import realize, site, told
from tests.support.model_fleet import ModelFleet

_NEED_MODULES: Final = (
    *("linux.vlan_", "tag", "trunks", "vlan_mode", "ingress_policing."),
    "bridge_port.vlan",
)
_SHAPED: Final = frozenset({"sfq", "codel", "fq", "netem"})
_MOVED_ON: Final = "p-state"
"""A port that is kept listening: the kernel's timer moves it on every 15 s."""
_WITH_POLICY: Final = frozenset(
    {Kind.BRIDGE, Kind.SEGMENT, Kind.PORT, Kind.TUNNEL, Kind.MIRROR, Kind.FLOW_EXPORT}
)


@dataclass(frozen=True)
class Site:
    host: Host
    fleet: ModelFleet
    specimens: Sequence[Specimen]
    macs: frozenset[str]
    """Those that are intended."""

    @property
    def state(self) -> HostState:
        return told(self.fleet)

    def obey(self, policy: DriftPolicy) -> None:
        """Give a drift policy to all that can have one, and bring the host to it."""
        given = [
            replace(each, values={**each.values, "drift_policy": policy}).manifest()
            for each in self.specimens
            if each.kind in _WITH_POLICY
        ]
        self.fleet.apply(*given)
        realize(self.host, self.state, plugs=False)


@contextmanager
def hand_site(directory: Path, *, ovs: bool) -> Iterator[Site]:
    with site(directory, ovs=ovs, userspace=ovs) as host:
        column = columns(host.workload.name)[USERSPACE if ovs else LINUX]
        specimens = [_without_modules(each, ovs=ovs) for each in column.specimens]
        specimens = [each for each in specimens if not _is_left_out(each)]
        fleet = fleet_of(replace(column, specimens=specimens))
        state = told(fleet)
        failures: Mapping[str, str] = realize(host, state)
        assert failures == {}, failures
        macs = frozenset(port.mac for port in state.ports if port.mac)
        yield Site(host, fleet, specimens, macs)


def _without_modules(specimen: Specimen, *, ovs: bool) -> Specimen:
    """Open vSwitch has VLANs of its own."""
    needs = ("ingress_policing.",) if ovs else _NEED_MODULES
    kept = {p: value for p, value in specimen.values.items() if not p.startswith(needs)}
    return replace(specimen, values=kept)


def _is_left_out(specimen: Specimen) -> bool:
    return specimen.name.removeprefix("q-") in _SHAPED or specimen.name == _MOVED_ON
