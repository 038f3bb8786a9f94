"""What the large fleet is: names, places and meshes, all told by numbers and nothing by chance."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from controller.domain.definitions import (
    HostGroupSpec,
    PoolSpec,
    PoolType,
    QosPolicySpec,
    TransportZoneSpec,
)
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Backend,
    BridgeSpec,
    HostSpec,
    Kind,
    Lifecycle,
    Manifest,
    PortSpec,
    Ref,
    SegmentSpec,
    Spec,
    TunnelEnd,
    TunnelSpec,
)
from controller.domain.topology import Topology

PROJECTS = (DEFAULT_PROJECT, "lab", "shop")
_RACK = 25
"""Hosts in a rack."""
_VTEPS = IPv4Address("198.18.0.1")
_BIG = ("storage", "backup")
"""Segments that every host is on."""
_HUB_AND_SPOKE = 5
_TIERS = ("web", "app", "db")
_LEAST, _MOST = 20, 60
"""Members of the other segments."""
_TUNNELS = 20


class Ailment(enum.StrEnum):
    """What is not as intended with a host."""

    AWAY = "away"
    TUNNELS = "tunnels"
    """It does not reach some of its neighbours."""
    STOPPED = "stopped"
    """Its switch does not run."""
    PINNED = "pinned"
    REMOVALS = "removals"
    """It holds a large removal until somebody agrees."""
    DRIFT = "drift"
    BEHIND = "behind"
    MAINTENANCE = "maintenance"
    NEVER_CAME = "never_came"


_AILING = {
    7: Ailment.AWAY,
    13: Ailment.TUNNELS,
    21: Ailment.STOPPED,
    29: Ailment.PINNED,
    33: Ailment.REMOVALS,
    37: Ailment.DRIFT,
    41: Ailment.BEHIND,
    45: Ailment.NEVER_CAME,
    47: Ailment.MAINTENANCE,
    157: Ailment.AWAY,
    163: Ailment.TUNNELS,
}
"""Of every two hundred hosts, by number."""


def ailment(host: int) -> Ailment | None:
    return _AILING.get(host % 200)


@dataclass(frozen=True)
class Plan:
    hosts: int = 1000
    segments: int = 40
    ports: int = 100_000
    zones: int = 10
    changes: int = 20
    """Made one by one, so that the fleet has a history."""

    @property
    def ports_of_a_host(self) -> int:
        return self.ports // self.hosts

    @cached_property
    def names(self) -> list[str]:
        return [f"r{n // _RACK + 1:02d}-h{n % _RACK + 1:02d}" for n in range(self.hosts)]

    def members(self, segment: int) -> list[int]:
        """Neighbours, and a few from far away, as workloads move."""
        if segment < len(_BIG):
            return list(range(self.hosts))
        size = min(self.hosts, _LEAST + segment * 7 % (_MOST - _LEAST + 1))
        start = segment * self.hosts // self.segments
        near = {(start + step) % self.hosts for step in range(size * 9 // 10)}
        far = {(start + self.hosts // 2 + step * 11) % self.hosts for step in range(size // 10)}
        return sorted(near | far)

    def segments_of(self, host: int) -> list[int]:
        return [number for number in range(self.segments) if host in self.members(number)]

    def segment_name(self, segment: int) -> str:
        return _BIG[segment] if segment < len(_BIG) else f"tenant-{segment:02d}"

    def project(self, segment: int) -> str:
        return DEFAULT_PROJECT if segment < len(_BIG) else PROJECTS[segment % len(PROJECTS)]

    def zone(self, host: int) -> str:
        return f"zone-{host * self.zones // self.hosts + 1:02d}"

    def fabric(self) -> Iterator[Manifest]:
        """Everything but ports."""
        vnis = PoolSpec(type=PoolType.VNI, ranges=("5000-5999",))
        yield _manifest(Kind.POOL, "vnis", vnis)
        yield _manifest(Kind.QOS_POLICY, "gold", QosPolicySpec(max_rate_bps=10**9))
        for number in range(self.zones):
            yield _manifest(Kind.TRANSPORT_ZONE, f"zone-{number + 1:02d}", TransportZoneSpec())
        for tier in _TIERS:
            yield _manifest(Kind.HOST_GROUP, tier, HostGroupSpec(selector=f"tier={tier}"))
        yield from (self.host(number) for number in range(self.hosts))
        yield from (self.segment(number) for number in range(self.segments))
        yield from self._tunnels()

    def host(self, number: int, state: Lifecycle = Lifecycle.ACTIVE) -> Manifest:
        labels = {
            "rack": self.names[number].partition("-")[0],
            "tier": _TIERS[number % len(_TIERS)],
            "site": "north" if number < self.hosts // 2 else "south",
        }
        spec = HostSpec(
            vteps=(str(_VTEPS + number),),
            underlay_mtu=9000,
            zones=(self.zone(number),),
            state=state,
        )
        return _manifest(Kind.HOST, self.names[number], spec, labels=labels)

    def segment(self, number: int) -> Manifest:
        is_big = number < len(_BIG)
        hubs = [self.names[n] for n in self.members(number)[:2]] if number == _HUB_AND_SPOKE else ()
        spec = SegmentSpec(
            backend=Backend.KERNEL if is_big else Backend.OVS,
            vni_pool="vnis",
            topology=Topology.HUB_SPOKE if hubs else Topology.FULL,
            hubs=tuple(hubs),
        )
        labels = {} if is_big else {"tenant": f"{number:02d}"}
        name, project = self.segment_name(number), self.project(number)
        return _manifest(Kind.SEGMENT, name, spec, project, labels)

    def _tunnels(self) -> Iterator[Manifest]:
        """Between the first hosts of the two halves, each with a bridge for it."""
        for number in range(min(_TUNNELS, self.hosts // 2)):
            ends = []
            for host in (self.names[number], self.names[number + self.hosts // 2]):
                spec = BridgeSpec(host=host, interface="br-lan")
                yield _manifest(Kind.BRIDGE, f"lan-{host}", spec)
                ends.append(TunnelEnd(host=host, bridge=f"lan-{host}"))
            tunnel = TunnelSpec(ends=(ends[0], ends[1]))
            yield _manifest(Kind.TUNNEL, f"link-{number + 1:02d}", tunnel)

    def first_ports(self) -> Iterator[Manifest]:
        """One for each membership; all others are like these."""
        for segment in range(self.segments):
            name, project = self.segment_name(segment), self.project(segment)
            for member in self.members(segment):
                host = self.names[member]
                spec = PortSpec(host=host, interface=f"s{segment}", segment=name)
                yield _manifest(Kind.PORT, f"{name}-{host}", spec, project)


def _manifest(
    kind: Kind,
    name: str,
    spec: Spec,
    project: str = DEFAULT_PROJECT,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    return Manifest(Ref(kind, project, name), spec, labels or {})
