"""What carries the connection to the controller: devices and bridges, from the routes down.

Pure. Rather too much than too little is counted: a change too many that waits for the controller's
word costs one round trip, one too few costs the host. Two things are not counted: the veths and TAP
devices that were made for guests, with a guest behind them and not the controller; and what is
below a tunnel that the host itself keeps (WireGuard, IPsec), whose own way no device tells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from agent.model import ALIAS_PREFIX
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, Way

_GATHERING_KINDS = frozenset({"bond", "team", "bridge"})
"""Kinds of the devices whose frames go through those that have them as master."""
_GUEST_KINDS = frozenset({"veth", "tun"})
_LOCAL_TYPES = frozenset({"internal", "patch"})
"""Interfaces that lead to the host itself, or are followed to the other bridge."""


@dataclass(frozen=True, slots=True)
class ManagementPath:
    """``devices`` are names of kernel devices and of interfaces of Open vSwitch alike."""

    ways: frozenset[Way] = frozenset()
    devices: frozenset[str] = frozenset()
    ovs_bridges: frozenset[str] = frozenset()

    def describe(self) -> str:
        ends = ", ".join(sorted({each.destination for each in self.ways}))
        first = ", ".join(sorted({each.device for each in self.ways}))
        return f"the controller at {ends} is reached over {first}"


NO_PATH = ManagementPath()


def management_path(observed: ObservedState) -> ManagementPath:
    if not observed.ways:
        return NO_PATH
    walk = _Walk(observed)
    for way in sorted(observed.ways):
        walk.over_first(way.device)
    return ManagementPath(observed.ways, frozenset(walk.devices), frozenset(walk.bridges))


def is_guests(link: Link | None) -> bool:
    """Whether the device was made for a guest, by this fleet or another."""
    return (
        link is not None and link.kind in _GUEST_KINDS and link.alias.startswith(f"{ALIAS_PREFIX}:")
    )


class _Walk:
    """From device to device; whatever was seen is not looked at again, so that circles end."""

    def __init__(self, observed: ObservedState) -> None:
        self.devices: set[str] = set()
        self.bridges: set[str] = set()
        self._walked: set[str] = set()
        self._observed = observed
        self._names = {link.ifindex: link.name for link in observed.links.values()}
        self._members: dict[str, list[Link]] = defaultdict(list)
        for link in observed.links.values():
            self._members[link.master].append(link)
        self._rows: dict[str, tuple[OvsBridge, OvsInterface]] = {
            interface.name: (bridge, interface)
            for bridge in observed.bridges.values()
            for port in bridge.ports
            for interface in port.interfaces
        }

    def over_first(self, name: str) -> None:
        """The device that has the route, and who takes its frames if that is another one."""
        self._over(name)
        link = self._observed.links.get(name)
        if link is not None and link.master in self._observed.links:
            self.devices.add(link.master)
        if name in self._rows:
            self.bridges.add(self._rows[name][0].name)

    def _over(self, name: str) -> None:
        if name in self.devices:
            return
        self.devices.add(name)
        for below in self._below(name):
            self._over(below)
        if name not in self._rows:
            return
        bridge, interface = self._rows[name]
        if interface.type == "internal" or name == bridge.name:
            self._through(bridge)

    def _below(self, name: str) -> Iterator[str]:
        link = self._observed.links.get(name)
        if link is None:
            return
        if link.lower in self._names:
            yield self._names[link.lower]
        if link.kind in _GATHERING_KINDS:
            yield from (each.name for each in self._members[name] if not is_guests(each))

    def _through(self, bridge: OvsBridge) -> None:
        """Every way out of a bridge of Open vSwitch: which one is taken is learned, not written."""
        if bridge.name in self._walked:
            return
        self._walked.add(bridge.name)
        self.bridges.add(bridge.name)
        for port in bridge.ports:
            for interface in port.interfaces:
                self._out_of(interface)

    def _out_of(self, interface: OvsInterface) -> None:
        if interface.type == "patch":
            self.devices.add(interface.name)
            peer = interface.options.get("peer", "")
            if peer in self._rows:
                self.devices.add(peer)
                self._through(self._rows[peer][0])
        is_end = interface.type in _LOCAL_TYPES
        if not is_end and not is_guests(self._observed.links.get(interface.name)):
            self._over(interface.name)
