"""What an operator can intend: kinds, their specs, and a consistent slice of them.

Parse, don't validate: these types hold only what the REST schemas let through in shape; the rules
between objects are in ``validation``. Specs are frozen and made of plain values, units in names or
docstrings, words from RFC 7348 and ovs-vswitchd.conf.db(5).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

DEFAULT_PROJECT = "default"
VXLAN_PORT = 4789
"""The IANA port of VXLAN (RFC 7348, 5)."""

_EMPTY: Mapping[str, str] = MappingProxyType({})


class Kind(enum.StrEnum):
    """Kinds of intent, in the order in which references point backwards."""

    HOST = "Host"
    BRIDGE = "Bridge"
    SEGMENT = "Segment"
    PORT = "Port"


class DatapathType(enum.StrEnum):
    SYSTEM = "system"
    NETDEV = "netdev"


class PortType(enum.StrEnum):
    INTERNAL = "internal"
    VETH = "veth"


class AddressFamily(enum.StrEnum):
    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def vxlan_overhead(self) -> int:
        """Bytes that VXLAN adds to an IP packet: outer IP, UDP, VXLAN and inner Ethernet."""
        return 50 if self is AddressFamily.IPV4 else 70


class Backend(enum.StrEnum):
    OVS = "ovs"


@dataclass(frozen=True, slots=True)
class HostSpec:
    vteps: tuple[str, ...] = ()
    """Tunnel end point addresses, at most one of each family; unique over the fleet."""
    underlay_mtu: int = 1500
    """IP MTU in bytes of the path between VTEPs."""
    datapath_type: DatapathType = DatapathType.SYSTEM
    """Of the implicit overlay bridge."""
    overlay_bridge: str = "br-fleet"


@dataclass(frozen=True, slots=True)
class BridgeSpec:
    host: str
    interface: str
    """Name of the bridge on the host, at most 15 bytes."""
    datapath_type: DatapathType = DatapathType.SYSTEM


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    vni: int | None = None
    """1..16777215; None asks the controller to allocate one, and stored specs always have it."""
    mtu: int | None = None
    """IP MTU in bytes; None (``auto``) is the smallest member underlay MTU less the overhead."""
    dst_port: int = VXLAN_PORT
    address_family: AddressFamily = AddressFamily.IPV4
    backend: Backend = Backend.OVS


@dataclass(frozen=True, slots=True)
class VethPeerSpec:
    netns: str
    interface: str


@dataclass(frozen=True, slots=True)
class PortSpec:
    host: str
    interface: str
    """Device name on the host, at most 15 bytes."""
    type: PortType = PortType.INTERNAL
    segment: str | None = None
    """Exactly one of ``segment`` and ``bridge`` is set."""
    bridge: str | None = None
    tag: int | None = None
    """Access VLAN 1..4094 on an explicit bridge; never set on a segment's port."""
    mac: str | None = None
    mtu: int | None = None
    """None: the segment's, or 1500 on an explicit bridge."""
    addresses: tuple[str, ...] = ()
    peer: VethPeerSpec | None = None


Spec: TypeAlias = HostSpec | BridgeSpec | SegmentSpec | PortSpec


@dataclass(frozen=True, slots=True)
class Ref:
    """How a request names an object: kind, project and name."""

    kind: Kind
    project: str
    name: str


@dataclass(frozen=True, slots=True)
class Object:
    """One version of one intended object. References in ``spec`` are names, in the same project
    (hosts and bridges are the network-admin's and live in the default project)."""

    kind: Kind
    uid: UUID
    project: str
    name: str
    spec: Spec
    revision: int
    """Fleet revision that made this version; the object's ETag."""
    created_at: datetime
    updated_at: datetime
    labels: Mapping[str, str] = field(default_factory=lambda: _EMPTY)

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.project, self.name)


class Mode(enum.StrEnum):
    """What a manifest asks for."""

    CREATE = "create"
    """Fails with a conflict when the name is taken."""
    REPLACE = "replace"
    """Fails with not found when there is no such object."""
    UPSERT = "upsert"
    """``apply``: creates or replaces."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as requested, with the place in the request that violations point at."""

    ref: Ref
    spec: Spec
    labels: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    mode: Mode = Mode.UPSERT
    pointer: str = ""
    """JSON pointer of this object in the request body, e.g. ``/objects/3``."""
    expected_revision: int | None = None
    """From If-Match; None when the caller takes whatever is there."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A request to delete one object."""

    ref: Ref
    pointer: str = ""
    expected_revision: int | None = None
    missing_ok: bool = False


@dataclass(frozen=True, slots=True)
class SegmentIntent:
    """A segment with every host that has a port on it, at one revision."""

    segment: Object
    members: tuple[Object, ...]
    """Host objects, in no particular order."""


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
    local_vlans: Mapping[UUID, int] = field(default_factory=lambda: MappingProxyType({}))
    """Segment uid to the host-local VLAN that stands for it on the overlay bridge."""
    departed: Departed = field(default_factory=Departed)
