"""What the host should be, and the marks by which the agent knows what is its own.

Everything here is frozen and made of plain values, so that a picture can cross threads, be hashed,
be written to disk and be invented by a property test. It mirrors ``ovsfleet/v1/state.proto``; what
the host is has the other half, ``agent.observed``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.columns import NO_SETTINGS, Release, Settings
from agent.fragments import LostEnds, SegmentFragment
from agent.monitoring import FlowExport, Mirror, Qos
from agent.safety import DEFAULT_SAFETY, NO_GRANTS, Grants, Safety

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
BOUND_KEY = "ovsfleet-bound"
BOUND_MTU_KEY = "ovsfleet-bound-mtu"
"""external_ids key that holds ``<fleet uid>/<resource id>`` on the Port of somebody else that a
port of intent is bound to: it stays his, and tells which tag and MTU are intent's."""
IFACE_ID_KEY = "iface-id"
"""external_ids key of an Interface by which hypervisors say what they plug in (its OVS's
integration guide, Documentation/topics/integration.rst)."""
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
    BOUND = "bound"
    """What somebody else plugs in, known by its iface-id."""
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
    iface_id: str = ""
    """Of a bound port, which has no ``interface``: its device has the name its maker gave it."""


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
    one does not stays until no row is observed that holds it, or it is set again. And so does
    ``lost``, by the uids of segments: where the kernel's tables send to, absent but not removed.
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
    lost: Mapping[str, LostEnds] = field(default_factory=dict)
    grants: Grants = NO_GRANTS
    safety: Safety = DEFAULT_SAFETY
    is_whole: bool = True
    """Otherwise another version of the agent took it, and may not have known what it lacks."""


def desired_ids(state: HostState) -> frozenset[str]:
    """Every resource id that ``state`` wants to exist."""
    ids = {bridge.id for bridge in state.bridges} | {port.id for port in state.ports}
    ids |= {tunnel.id for tunnel in state.tunnels}
    ids |= {mirror.id for mirror in state.mirrors} | {export.id for export in state.flow_exports}
    if state.overlay is not None:
        ids.add(OVERLAY_ID)
    for attachment in state.attachments:
        ids.add(segment_id(attachment.segment_uid))
        fragment = state.fragments.get(attachment.fragment_hash)
        ends = fragment.ends_of(state.host_uid) if fragment is not None else ()
        ids.update(tunnel_id(attachment.segment_uid, end) for end in ends)
    return frozenset(ids)
