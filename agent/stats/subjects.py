"""Whose counters they are, and whose life they belong to. Pure: reading them is the adapters' part.

One subject, one series. A subject's source never depends on what could be read just now: two
sources count differently, and a change between them would look like traffic.

The epoch names the life of the counters. It is a hash of what makes that life, so that it is the
same after a restart of the agent and another one after whatever sets the counters to zero.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from agent.fragments import SegmentFragment
from agent.model import (
    ALIAS_PREFIX,
    BOUND_KEY,
    DEVICE_KEY,
    OWNER_KEY,
    BridgeType,
    HostState,
    PortType,
    alias,
)
from agent.netlink.statistics import DeviceCounters, KernelCounters
from agent.observed import OvsBridge, OvsInterface
from agent.ovsdb.statistics import InterfaceCounters, SwitchCounters
from agent.planner.ownership import bound_id

_PORT, _TUNNEL, _SEGMENT = "port:", "tunnel:", "segment:"
_METADATA_DEVICE = "vxlan_sys_"
"""How Open vSwitch names the devices that its tunnels of one UDP port share."""
_DEVICE_TYPES = frozenset({"", "system", "internal"})
"""Interface types behind which there is a kernel device; the others live inside ovs-vswitchd."""
_MEMBER_TYPES = frozenset({"", "system"})
_SUMMED_TYPES = _MEMBER_TYPES | {"vxlan"}
SETTLE_MARGIN_S = 1.0
NO_CARDS: Mapping[str, str] = MappingProxyType({})


class Series(NamedTuple):
    """One sample of one subject."""

    subject: str
    epoch: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Life:
    """What all counters of the host die with: its boot, and the network namespace it is."""

    boot_id: str
    namespace: int

    def epoch(self, *parts: object) -> int:
        words = "|".join(map(str, (self.boot_id, self.namespace, *parts)))
        return int.from_bytes(blake2b(words.encode(), digest_size=8).digest())


def device_series(
    owner: str, life: Life, kernel: KernelCounters, cards: Mapping[str, str] = NO_CARDS
) -> list[Series]:
    """What rtnetlink tells; ``cards`` are the ports that are devices of somebody else's."""
    prefix = alias(owner, "")
    found: dict[str, DeviceCounters] = {}
    for device in kernel.vxlan:
        if device.alias.startswith(prefix + _SEGMENT):
            found.setdefault(device.alias.removeprefix(prefix), device)
        elif device.name.startswith(_METADATA_DEVICE):
            found[_device(device)] = device
    for device in kernel.bridged:
        if device.alias.startswith(prefix + _PORT):
            found.setdefault(device.alias.removeprefix(prefix), device)
        elif device.name in cards and not device.alias.startswith(ALIAS_PREFIX + ":"):
            found.setdefault(cards[device.name], device)
    for device in kernel.underlay:
        if not device.alias.startswith(ALIAS_PREFIX + ":"):
            found[_device(device)] = device
    return [
        Series(subject, life.epoch("device", device.ifindex), device.counts)
        for subject, device in found.items()
        if device.counts
    ]


def interface_series(life: Life, switch: SwitchCounters) -> list[Series]:
    """What Open vSwitch tells; a segment's vxlan device is rtnetlink's to tell, port or not."""
    found: dict[str, list[InterfaceCounters]] = defaultdict(list)
    for row in switch.interfaces:
        if row.counts and row.resource.startswith((_PORT, _TUNNEL)):
            found[row.resource].append(row)
    return [_resource_series(life, rows, switch.process) for rows in found.values()]


def _resource_series(life: Life, rows: list[InterfaceCounters], process: str) -> Series:
    """A bond counts what its members do, and a tunnel what those to and from former VTEPs do as
    well; of the two ends of a patch it is always the same one.
    """
    first = min(rows, key=lambda row: row.uuid)
    if len(rows) == 1 or not all(row.type in _SUMMED_TYPES for row in rows):
        return Series(first.resource, _row_epoch(life, first, process), first.counts)
    epochs = sorted(_row_epoch(life, row, process) for row in rows)
    counted = set(first.counts).intersection(*(row.counts for row in rows))
    sums = {name: sum(row.counts[name] for row in rows) for name in sorted(counted)}
    return Series(first.resource, life.epoch("bond", *epochs), sums)


def _row_epoch(life: Life, row: InterfaceCounters, process: str) -> int:
    """A device keeps its counts when its row is made anew, and when ovs-vswitchd is."""
    if row.type in _DEVICE_TYPES and row.ifindex:
        return life.epoch("device", row.ifindex)
    return life.epoch("row", row.uuid, process)


def _device(device: DeviceCounters) -> str:
    return f"device:{device.name}"


@dataclass(slots=True)
class Settling:
    """Holds back counts that may still be those of the life before.

    In OVSDB a row's new device, or a new ovs-vswitchd, can be seen before its first counts are
    written: the old ones would be taken for what was counted since the beginning of the new life.
    """

    _since: dict[str, tuple[int, float]] = field(default_factory=dict)

    def settled(
        self, found: Iterable[Series], update_interval_s: float, now: float
    ) -> list[Series]:
        """Those whose epoch has been the same for as long as new counts may take."""
        before, self._since = self._since, {}
        settled: list[Series] = []
        for each in found:
            epoch, since = before.get(each.subject, (each.epoch, now))
            if epoch != each.epoch:
                since = now
            self._since[each.subject] = (each.epoch, since)
            if now - since >= update_interval_s + SETTLE_MARGIN_S:
                settled.append(each)
        return settled


@dataclass(slots=True)
class LocalVteps:
    """The addresses that this host's tunnels start from; the planner says which are none.

    A segment may have a thousand members, and most segments are in the next state as they are in
    this one: a fragment, which its hash stands for, is looked through once.
    """

    _of_fragments: dict[bytes, frozenset[str]] = field(default_factory=dict)

    def of(self, state: HostState | None) -> frozenset[str]:
        if state is None:
            return frozenset()
        before = self._of_fragments
        self._of_fragments = {
            each: before[each] if each in before else _own_vteps(fragment, state.host_uid)
            for each, fragment in state.fragments.items()
        }
        explicit = _addresses(tunnel.local_ip for tunnel in state.tunnels)
        return explicit.union(*self._of_fragments.values())


def bridged_cards(state: HostState | None) -> Mapping[str, str]:
    """Ports of Linux bridges that nothing on the device tells of, by the device's name."""
    bridges = () if state is None else state.bridges
    linux = {bridge.name for bridge in bridges if bridge.type is BridgeType.LINUX}
    if state is None or not linux:
        return NO_CARDS
    return {
        port.interface: port.id
        for port in state.ports
        if port.type is PortType.SYSTEM and port.bridge in linux
    }


def bound_rows(bridges: Mapping[str, OvsBridge], owner: str) -> dict[str, str]:
    """Ports of intent that are somebody else's rows of table Interface, by the row's UUID."""
    return {
        interface.row: resource
        for bridge in bridges.values()
        for port in bridge.ports
        if BOUND_KEY in port.external_ids and (resource := bound_id(port.external_ids, owner))
        for interface in port.interfaces
        if interface.row
    }


def _own_vteps(fragment: SegmentFragment, host_uid: str) -> frozenset[str]:
    own = (each for each in fragment.members if each.host_uid == host_uid)
    return _addresses(vtep for each in own for vtep in (each.vtep, each.former_vtep) if vtep)


def _addresses(given: Iterable[str]) -> frozenset[str]:
    return frozenset(each for each in given if _is_address(each))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def uplinks(bridges: Mapping[str, OvsBridge], name: str) -> Iterator[str]:
    """The devices by which what enters the bridge's local port leaves the host."""
    bridge = bridges.get(name)
    for port in bridge.ports if bridge is not None else ():
        for interface in port.interfaces:
            if _is_uplink(interface):
                yield interface.name


def _is_uplink(interface: OvsInterface) -> bool:
    """What we plug in ourselves is a workload's, unless somebody else made the device."""
    ids = interface.external_ids
    return interface.type in _MEMBER_TYPES and (OWNER_KEY not in ids or DEVICE_KEY in ids)


def merged(*sources: Collection[Series]) -> list[Series]:
    """One series per subject; what comes first counts."""
    found: dict[str, Series] = {}
    for each in (each for source in sources for each in source):
        found.setdefault(each.subject, each)
    return list(found.values())
