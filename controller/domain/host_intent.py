"""The compiler's input: all that concerns one host at one revision, and what it must let go of.

Frozen and made of plain values; read in one snapshot by ``store.slices``. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from controller.domain.intent import Object


@dataclass(frozen=True, slots=True)
class SegmentIntent:
    """A segment with every host that has a port on it, at one revision."""

    segment: Object
    members: tuple[Object, ...]
    """Host objects, in no particular order."""
    macs: Mapping[UUID, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """MAC addresses of the segment's ports by host uid; loaded when a member has the kernel backend
    (``segment_backend``), else empty."""
    profile: Object | None = None
    """The TunnelProfile that the segment refers to."""
    neighbours: Mapping[UUID, tuple[tuple[str, str], ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """IP and MAC addresses of the segment's ports by host uid; loaded where ``arp_mode`` is not
    ``flood``, else empty."""


@dataclass(frozen=True, slots=True)
class TunnelIntent:
    """An explicit tunnel with the host objects of its ends (one, or two in any order)."""

    tunnel: Object
    hosts: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Departed:
    """What intent closed on one host after the revision that the host last confirmed.

    Named by uid, because an object may have come and gone without the host ever confirming it.
    Things that exist again at the slice's revision may be among them; the compiler takes them out.
    """

    bridges: frozenset[UUID] = frozenset()
    ports: frozenset[UUID] = frozenset()
    segments: frozenset[UUID] = frozenset()
    """Segments that lost a port on this host."""
    members: frozenset[tuple[UUID, UUID]] = frozenset()
    """(segment, other host) where the other host lost a port of the segment."""
    ready_overlay: bool = False
    """Whether the host's overlay bridge was kept ready."""
    tunnels: frozenset[UUID] = frozenset()
    """Explicit tunnels that had an end on this host."""
    mirrors: frozenset[UUID] = frozenset()
    flow_exports: frozenset[UUID] = frozenset()
    """Of the whole fleet: whom they reached is not kept."""
    relinked: frozenset[UUID] = frozenset()
    """Segments that this host may have had a tunnel of to a member that it has none to any more."""
    vteps: frozenset[tuple[UUID, str]] = frozenset()
    """(segment, address) of VTEPs outside of the fleet that the segment had a tunnel to."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What operators allowed on one host beyond intent, by the ids of resources on it."""

    count: int = 0
    """How many there were, ever."""
    removals: frozenset[str] = frozenset()
    """What the host holds and intent does not know: let go of, it is removed."""
    forced: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By resource, the revision at which that was granted."""
    adoptions: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    """Whether also where what is taken over differs from intent."""
    adopted_at: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By each of these, the revision at which that was granted."""
    mended: int = 0
    """How many of them let what was left as it was found be brought back."""
    released: int = 0
    """The revision of the newest that lets the host try again what it undid; 0: none does."""


@dataclass(frozen=True, slots=True)
class HostIntent:
    """The compiler's input: all that concerns one host, from one consistent snapshot."""

    fleet_uid: UUID
    fleet_epoch: int
    revision: int
    host: Object
    bridges: tuple[Object, ...] = ()
    ports: tuple[Object, ...] = ()
    segments: tuple[SegmentIntent, ...] = ()
    """The segments that this host has a port on."""
    tunnels: tuple[TunnelIntent, ...] = ()
    """The explicit tunnels that have an end on this host."""
    local_vlans: Mapping[UUID, int] = field(default_factory=lambda: MappingProxyType({}))
    """Segment uid to the host-local VLAN that stands for it on the overlay bridge; none without
    Open vSwitch."""
    departed: Departed = field(default_factory=Departed)
    policies: Mapping[str, Object] = field(default_factory=lambda: MappingProxyType({}))
    """The QosPolicies of this host's ports, by name."""
    mirrors: tuple[Object, ...] = ()
    flow_exports: tuple[Object, ...] = ()
    """All of the fleet: the compiler tells which of them are for this host."""
    host_groups: Mapping[str, Object] = field(default_factory=lambda: MappingProxyType({}))
    """The HostGroups that flow exports refer to, by name."""
    grants: Grants = field(default_factory=Grants)
