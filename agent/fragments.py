"""Segment fragments: the part of a segment that all of its hosts share.

They mirror SegmentFragment of ``ovsfleet/v1/state.proto``. Pure values.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


class Topology(enum.Enum):
    """Between which members of a segment there are tunnels."""

    FULL = "full"
    LINKS = "links"
    UNKNOWN = "unknown"
    """A value this agent is too old for; reported as UNSUPPORTED."""


class ArpMode(enum.Enum):
    """Who answers requests for the addresses of a segment's ports."""

    FLOOD = "flood"
    SUPPRESS = "suppress"
    STRICT = "strict"
    UNKNOWN = "unknown"
    """A value this agent is too old for; reported as UNSUPPORTED."""


@dataclass(frozen=True, slots=True)
class TunnelOptions:
    """What a segment's tunnels shall be like; "", None, 0 and no keys leave it as it is."""

    ttl: str = ""
    tos: str = ""
    csum: bool | None = None
    df_default: bool | None = None
    egress_pkt_mark: int | None = None
    gbp: bool = False
    flow_label: int = 0
    source_ports: tuple[int, int] = (0, 0)
    bfd: Mapping[str, str] = field(default_factory=_empty)


NO_OPTIONS = TunnelOptions()


@dataclass(frozen=True, slots=True)
class SegmentLink:
    """A tunnel between two members; with split horizon its ports are protected."""

    a_host_uid: str
    b_host_uid: str
    split_horizon: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Neighbour:
    """Who has an address: of a port of a segment, or in the neighbour table of a device of ours."""

    ip: str
    mac: str
    """Lower-case."""


@dataclass(frozen=True, slots=True)
class SegmentMember:
    host_uid: str
    host_name: str
    vtep: str
    macs: tuple[str, ...] = ()
    """Lower-case, sorted; only in what attachments with the kernel backend refer to."""
    neighbours: tuple[Neighbour, ...] = ()
    """Addresses of its ports; only where ``arp_mode`` needs them."""
    former_vtep: str = ""
    """The VTEP that it had before, as long as some member may still send to it or from it."""
    former_is_unused: bool = False
    """Whether who has one address at a time, as the kernel, sends from and to ``vtep`` already."""


@dataclass(frozen=True, slots=True)
class LostEnds:
    """Other ends of a segment that it lost without intent having said so."""

    members: tuple[SegmentMember, ...] = ()
    vteps: tuple[str, ...] = ()
    """Outside of the fleet."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SegmentFragment:
    """Never changes: another membership is another fragment, with another ``hash``."""

    hash: bytes
    segment_uid: str
    vni: int
    dst_port: int
    mtu: int
    members: tuple[SegmentMember, ...]
    options: TunnelOptions = NO_OPTIONS
    topology: Topology = Topology.FULL
    links: tuple[SegmentLink, ...] = ()
    """With ``Topology.LINKS``: which pairs of members have a tunnel between them."""
    external_vteps: tuple[str, ...] = ()
    """Outside of the fleet; every member has a tunnel to each."""
    arp_mode: ArpMode = ArpMode.FLOOD

    def __hash__(self) -> int:
        """What identifies the content needs no look at a thousand members."""
        return hash(self.hash)

    def links_of(self, host_uid: str) -> Mapping[str, bool] | None:
        """With whom a host has a tunnel, and whether with split horizon; None: with everybody."""
        if self.topology is not Topology.LINKS:
            return None
        ends = ((each.a_host_uid, each.b_host_uid, each.split_horizon) for each in self.links)
        return {(b if a == host_uid else a): split for a, b, split in ends if host_uid in (a, b)}

    def ends_of(self, host_uid: str) -> frozenset[str]:
        """The other ends of a host's tunnels: uids of hosts, and addresses outside of the fleet."""
        members = {member.host_uid for member in self.members} - {host_uid}
        linked = self.links_of(host_uid)
        if linked is not None:
            members &= linked.keys()
        return frozenset(members) | frozenset(self.external_vteps)
