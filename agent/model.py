"""The two pictures the agent compares: what the host should be, and what it is.

Everything here is frozen and made of plain values, so that a picture can cross threads, be hashed,
be written to disk and be invented by a property test. The desired half mirrors
``ovsfleet/v1/state.proto``; the observed half mirrors the OVSDB columns and netlink attributes that
the planner decides on, and no others.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.bridge_attributes import BridgeVlan
from agent.columns import NO_SETTINGS, Release, Settings, every_column
from agent.fragments import Neighbour, SegmentFragment
from agent.monitoring import FlowExport, Mirror, OvsFlowExport, OvsMirror, OvsQos, Qos, Stray

OWNER_KEY = "ovsfleet-owner"
"""external_ids key that holds the fleet's uid on every row we made."""
ID_KEY = "ovsfleet-id"
"""external_ids key that holds the resource id of a row."""
DEVICE_KEY = "ovsfleet-ifindex"
"""external_ids key of an Interface that holds ``<boot>/<ifindex>`` of the device of that name that
Open vSwitch was given; the ifindex is 0 for one that went away under it.

Open vSwitch stays with the device that it opened: what has its name later carries nothing. That
ends with the boot, the database does not: indices of an earlier boot tell nothing.
"""
ALIAS_PREFIX = "ovsfleet"
"""Kernel devices carry ``ovsfleet:<fleet_uid>:<resource id>`` in IFLA_IFALIAS."""
ADDRESS_MARK = 0x6F
"""IFA_PROTO and NDA_PROTOCOL of what we gave a device; whose fleet's, its device's alias tells.

Kernels before 5.18 keep no IFA_PROTO: what we add is unmarked there, and goes with its device only.
"""

OVS_KINDS = frozenset({"openvswitch", "tun"})
"""Kinds of the devices that ovs-vswitchd makes for bridges and internal ports."""
OUR_KINDS = OVS_KINDS | {"veth", "vxlan", "bridge"}
"""Kinds of all devices that can be there on our account: no other is ours, whatever its mark."""
BROADCAST_FDB = "00:00:00:00:00:00"
"""MAC of the forwarding entries that get what has no entry of its own (vxlan_fdb, bridge(8))."""

OVERLAY_ID = "overlay"
HOST_ID = "host"


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


def port_id(uid: str) -> str:
    return f"port:{uid}"


def bridge_id(uid: str) -> str:
    return f"bridge:{uid}"


def segment_id(uid: str) -> str:
    return f"segment:{uid}"


def tunnel_id(segment_uid: str, end: str) -> str:
    """``end`` is the uid of a host, or the address of a VTEP outside of the fleet."""
    return f"tunnel:{segment_uid}/{end}"


def explicit_tunnel_id(uid: str) -> str:
    return f"tunnel:{uid}"


def alias(owner: str, resource: str) -> str:
    """The link alias that marks a kernel device as ours."""
    return f"{ALIAS_PREFIX}:{owner}:{resource}"


# --- desired -------------------------------------------------------------------------------------


class DatapathType(enum.Enum):
    SYSTEM = "system"
    NETDEV = "netdev"
    UNKNOWN = "unknown"
    """A value this agent is too old for; reported as UNSUPPORTED."""


class BridgeType(enum.Enum):
    """What carries an explicit bridge."""

    OVS = "ovs"
    LINUX = "linux"
    UNKNOWN = "unknown"
    """A value this agent is too old for; reported as UNSUPPORTED."""


class PortType(enum.Enum):
    INTERNAL = "internal"
    VETH = "veth"
    TAP = "tap"
    SYSTEM = "system"
    PATCH = "patch"
    BOND = "bond"
    UNKNOWN = "unknown"
    """A value this agent is too old for; reported as UNSUPPORTED."""


class Backend(enum.Enum):
    """Who encapsulates a segment on this host."""

    OVS = "ovs"
    KERNEL = "kernel"
    UNKNOWN = "unknown"
    """A value this agent is too old for; reported as UNSUPPORTED."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge of ours; ``id`` is ``overlay`` or ``bridge:<uid>``."""

    id: str
    name: str
    datapath_type: DatapathType
    settings: Settings = NO_SETTINGS
    type: BridgeType = BridgeType.OVS
    link_attributes: Mapping[str, int] = field(default_factory=dict)
    """Of a Linux bridge, by the names in ``agent.bridge_attributes``."""


@dataclass(frozen=True, slots=True)
class VethPeer:
    netns: str
    interface: str


@dataclass(frozen=True, slots=True)
class PatchPeer:
    """The far end of a patch: a port of another bridge."""

    bridge: str
    interface: str
    tag: int = 0


@dataclass(frozen=True, slots=True)
class TapOwner:
    """Who may open a TAP device besides root; None: nobody in particular."""

    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class Port:
    id: str
    interface: str
    type: PortType
    bridge: str
    tag: int = 0
    mac: str = ""
    mtu: int = 1500
    addresses: frozenset[str] = frozenset()
    peer: VethPeer | None = None
    trunks: frozenset[int] = frozenset()
    vlan_mode: str = ""
    settings: Settings = NO_SETTINGS
    interface_settings: Settings = NO_SETTINGS
    admin_down: bool = False
    patch: PatchPeer | None = None
    members: tuple[str, ...] = ()
    tap_owner: TapOwner | None = None
    qos: Qos | None = None
    bridge_port_attributes: Mapping[str, int] = field(default_factory=dict)
    """On an explicit Linux bridge, by the names in ``agent.bridge_attributes``."""


@dataclass(frozen=True, slots=True)
class SegmentAttachment:
    segment_uid: str
    local_vlan: int
    fragment_hash: bytes
    backend: Backend = Backend.OVS
    linux_bridge: str = ""
    """The bridge that carries this segment alone on a host without Open vSwitch."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """This host's end of an explicit tunnel; None and "" leave an option to Open vSwitch."""

    id: str
    bridge: str
    local_ip: str
    remote_ip: str
    vni: int
    dst_port: int
    tag: int = 0
    ttl: str = ""
    tos: str = ""
    csum: bool | None = None
    df_default: bool | None = None


@dataclass(frozen=True, slots=True)
class HostState:
    """Desired state of this host, with every fragment it refers to.

    ``removed`` accumulates in the agent: an id stays until it is observed gone or desired again.
    So does ``released``, which only the agent knows: what an earlier state set on a row and this
    one does not stays until no row is observed that holds it, or it is set again.
    """

    fleet_uid: str
    fleet_epoch: int
    revision: int
    hash: bytes
    host_uid: str
    host_name: str
    overlay: Bridge | None = None
    bridges: tuple[Bridge, ...] = ()
    ports: tuple[Port, ...] = ()
    attachments: tuple[SegmentAttachment, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    flow_exports: tuple[FlowExport, ...] = ()
    fragments: Mapping[bytes, SegmentFragment] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    released: frozenset[Release] = frozenset()
    is_whole: bool = True
    """Otherwise another version of the agent took it, and may not have known what it lacks."""


# --- observed ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OvsInterface:
    """A row of OVSDB table Interface; optional columns are None when unset."""

    name: str
    type: str = ""
    options: Mapping[str, str] = field(default_factory=_empty)
    mac: str | None = None
    mtu_request: int | None = None
    external_ids: Mapping[str, str] = field(default_factory=_empty)
    ofport: int | None = None
    error: str | None = None
    settings: Settings = NO_SETTINGS


@dataclass(frozen=True, slots=True)
class OvsPort:
    """A row of OVSDB table Port with its interfaces."""

    name: str
    interfaces: tuple[OvsInterface, ...]
    tag: int | None = None
    trunks: frozenset[int] = frozenset()
    vlan_mode: str | None = None
    protected: bool = False
    external_ids: Mapping[str, str] = field(default_factory=_empty)
    settings: Settings = NO_SETTINGS
    qos: OvsQos | None = None


@dataclass(frozen=True, slots=True)
class OvsBridge:
    """A row of OVSDB table Bridge with its ports."""

    name: str
    ports: tuple[OvsPort, ...] = ()
    datapath_type: str = ""
    fail_mode: str | None = None
    external_ids: Mapping[str, str] = field(default_factory=_empty)
    settings: Settings = NO_SETTINGS
    mirrors: tuple[OvsMirror, ...] = ()
    exports: Mapping[str, OvsFlowExport] = field(default_factory=dict)
    """By table: NetFlow, sFlow, IPFIX."""


@dataclass(frozen=True, slots=True)
class Vxlan:
    """What a kernel vxlan device is (IFLA_VXLAN_*)."""

    vni: int
    """IFLA_VXLAN_ID; 0 for a device that takes it from metadata."""
    local_ip: str = ""
    """IFLA_VXLAN_LOCAL or LOCAL6; empty when the device has none."""
    dst_port: int = 0
    """IFLA_VXLAN_PORT, in host byte order."""
    learning: bool = False
    """IFLA_VXLAN_LEARNING: ours never learn, the controller knows who is where."""
    collect_metadata: bool = False
    """IFLA_VXLAN_COLLECT_METADATA, as Open vSwitch's vxlan_sys_<port> has."""
    proxy: bool = False
    """IFLA_VXLAN_PROXY: it answers ARP for the addresses it knows, and drops other requests."""
    attributes: Mapping[str, int] = field(default_factory=dict)
    """Others, named as in ``agent.vxlan_attributes``; observed: those not at their default."""


@dataclass(frozen=True, slots=True, order=True)
class FdbEntry:
    """One forwarding entry of a vxlan device (RTM_NEWNEIGH, AF_BRIDGE, NTF_SELF)."""

    mac: str
    """Lower-case; ``BROADCAST_FDB`` for head-end replication."""
    dst: str
    """The remote VTEP (NDA_DST); empty in the table of the bridge above: behind this device."""


@dataclass(frozen=True, slots=True)
class Link:
    """A kernel network device (rtnetlink RTM_NEWLINK, RTM_NEWADDR)."""

    name: str
    ifindex: int
    kind: str = ""
    """IFLA_INFO_KIND: veth, tun, vxlan, bridge, openvswitch; empty for a physical device."""
    mac: str = ""
    mtu: int = 1500
    up: bool = False
    alias: str = ""
    master: str = ""
    """Name of the device it is enslaved to, or empty."""
    peer_ifindex: int = 0
    """IFLA_LINK of a veth: the ifindex of its other end in that end's namespace; 0 if unknown."""
    stacked_on: int = 0
    """IFLA_LINK of a macvlan, macvtap or ipvlan: the ifindex of the device whose frames it takes,
    where that is in the same namespace; 0 for all others."""
    tap_owner: TapOwner | None = None
    """Set for kind tun, as far as the kernel tells (IFLA_TUN_OWNER, IFLA_TUN_GROUP)."""
    addresses: frozenset[str] = frozenset()
    """In CIDR form, without IPv6 link-local addresses."""
    owned_addresses: frozenset[str] = frozenset()
    """Those of ``addresses`` that bear our mark (IFA_PROTO)."""
    vxlan: Vxlan | None = None
    """Set for kind vxlan."""
    quiet: bool = True
    """False when the host would take part in IP on it: answer ARP for its own addresses, take
    packets for them, listen to Router Advertisements. Only looked at for vxlan devices, bridges,
    veths and TAP devices that bear our alias."""
    bridge_attributes: Mapping[str, int] = field(default_factory=dict)
    """Of an explicit Linux bridge of ours: those that are not at their default."""
    follows_root: bool = False
    """Of such a bridge: another one is the root of its tree, and hides its ``ROOTS_TIMERS``."""
    bridge_port_attributes: Mapping[str, int] = field(default_factory=dict)
    """Of what is in such a bridge: those that are not at their default."""
    lacks: frozenset[str] = frozenset()
    """Of such a bridge and what is in it: the attributes that this kernel does not know."""
    own_cost: int = 100
    """Of what is in such a bridge: the path cost that the kernel gives it for its speed."""
    running: bool = True
    """Of what is in such a bridge: whether it has a carrier (IFF_RUNNING)."""
    vlans: frozenset[BridgeVlan] = frozenset()
    """Of what is in such a bridge, where that one filters VLANs."""


@dataclass(frozen=True, slots=True)
class ObservedState:
    """What the host is: one snapshot of OVSDB and of the kernel.

    ``peers`` maps (namespace, device) to the devices in the namespaces that the desired state
    names, and ``namespaces`` tells which exist. ``vswitchd_running`` is false until an
    ovs-vswitchd that runs has made what the rows ask for once since it started: rows can be
    written before, but nothing acts on them, and what they say of devices is not true yet. One
    that hangs later still counts as running.
    """

    bridges: Mapping[str, OvsBridge] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    peers: Mapping[tuple[str, str], Link] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()
    unreadable: Mapping[str, str] = field(default_factory=_empty)
    """Namespaces that could not be looked into, and why: their ``peers`` are not known."""
    fdb: Mapping[str, frozenset[FdbEntry]] = field(default_factory=dict)
    """By name, for every vxlan device that bears our alias: the static entries that are ours
    (NTF_EXT_LEARNED), and whatever else leads to ``BROADCAST_FDB``: the flood list of a device of
    ours is ours as a whole, because one entry too many is one copy too many."""
    neighbours: Mapping[str, frozenset[Neighbour]] = field(default_factory=dict)
    """By name, for every vxlan device and bridge that bears a segment's alias and has any: the
    permanent ones that are ours (NDA_PROTOCOL)."""
    learned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By name, for vxlan devices with neigh_suppress: MAC addresses that their bridge has learned
    elsewhere. Whatever ``fdb`` says of those is over."""
    has_ovs: bool = True
    """False on a host that is meant to have no Open vSwitch (``--ovsdb none``)."""
    vswitchd_running: bool = True
    boot: str = ""
    """Tells this boot of the kernel from all others: indices of devices are as old as it."""
    datapath_types: frozenset[str] = frozenset()
    iface_types: frozenset[str] = frozenset()
    columns: Mapping[str, frozenset[str]] = field(default_factory=every_column)
    """By table, which of the columns that intent may set this database has."""
    strays: frozenset[Stray] = frozenset()
    ipv6: bool = True
    """False where the kernel has no IPv6, or was started without."""
