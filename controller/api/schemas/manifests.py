"""Shapes of what callers ask for: manifests, and the bodies that carry them.

Every field stands under the name it has in ``controller.domain.intent``. Owns nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from controller.api.schemas.base import Shape, Text
from controller.api.schemas.definitions import (
    DriftPolicyName,
    FlowExportSpec,
    HostGroupSpec,
    Inheritable,
    MirrorSpec,
    PoolSpec,
    QosPolicySpec,
    TransportZoneSpec,
    TunnelProfileSpec,
)
from controller.api.schemas.linux_bridge import BridgePort, LinuxBridge
from controller.api.schemas.settings import (
    Bond,
    BridgeMcastSnooping,
    BridgeRstp,
    BridgeStp,
    IngressPolicing,
    PatchPeer,
    PortMcastSnooping,
    PortRstp,
    PortStp,
    ProtocolName,
    TapOwner,
    VlanModeName,
    Vlans,
)

DatapathTypeName: TypeAlias = Literal["system", "netdev"]
KindName: TypeAlias = Literal[
    "Pool",
    "TransportZone",
    "HostGroup",
    "TunnelProfile",
    "QosPolicy",
    "Host",
    "Bridge",
    "Segment",
    "Port",
    "Tunnel",
    "Mirror",
    "FlowExport",
]


def _checked_mtu(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("mtu_type", "must be an integer or the word auto")


SegmentMtu = Annotated[int | Literal["auto"], BeforeValidator(_checked_mtu)]


# No rule of intent, only a bound for what one request can make the checks say.
_FEW = 256
_MANY_LINKS = 4096


class ManifestMetadata(Shape):
    name: Text
    project: Text | None = None
    """``default`` when it is left out."""
    labels: dict[Text, Text] = Field(default_factory=dict, max_length=_FEW)


class HostSpec(Shape):
    vteps: list[Text] = Field(default_factory=list, max_length=_FEW)
    """Tunnel end point addresses, at most one of each family."""
    underlay_mtu: int = 1500
    """IP MTU in bytes of the path between VTEPs."""
    datapath_type: DatapathTypeName = "system"
    """Of the implicit overlay bridge."""
    overlay_bridge: Text = "br-fleet"
    """Name of the bridge that segments are on, at most 15 bytes."""
    overlay_bridge_type: Literal["ovs", "linux"] = "ovs"
    """``linux``: the host has no Open vSwitch, and each segment a Linux bridge of its own there."""
    zones: list[Text] = Field(default_factory=list, max_length=_FEW)
    """TransportZones that it is in."""
    vtep_pool: Text | None = None
    """A Pool to take a VTEP from when `vteps` is left out; left out, that of the first zone that
    has one."""
    management_interface: Text | None = None
    """The device that its agent reaches the controller through: no port may take it."""
    state: Literal["active", "maintenance", "decommissioning", "removed"] = "active"
    """In maintenance it is sent no change; decommissioning, nothing new may be put on it. The
    controller makes it `removed` when nothing is left there and nobody has a tunnel to it."""
    overlay_bridge_ready: bool = False
    """Keep the overlay bridge there even without a segment, for hypervisors to plug into."""
    confirm: Literal["management_path", "always"] = "management_path"
    """Which changes are undone by the agent unless it reaches the controller afterwards: those that
    touch what it is reached over, or all."""
    confirm_timeout_s: int = 60
    """10..600 seconds until they are undone."""


class BridgeSpec(Shape):
    host: Text | None = None
    """Exactly one of `host` and `host_group` is set. Fixed."""
    host_group: Text | None = None
    """A HostGroup: the bridge is on every host whose labels the group's selector matches. Fixed."""
    interface: Text
    """Name of the bridge on its hosts, at most 15 bytes. Fixed."""
    type: Literal["ovs", "linux"] = "ovs"
    """``linux``: a bridge of the kernel, told by ``linux`` alone. Fixed."""
    datapath_type: DatapathTypeName = "system"
    """``netdev`` forwards in user space."""
    fail_mode: Literal["standalone", "secure"] = "standalone"
    """``secure`` is refused: without an OpenFlow controller it drops every packet."""
    stp: BridgeStp | None = None
    rstp: BridgeRstp | None = None
    mcast_snooping: BridgeMcastSnooping | None = None
    mac_aging_time_s: int | None = None
    """15..3600."""
    mac_table_size: int | None = None
    """10..1000000 addresses."""
    forward_bpdu: bool | None = None
    """Forward frames of STP, LLDP, LACP, 802.1X and the like as any other."""
    hwaddr: Text | None = None
    """MAC address of the bridge's own device."""
    datapath_id: Text | None = None
    """16 hexadecimal digits."""
    protocols: list[ProtocolName] = Field(default_factory=list, max_length=_FEW)
    """Versions of OpenFlow that the bridge speaks; all when there are none."""
    linux: LinuxBridge | None = None
    """Only of type linux, and then none of the other settings."""
    drift_policy: DriftPolicyName = "enforce"
    """What the agents do when somebody else changes it on a host: mend it, leave and tell, or leave
    it."""


class SegmentLink(Shape):
    a: Text
    """A host."""
    b: Text
    """Another one."""


class SegmentSpec(Shape):
    vni: int | None = None
    """1..16777215; the controller allocates one when it is left out."""
    mtu: SegmentMtu = "auto"
    """IP MTU in bytes; ``auto`` is the smallest member underlay MTU less the overhead."""
    dst_port: int | None = None
    """UDP port. Left out: what it is already, at first 4789 (``ovs``) or 8472 (``kernel``)."""
    address_family: Literal["ipv4", "ipv6"] = "ipv4"
    """Of the VTEPs that its tunnels go between."""
    backend: Literal["auto", "ovs", "kernel"] = "auto"
    """Who encapsulates: Open vSwitch, or the kernel. ``auto`` is decided by size when the segment
    is created, and afterwards keeps what it is."""
    zone: Text | None = None
    """A TransportZone: only its hosts may have ports on it. Any host when it is left out."""
    vni_pool: Text | None = None
    """A Pool to take the VNI from; left out, that of the zone, or else what is in no pool."""
    tunnel_profile: Text | None = None
    """A TunnelProfile; left out, tunnels are as Open vSwitch or the kernel makes them."""
    topology: Literal["full", "hub_spoke", "explicit"] = "full"
    """Between which members there are tunnels: all; the ``hubs``, and each other member and one of
    them; or those that ``links`` name. Only ``full`` without Open vSwitch on every member."""
    hubs: list[Text] = Field(default_factory=list, max_length=_FEW)
    """Hosts that are hubs while they have a port on the segment."""
    links: list[SegmentLink] = Field(default_factory=list, max_length=_MANY_LINKS)
    """Pairs of hosts, which close no circle."""
    arp_mode: Literal["flood", "suppress", "strict"] = "flood"
    """Who answers requests for addresses: whoever has them; the Linux bridge of each member; or its
    vxlan device, which drops requests for others (kernel backend only)."""
    external_vteps: list[Text] = Field(default_factory=list, max_length=_FEW)
    """At most 64 VTEPs outside of the fleet that every member has a tunnel to."""
    subnets: list[Text] = Field(default_factory=list, max_length=_FEW)
    """Networks in CIDR form that all addresses of its ports are in; any when there are none."""
    provider_loop_safe: bool = False
    """Allow several provider attachments: others see to it that they close no circle."""
    drift_policy: DriftPolicyName = "enforce"
    """Of what each member has of it; its ports have their own."""


class VethPeer(Shape):
    netns: Text
    """Network namespace that the other end is moved to."""
    interface: Text
    """Device name there, at most 15 bytes."""


class PortSpec(Shape):
    host: Text | None = None
    """Left out for a bound port, which is shown the host that it is plugged on. Changing it moves a
    port of type internal, veth or tap that is on a segment."""
    migrating_to: Text | None = None
    """A second host that a port of type tap is made on while its guest moves there; of a bound port
    the second that it is plugged on. To finish, set ``host`` to it."""
    interface: Text = ""
    """Device name on the host, at most 15 bytes; left out for a bound port alone."""
    type: Literal["internal", "veth", "tap", "system", "patch", "bond", "bound"] = "internal"
    """``system`` and ``bond`` take devices that exist already; like ``patch`` only on a bridge.
    ``bound`` is one that libvirt or Nova plugs, only on a segment."""
    iface_id: Text | None = None
    """Of a bound port: external_ids:iface-id of the interface that the hypervisor plugs."""
    segment: Text | None = None
    """Exactly one of ``segment`` and ``bridge``."""
    bridge: Text | None = None
    """A Bridge of the host. Exactly one of ``segment`` and ``bridge``."""
    tag: int | None = None
    """VLAN 1..4094 on an explicit bridge: of an access port, or the native one of a trunk."""
    mac: Text | None = None
    """On a segment one is made from the port's name when it is left out."""
    mtu: int | None = None
    """The segment's when it is left out, or 1500 on an explicit bridge; a device of type system or
    bond then keeps its own."""
    addresses: list[Text] = Field(default_factory=list, max_length=_FEW)
    """IP addresses of its device, or of the workload behind it, as ``address/length``."""
    peer: VethPeer | None = None
    """Where the other end of a veth pair goes."""
    qos_policy: Text | None = None
    """A QosPolicy, for what leaves by the port: towards the workload, or out of the host."""
    trunks: Vlans = Field(default_factory=list)
    """VLANs 0..4094 that a trunk carries, 0 for frames without one; all when there are none."""
    vlan_mode: VlanModeName | None = None
    """Left out: access with a ``tag``, trunk without."""
    cvlans: Vlans = Field(default_factory=list)
    """Customer VLANs 0..4094 that a dot1q-tunnel takes; all when there are none."""
    qinq_ethtype: Literal["802.1ad", "802.1q"] | None = None
    """Of the service tag of what a dot1q-tunnel took in."""
    priority_tags: Literal["always", "if-nonzero", "never"] | None = None
    """When frames leave with VLAN 0 and a priority."""
    admin_state: Literal["up", "down"] = "up"
    """Whether its link is up."""
    ingress_policing: IngressPolicing | None = None
    stp: PortStp | None = None
    rstp: PortRstp | None = None
    mcast_snooping: PortMcastSnooping | None = None
    """What of multicast it gets unasked."""
    protected: bool | None = None
    """Protected ports of one bridge do not reach each other. Only on a bridge."""
    transient: bool | None = None
    """``ovs-ctl --delete-transient-ports`` removes the port when the host boots."""
    external_ids: dict[Text, Text] = Field(default_factory=dict, max_length=_FEW)
    """Of the Interface, for others to read; keys of the fleet's own are refused."""
    tap_owner: TapOwner | None = None
    patch: PatchPeer | None = None
    """Where the other end of a patch goes."""
    bond: Bond | None = None
    """Devices that are used as one."""
    bridge_port: BridgePort | None = None
    """Only at a Bridge of type linux."""
    drift_policy: DriftPolicyName = "enforce"
    """What the agents do when somebody else changes it on a host: mend it, leave and tell, or leave
    it."""


class TunnelEnd(Shape):
    """A bridge of a host, or an outside VTEP: then there is nothing but ``ip``."""

    host: Text | None = None
    """Left out for an outside VTEP."""
    bridge: Text | None = None
    """A Bridge of ``host``."""
    ip: Text | None = None
    """The host's VTEP of the tunnel's address family when it is left out."""
    tag: int | None = None
    """Access VLAN 1..4094 on ``bridge``; left out, the tunnel carries all of its VLANs."""


class TunnelSpec(Shape):
    ends: Annotated[list[TunnelEnd], Field(min_length=2, max_length=2)]
    """The first is a host's, the second another host's or an outside VTEP."""
    key: int | None = None
    """VNI 1..16777215; the controller allocates one when it is left out."""
    dst_port: int = 4789
    """Of both ends."""
    address_family: Literal["ipv4", "ipv6"] = "ipv4"
    """Of the VTEPs at its ends."""
    ttl: Inheritable | None = None
    """1..255 or ``inherit``; like the other options, Open vSwitch's default when it is left out."""
    tos: Inheritable | None = None
    """0..255 or ``inherit``."""
    csum: bool | None = None
    """Whether UDP checksums are sent."""
    df_default: bool | None = None
    """Whether outer packets must not be fragmented."""
    drift_policy: DriftPolicyName = "enforce"
    """What the agents do when somebody else changes it on a host: mend it, leave and tell, or leave
    it."""


class HostManifest(Shape):
    kind: Literal["Host"] = "Host"
    metadata: ManifestMetadata
    spec: HostSpec = Field(default_factory=HostSpec)


class BridgeManifest(Shape):
    kind: Literal["Bridge"] = "Bridge"
    metadata: ManifestMetadata
    spec: BridgeSpec


class SegmentManifest(Shape):
    kind: Literal["Segment"] = "Segment"
    metadata: ManifestMetadata
    spec: SegmentSpec = Field(default_factory=SegmentSpec)


class PortManifest(Shape):
    kind: Literal["Port"] = "Port"
    metadata: ManifestMetadata
    spec: PortSpec


class TunnelManifest(Shape):
    kind: Literal["Tunnel"] = "Tunnel"
    metadata: ManifestMetadata
    spec: TunnelSpec


class PoolManifest(Shape):
    kind: Literal["Pool"] = "Pool"
    metadata: ManifestMetadata
    spec: PoolSpec


class TransportZoneManifest(Shape):
    kind: Literal["TransportZone"] = "TransportZone"
    metadata: ManifestMetadata
    spec: TransportZoneSpec = Field(default_factory=TransportZoneSpec)


class HostGroupManifest(Shape):
    kind: Literal["HostGroup"] = "HostGroup"
    metadata: ManifestMetadata
    spec: HostGroupSpec


class TunnelProfileManifest(Shape):
    kind: Literal["TunnelProfile"] = "TunnelProfile"
    metadata: ManifestMetadata
    spec: TunnelProfileSpec = Field(default_factory=TunnelProfileSpec)


class QosPolicyManifest(Shape):
    kind: Literal["QosPolicy"] = "QosPolicy"
    metadata: ManifestMetadata
    spec: QosPolicySpec


class MirrorManifest(Shape):
    kind: Literal["Mirror"] = "Mirror"
    metadata: ManifestMetadata
    spec: MirrorSpec


class FlowExportManifest(Shape):
    kind: Literal["FlowExport"] = "FlowExport"
    metadata: ManifestMetadata
    spec: FlowExportSpec


DefinitionManifest: TypeAlias = (
    PoolManifest
    | TransportZoneManifest
    | HostGroupManifest
    | TunnelProfileManifest
    | QosPolicyManifest
    | MirrorManifest
    | FlowExportManifest
)
AnyManifest: TypeAlias = (
    HostManifest
    | BridgeManifest
    | SegmentManifest
    | PortManifest
    | TunnelManifest
    | DefinitionManifest
)
