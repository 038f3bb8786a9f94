"""The host as the closed loop sees it: one picture out of Open vSwitch's database and the kernel.

Holds nothing but the two adapters. Must not decide anything about what it sees.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.errors import Failure
from agent.model import HostState, Port
from agent.netlink import Netlink, NetlinkSnapshot
from agent.netlink.known_ways import KnownWays
from agent.observed import ObservedState
from agent.ovsdb.absent import NoOvsdb
from agent.ovsdb.apply import OvsdbResult
from agent.ovsdb.connection import OvsdbConnection
from agent.ovsdb.snapshot import OvsdbSnapshot
from agent.planner.adoption import adoptable_names
from agent.planner.plan import NetlinkStep, OvsdbOp
from agent.planner.shaping import shaped_devices


class Ovsdb(Protocol):
    """What the loop needs of Open vSwitch (agent.ovsdb.connection, or the tests' switch)."""

    async def observe(self) -> OvsdbSnapshot: ...

    async def apply(self, ops: Sequence[OvsdbOp], comment: str, deadline: float) -> OvsdbResult: ...


class Kernel(Protocol):
    """What the loop needs of the kernel (agent.netlink, or the tests' switch)."""

    async def observe(
        self,
        namespaces: Collection[tuple[str, str]],
        shaped: Mapping[str, bool] | None = None,
        adoptable: Collection[str] = (),
    ) -> NetlinkSnapshot: ...

    async def apply(self, step: NetlinkStep) -> Failure | None: ...


def adapters(
    remote: str | None,
    on_change: Callable[[], None] = lambda: None,
    destinations: Callable[[], frozenset[str]] = frozenset,
    ways: KnownWays | None = None,
) -> tuple[OvsdbConnection | NoOvsdb, Netlink]:
    """Those of a host whose ovsdb-server listens on ``remote``; None: without Open vSwitch.

    ``destinations`` are the addresses at which the controller is spoken to, ``ways`` what is
    remembered of those that lead there.
    """
    netlink = Netlink(on_change=on_change, destinations=destinations, ways=ways)
    if remote is None:
        return NoOvsdb(), netlink
    return OvsdbConnection(remote, on_change=on_change), netlink


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at the host; ``ovsdb`` is what capabilities are read from."""

    state: ObservedState
    ovsdb: OvsdbSnapshot
    ports: tuple[Port, ...] = ()
    """Those that were desired then: which tags are ours to set is told by them."""


async def observe(ovsdb: Ovsdb, kernel: Kernel, desired: HostState | None) -> Sighting:
    """Look at the host; OvsdbUnavailableError while its database cannot be read."""
    switch = await ovsdb.observe()
    names = adoptable_names(desired) if desired is not None else frozenset[str]()
    devices = await kernel.observe(peers_of(desired), shaped_devices(desired), names)
    return Sighting(
        state=ObservedState(
            bridges=switch.bridges,
            links=devices.links,
            peers=devices.peers,
            namespaces=devices.namespaces,
            unreadable=devices.unreadable,
            fdb=devices.fdb,
            neighbours=devices.neighbours,
            learned=devices.learned,
            traffic=devices.traffic,
            has_ovs=switch.has_ovs,
            vswitchd_running=switch.vswitchd_running,
            boot=boot_id(),
            datapath_types=switch.datapath_types,
            iface_types=switch.iface_types,
            columns=switch.columns,
            strays=switch.strays,
            ipv6=_has_ipv6(),
            vlan_limit=switch.vlan_limit,
            ways=frozenset(devices.ways.values()),
            is_way_known=devices.is_way_known,
        ),
        ovsdb=switch,
        ports=() if desired is None else desired.ports,
    )


@functools.cache
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _has_ipv6() -> bool:
    return Path("/proc/net/if_inet6").exists()


def peers_of(desired: HostState | None) -> frozenset[tuple[str, str]]:
    """The devices in other namespaces that ``desired`` is about."""
    ports = desired.ports if desired is not None else ()
    return frozenset(
        (port.peer.netns, port.peer.interface) for port in ports if port.peer is not None
    )
