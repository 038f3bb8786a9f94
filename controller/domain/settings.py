"""What intent can say of a bridge or a port beyond what places it on a host.

Words and meanings are those of ovs-vswitchd.conf.db(5), and in ``linux_bridge`` the kernel's. None
and empty leave a setting to whoever has it: it is not compiled, so that the host keeps what it has.
Stored as one document for each object (``docs/adr/0012``). Owns nothing; the rules are in
``validation``, and what each field becomes in ``compiler.settings``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from controller.domain.linux_bridge import BridgePortSettings, LinuxBridgeSettings


class FailMode(enum.StrEnum):
    STANDALONE = "standalone"
    SECURE = "secure"
    """Only to be refused with its reason."""


class Protocol(enum.StrEnum):
    OPENFLOW10 = "OpenFlow10"
    OPENFLOW11 = "OpenFlow11"
    OPENFLOW12 = "OpenFlow12"
    OPENFLOW13 = "OpenFlow13"
    OPENFLOW14 = "OpenFlow14"
    OPENFLOW15 = "OpenFlow15"


@dataclass(frozen=True, slots=True)
class BridgeStp:
    """IEEE 802.1D-1998 on a bridge."""

    enabled: bool | None = None
    priority: int | None = None
    hello_time_s: int | None = None
    max_age_s: int | None = None
    forward_delay_s: int | None = None
    system_id: str | None = None


@dataclass(frozen=True, slots=True)
class BridgeRstp:
    """IEEE 802.1D-2004 on a bridge."""

    enabled: bool | None = None
    priority: int | None = None
    """In steps of 4096."""
    ageing_time_s: int | None = None
    max_age_s: int | None = None
    forward_delay_s: int | None = None
    transmit_hold_count: int | None = None
    force_protocol_version: int | None = None
    """0 (STP compatibility) or 2."""


@dataclass(frozen=True, slots=True)
class BridgeMcastSnooping:
    enabled: bool | None = None
    table_size: int | None = None
    aging_time_s: int | None = None
    flood_unregistered: bool | None = None


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    fail_mode: FailMode = FailMode.STANDALONE
    """What every bridge of the fleet has: the agent writes it with the bridge."""
    stp: BridgeStp | None = None
    rstp: BridgeRstp | None = None
    mcast_snooping: BridgeMcastSnooping | None = None
    mac_aging_time_s: int | None = None
    mac_table_size: int | None = None
    forward_bpdu: bool | None = None
    hwaddr: str | None = None
    datapath_id: str | None = None
    """16 hexadecimal digits."""
    protocols: tuple[Protocol, ...] = ()
    linux: LinuxBridgeSettings | None = None
    """Of a bridge of the kernel, and then nothing else is said."""


class VlanMode(enum.StrEnum):
    ACCESS = "access"
    TRUNK = "trunk"
    NATIVE_TAGGED = "native-tagged"
    NATIVE_UNTAGGED = "native-untagged"
    DOT1Q_TUNNEL = "dot1q-tunnel"


class QinqEthtype(enum.StrEnum):
    DOT1AD = "802.1ad"
    DOT1Q = "802.1q"


class PriorityTags(enum.StrEnum):
    ALWAYS = "always"
    IF_NONZERO = "if-nonzero"
    NEVER = "never"


class AdminState(enum.StrEnum):
    UP = "up"
    DOWN = "down"


class AdminP2pMac(enum.StrEnum):
    """Whether RSTP takes the link for one between two bridges."""

    FORCE_FALSE = "force-false"
    FORCE_TRUE = "force-true"
    AUTO = "auto"


class BondMode(enum.StrEnum):
    ACTIVE_BACKUP = "active-backup"
    BALANCE_SLB = "balance-slb"
    BALANCE_TCP = "balance-tcp"


class Lacp(enum.StrEnum):
    ACTIVE = "active"
    PASSIVE = "passive"
    OFF = "off"


class LacpTime(enum.StrEnum):
    FAST = "fast"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class IngressPolicing:
    """What a port receives beyond a rate is dropped."""

    rate_kbps: int | None = None
    burst_kb: int | None = None
    """Kilobit."""
    kpkts_rate: int | None = None
    """Thousands of packets in a second."""
    kpkts_burst: int | None = None
    """Thousands of packets."""


@dataclass(frozen=True, slots=True)
class PortStp:
    enabled: bool | None = None
    path_cost: int | None = None
    priority: int | None = None
    port_number: int | None = None


@dataclass(frozen=True, slots=True)
class PortRstp:
    enabled: bool | None = None
    path_cost: int | None = None
    priority: int | None = None
    """In steps of 16."""
    port_number: int | None = None
    admin_edge: bool | None = None
    auto_edge: bool | None = None
    admin_p2p_mac: AdminP2pMac | None = None


@dataclass(frozen=True, slots=True)
class PortMcastSnooping:
    flood: bool | None = None
    flood_reports: bool | None = None


@dataclass(frozen=True, slots=True)
class TapOwner:
    """Who may open a TAP device besides root."""

    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class PatchSpec:
    """The far end of a patch: a port of another bridge of the same host."""

    bridge: str
    """A Bridge, by its name in intent."""
    interface: str
    tag: int | None = None


@dataclass(frozen=True, slots=True)
class BondSpec:
    members: tuple[str, ...] = ()
    """Names of existing devices, sorted in stored specs."""
    mode: BondMode | None = None
    lacp: Lacp | None = None
    updelay_ms: int | None = None
    downdelay_ms: int | None = None
    lacp_time: LacpTime | None = None
    lacp_fallback_ab: bool | None = None
    primary: str | None = None
    rebalance_interval_ms: int | None = None
    all_members_active: bool | None = None


@dataclass(frozen=True, slots=True)
class PortSettings:
    trunks: tuple[int, ...] = ()
    """Sorted in stored specs; 0 stands for frames without a tag."""
    vlan_mode: VlanMode | None = None
    cvlans: tuple[int, ...] = ()
    qinq_ethtype: QinqEthtype | None = None
    priority_tags: PriorityTags | None = None
    admin_state: AdminState = AdminState.UP
    ingress_policing: IngressPolicing | None = None
    stp: PortStp | None = None
    rstp: PortRstp | None = None
    mcast_snooping: PortMcastSnooping | None = None
    protected: bool | None = None
    transient: bool | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    """Of the row in table Interface."""
    tap_owner: TapOwner | None = None
    patch: PatchSpec | None = None
    bond: BondSpec | None = None
    bridge_port: BridgePortSettings | None = None
    """Of a port of a Linux bridge."""


Settings: TypeAlias = BridgeSettings | PortSettings

BRIDGE_DEFAULTS = BridgeSettings()
PORT_DEFAULTS = PortSettings()
