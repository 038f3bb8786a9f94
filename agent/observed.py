"""What the host is: the columns of OVSDB and attributes of the kernel that the planner decides on.

Everything here is frozen and made of plain values, as the desired half in ``agent.model`` is, so
that a picture can cross threads and be invented by a property test. What no decision looks at has
no place here: what is read costs at every observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.bridge_attributes import BridgeVlan
from agent.columns import NO_SETTINGS, Settings, every_column
from agent.fragments import Neighbour
from agent.model import TapOwner
from agent.monitoring import OvsFlowExport, OvsMirror, OvsQos, Stray


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


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
    row: str = field(default="", compare=False, repr=False)
    """UUID of the row, where it has an iface-id: what is bound is asked for its counters by it."""


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
    lower: int = 0
    """IFLA_LINK of a device that lies upon another one of the same namespace, VLAN devices too: the
    ifindex of that one; 0 for all others, and for veths."""
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
    hidden: frozenset[str] = frozenset()
    """Of such a bridge: the attributes that the kernel does not tell as they were set, because
    another one is the root of its spanning tree, or because that is changing."""
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
class Traffic:
    """What the kernel does to what a device sends and gets."""

    qdisc: str
    """IFLA_QDISC: the kind of the root qdisc."""
    is_policed: bool
    """Whether it has a filter on ingress such as Open vSwitch polices with."""


SOMEWHERE = ""
"""In the place of an address that the controller is spoken to at and that is not known."""


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """How the kernel reaches an address that the controller is spoken to at (RTM_GETROUTE)."""

    destination: str
    device: str
    """RTA_OIF, by name; as it was last where the kernel knows no way now."""
    source: str = ""
    """RTA_PREFSRC: the host's own address on it."""
    gateway: str = ""
    """RTA_GATEWAY or RTA_VIA; empty for what is on the same link."""


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
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    """By name, of those devices that intent has shaped or policed."""
    ipv6: bool = True
    """False where the kernel has no IPv6, or was started without."""
    vlan_limit: int = 0
    """How many VLAN headers of a frame ovs-vswitchd looks at (other_config:vlan-limit); 0 for as
    many as its datapath can."""
    ways: frozenset[Way] = frozenset()
    """To the controller, at each address that it is spoken to at."""
    is_way_known: bool = True
    """Whether there is one to each, seen in this boot; otherwise anything may be the way there."""
