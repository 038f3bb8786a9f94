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

from controller.domain.definitions import (
    FlowExportSpec,
    HostGroupSpec,
    MirrorSpec,
    PoolSpec,
    QosPolicySpec,
    TransportZoneSpec,
    TunnelProfileSpec,
)
from controller.domain.safety import CONFIRM_TIMEOUT_S, ConfirmPolicy, DriftPolicy
from controller.domain.settings import (
    BRIDGE_DEFAULTS,
    PORT_DEFAULTS,
    BridgeSettings,
    PortSettings,
)
from controller.domain.topology import ArpMode, Pair, Topology

DEFAULT_PROJECT = "default"
VXLAN_PORT = 4789
"""The IANA port of VXLAN (RFC 7348, 5)."""
KERNEL_VXLAN_PORT = 8472
"""Default of segments with the kernel backend: the port of Linux's own vxlan devices. It differs
from ``VXLAN_PORT`` because the two backends cannot share a UDP port on one host."""

_EMPTY: Mapping[str, str] = MappingProxyType({})


class Kind(enum.StrEnum):
    """Kinds of intent, in the order in which references point backwards."""

    POOL = "Pool"
    TRANSPORT_ZONE = "TransportZone"
    HOST_GROUP = "HostGroup"
    TUNNEL_PROFILE = "TunnelProfile"
    QOS_POLICY = "QosPolicy"
    HOST = "Host"
    BRIDGE = "Bridge"
    SEGMENT = "Segment"
    PORT = "Port"
    TUNNEL = "Tunnel"
    MIRROR = "Mirror"
    FLOW_EXPORT = "FlowExport"


class DatapathType(enum.StrEnum):
    SYSTEM = "system"
    NETDEV = "netdev"


class PortType(enum.StrEnum):
    INTERNAL = "internal"
    VETH = "veth"
    TAP = "tap"
    SYSTEM = "system"
    """A device that somebody else made: ``interface`` is its name."""
    PATCH = "patch"
    """Two ports of two bridges of one host: ``interface`` on ``bridge``, and ``settings.patch``."""
    BOND = "bond"
    """One port over several existing devices, ``settings.bond.members``."""
    BOUND = "bound"
    """A port that somebody else, such as libvirt or Nova, plugs under ``iface_id``, wherever that
    is."""


KEEPS_MTU = frozenset({PortType.SYSTEM, PortType.PATCH, PortType.BOND})
"""What has no device, or one that was there before: its MTU stays where intent names none."""


class AddressFamily(enum.StrEnum):
    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def vxlan_overhead(self) -> int:
        """Bytes that VXLAN adds to an IP packet: outer IP, UDP, VXLAN and inner Ethernet."""
        return 50 if self is AddressFamily.IPV4 else 70


class Backend(enum.StrEnum):
    OVS = "ovs"
    """One vxlan Interface of Open vSwitch per remote member."""
    KERNEL = "kernel"
    """One kernel vxlan device per segment, with an FDB entry per remote member and MAC address."""


class BridgeType(enum.StrEnum):
    OVS = "ovs"
    LINUX = "linux"


class Lifecycle(enum.StrEnum):
    """Where a host is in its life."""

    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    """It stays as it was before it got there, whatever intent says since."""
    DECOMMISSIONING = "decommissioning"
    """Nothing new may be put on it."""
    REMOVED = "removed"
    """Nobody has a tunnel to it, and no machine may speak for it: only its name and history are
    left. The controller sets it."""

    @property
    def takes_objects(self) -> bool:
        """Whether something new may be put on the host."""
        return self in (Lifecycle.ACTIVE, Lifecycle.MAINTENANCE)


@dataclass(frozen=True, slots=True)
class HostSpec:
    vteps: tuple[str, ...] = ()
    """Tunnel end point addresses, at most one of each family; unique over the fleet."""
    underlay_mtu: int = 1500
    """IP MTU in bytes of the path between VTEPs."""
    datapath_type: DatapathType = DatapathType.SYSTEM
    """Of the implicit overlay bridge."""
    overlay_bridge: str = "br-fleet"
    overlay_bridge_type: BridgeType = BridgeType.OVS
    """``linux``: the host has no Open vSwitch. Each segment there has the kernel backend, whatever
    the segment says, and a Linux bridge of its own; ``overlay_bridge`` and ``datapath_type`` mean
    nothing."""
    zones: tuple[str, ...] = ()
    """TransportZones that it is in."""
    vtep_pool: str | None = None
    """A Pool to take a VTEP from where ``vteps`` names none; None: that of its first zone that has
    one."""
    management_interface: str | None = None
    """The device that its agent reaches the controller through, which no port may take."""
    state: Lifecycle = Lifecycle.ACTIVE
    former_vteps: tuple[str, ...] = ()
    """VTEPs that it had before, at most one of each family, until all that share a segment with it
    know the ones it has now. The controller gives and takes them, nobody else."""
    vtep_steps: tuple[int, ...] = ()
    """How far the change from each of ``former_vteps`` has come, as in ``VtepStep``."""
    overlay_bridge_ready: bool = False
    """Whether the overlay bridge is there even without a segment, for hypervisors to plug into."""
    confirm: ConfirmPolicy = ConfirmPolicy.MANAGEMENT_PATH
    confirm_timeout_s: int = CONFIRM_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class BridgeSpec:
    host: str | None
    """Exactly one of ``host`` and ``host_group`` is set."""
    interface: str
    """Name of the bridge on the host, at most 15 bytes."""
    datapath_type: DatapathType = DatapathType.SYSTEM
    """Means nothing for a Linux bridge."""
    settings: BridgeSettings = BRIDGE_DEFAULTS
    """Spread among the other fields everywhere outside."""
    type: BridgeType = BridgeType.OVS
    """``linux``: a bridge of the kernel, also on a host without Open vSwitch."""
    host_group: str | None = None
    """A HostGroup: the bridge is on every host whose labels its selector matches."""
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    vni: int | None = None
    """1..16777215; None asks the controller to allocate one, and stored specs always have it."""
    mtu: int | None = None
    """IP MTU in bytes; None (``auto``) is the smallest member underlay MTU less the overhead."""
    dst_port: int | None = None
    """UDP port; None asks for the backend's default, and stored specs always have it."""
    address_family: AddressFamily = AddressFamily.IPV4
    backend: Backend | None = None
    """None (``auto``) lets the controller decide by the segment's size when it is created; stored
    specs always have it, and it never changes by itself."""
    zone: str | None = None
    """A TransportZone, whose hosts alone may have ports on it; None: any host may."""
    vni_pool: str | None = None
    """A Pool to take the VNI from; None: that of the zone, or else what is in no pool."""
    tunnel_profile: str | None = None
    topology: Topology = Topology.FULL
    hubs: tuple[str, ...] = ()
    """Hosts; those that have a port on the segment are its hubs."""
    links: tuple[Pair, ...] = ()
    """Pairs of hosts; those of which both have a port on the segment have a tunnel."""
    arp_mode: ArpMode = ArpMode.FLOOD
    external_vteps: tuple[str, ...] = ()
    """VTEPs outside of the fleet that every member has a tunnel to."""
    subnets: tuple[str, ...] = ()
    """Networks that the addresses of its ports are in; empty: any."""
    provider_loop_safe: bool = False
    """Whether several provider attachments (ports of type patch) close no circle outside."""
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE


@dataclass(frozen=True, slots=True)
class VethPeerSpec:
    netns: str
    interface: str


@dataclass(frozen=True, slots=True)
class PortSpec:
    host: str | None
    """None for a bound port that is plugged nowhere."""
    interface: str
    """Device name on the host, at most 15 bytes; empty for a bound port, which has the name that
    its maker gives it."""
    type: PortType = PortType.INTERNAL
    segment: str | None = None
    """Exactly one of ``segment`` and ``bridge`` is set."""
    bridge: str | None = None
    tag: int | None = None
    """VLAN 1..4094 on an explicit bridge; never set on a segment's port."""
    mac: str | None = None
    """None asks for one, made from the port's name, on a segment; there, stored specs always have
    it, because kernel members must know every MAC."""
    mtu: int | None = None
    """None: the segment's, or 1500 on an explicit bridge; a device that the agent does not make
    then keeps what it has."""
    addresses: tuple[str, ...] = ()
    peer: VethPeerSpec | None = None
    qos_policy: str | None = None
    """A QosPolicy: how the port sends."""
    settings: PortSettings = PORT_DEFAULTS
    """Spread among the other fields everywhere outside."""
    iface_id: str | None = None
    """Of a bound port, unique over the fleet: ``external_ids:iface-id`` of its Interface."""
    migrating_to: str | None = None
    """A second host that the port is on while its workload moves there from ``host``. Both are
    given to a bound port by what agents report."""
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE

    @property
    def hosts(self) -> tuple[str, ...]:
        """All that it is on: none, one, or two."""
        return tuple(name for name in (self.host, self.migrating_to) if name is not None)


INHERIT = "inherit"
"""Value of ``ttl`` and ``tos`` that takes them from the inner packet."""


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """A bridge of a host of the fleet, or a VTEP outside of it."""

    host: str | None = None
    """None: an outside VTEP, which has nothing but ``ip``. Otherwise ``bridge`` is set too."""
    bridge: str | None = None
    """An explicit Bridge of ``host``, by its name in intent."""
    ip: str | None = None
    """None: the host's VTEP of the tunnel's address family."""
    tag: int | None = None
    """Access VLAN 1..4094 on ``bridge``; None: the tunnel carries all of its VLANs."""


@dataclass(frozen=True, slots=True)
class TunnelSpec:
    """One point-to-point VXLAN tunnel; both ends are compiled from it, so they always agree.

    ``ttl``, ``tos``, ``csum`` and ``df_default`` are the options of ovs-vswitchd.conf.db(5); None
    leaves each to Open vSwitch.
    """

    ends: tuple[TunnelEnd, TunnelEnd]
    """The first is a host's; at most the second is an outside VTEP."""
    key: int | None = None
    """VNI 1..16777215; None asks the controller for one, and stored specs always have it."""
    dst_port: int = VXLAN_PORT
    address_family: AddressFamily = AddressFamily.IPV4
    ttl: int | str | None = None
    """1..255 or ``inherit``."""
    tos: int | str | None = None
    """0..255 or ``inherit``."""
    csum: bool | None = None
    df_default: bool | None = None
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE


Definition: TypeAlias = (
    PoolSpec
    | TransportZoneSpec
    | HostGroupSpec
    | TunnelProfileSpec
    | QosPolicySpec
    | MirrorSpec
    | FlowExportSpec
)
Spec: TypeAlias = HostSpec | BridgeSpec | SegmentSpec | PortSpec | TunnelSpec | Definition

DEFINITIONS: Mapping[Kind, type[Definition]] = MappingProxyType(
    {
        Kind.POOL: PoolSpec,
        Kind.TRANSPORT_ZONE: TransportZoneSpec,
        Kind.HOST_GROUP: HostGroupSpec,
        Kind.TUNNEL_PROFILE: TunnelProfileSpec,
        Kind.QOS_POLICY: QosPolicySpec,
        Kind.MIRROR: MirrorSpec,
        Kind.FLOW_EXPORT: FlowExportSpec,
    }
)
"""The kinds whose specs are stored as one document each."""


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
    settles_vteps: bool = False
    """Whether a host's changes of VTEP go one step on: the controller alone asks for it."""
    removes_host: bool = False
    """Whether a host that was decommissioned is ``removed``: the controller alone asks for it."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A request to delete one object."""

    ref: Ref
    pointer: str = ""
    expected_revision: int | None = None
    missing_ok: bool = False


def takes_from_host(spec: Spec) -> bool:
    """Tell whether a port takes devices of its host that are there already, or joins bridges: both
    reach beyond the project that the port is in. So does one that claims what a hypervisor plugs,
    which may be another project's."""
    return isinstance(spec, PortSpec) and (spec.type in KEEPS_MTU or spec.type is PortType.BOUND)


def is_removed(host: Object) -> bool:
    """Tell whether of a host only its name and history are left."""
    return isinstance(host.spec, HostSpec) and host.spec.state is Lifecycle.REMOVED


def segment_backend(segment: SegmentSpec, host: HostSpec) -> Backend:
    """Who encapsulates a segment on a host: without Open vSwitch there, only the kernel can."""
    if host.overlay_bridge_type is BridgeType.LINUX:
        return Backend.KERNEL
    return segment.backend or Backend.OVS
