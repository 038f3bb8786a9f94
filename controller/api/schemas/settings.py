"""Shapes of the settings of bridges and ports: the same in what is asked for and in what is shown.

Words and units are those of ovs-vswitchd.conf.db(5); what is left out stays as the host has it.
Every field stands under the name it has in ``controller.domain.settings``. Owns nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from controller.api.schemas.base import Shape, Text

ProtocolName: TypeAlias = Literal[
    "OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15"
]
VlanModeName: TypeAlias = Literal[
    "access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"
]
Vlans: TypeAlias = Annotated[list[int], Field(max_length=4096)]


class BridgeStp(Shape):
    """IEEE 802.1D-1998."""

    enabled: bool | None = None
    """Not together with RSTP, and with at most 255 ports."""
    priority: int | None = None
    """0..65535; the bridge with the lowest is the root."""
    hello_time_s: int | None = None
    """1..10."""
    max_age_s: int | None = None
    """6..40."""
    forward_delay_s: int | None = None
    """4..30."""
    system_id: Text | None = None
    """A MAC address; the bridge's own when it is left out."""


class BridgeRstp(Shape):
    """IEEE 802.1D-2004."""

    enabled: bool | None = None
    """Not together with STP."""
    priority: int | None = None
    """0..61440 in steps of 4096; the bridge with the lowest is the root."""
    ageing_time_s: int | None = None
    """10..1000000."""
    max_age_s: int | None = None
    """6..40."""
    forward_delay_s: int | None = None
    """4..30."""
    transmit_hold_count: int | None = None
    """1..10."""
    force_protocol_version: int | None = None
    """0 (STP compatibility) or 2."""


class BridgeMcastSnooping(Shape):
    """IGMP and MLD snooping (RFC 4541)."""

    enabled: bool | None = None
    """Whether multicast goes only to ports that asked for it."""
    table_size: int | None = None
    """10..1000000 addresses."""
    aging_time_s: int | None = None
    """15..3600."""
    flood_unregistered: bool | None = None
    """Whether multicast that nobody asked for goes to all ports, and not to routers alone."""


class IngressPolicing(Shape):
    """What the port receives beyond a rate is dropped. Each member of a bond has all of it."""

    rate_kbps: int | None = None
    """Kilobit in a second; 0 polices nothing."""
    burst_kb: int | None = None
    """Kilobit; at least 80 % of the rate helps TCP."""
    kpkts_rate: int | None = None
    """Thousands of packets in a second; 0 polices nothing."""
    kpkts_burst: int | None = None
    """Thousands of packets."""


class PortStp(Shape):
    """Not on ports of type internal or bond, which take no part."""

    enabled: bool | None = None
    """Whether it takes part."""
    path_cost: int | None = None
    """0..65535."""
    priority: int | None = None
    """0..255."""
    port_number: int | None = None
    """1..255."""


class PortRstp(Shape):
    """Not on ports of type internal or bond, which take no part."""

    enabled: bool | None = None
    """Whether it takes part."""
    path_cost: int | None = None
    """1..200000000."""
    priority: int | None = None
    """0..240 in steps of 16."""
    port_number: int | None = None
    """1..4095."""
    admin_edge: bool | None = None
    """Whether it is taken for one without a bridge behind it."""
    auto_edge: bool | None = None
    """Whether that is found out by listening."""
    admin_p2p_mac: Literal["force-false", "force-true", "auto"] | None = None
    """Whether the link is taken for one between two bridges."""


class PortMcastSnooping(Shape):
    flood: bool | None = None
    """Send all multicast but reports here."""
    flood_reports: bool | None = None
    """Send reports here."""


class TapOwner(Shape):
    """Who may open a TAP device besides root."""

    uid: int | None = None
    """Number of a user."""
    gid: int | None = None
    """Number of a group."""


class PatchPeer(Shape):
    """The far end of a patch."""

    bridge: Text
    """Another Bridge of the same host."""
    interface: Text
    """Name of the far end, at most 15 bytes."""
    tag: int | None = None
    """Access VLAN 1..4094; left out, the far end carries every VLAN."""


class Bond(Shape):
    members: Annotated[list[Text], Field(max_length=256)]
    """Names of two or more existing devices that nothing else uses."""
    mode: Literal["active-backup", "balance-slb", "balance-tcp"] | None = None
    """Active-backup when it is left out."""
    lacp: Literal["active", "passive", "off"] | None = None
    """Off when it is left out."""
    updelay_ms: int | None = None
    """How long a link must be up to be used."""
    downdelay_ms: int | None = None
    """How long a link must be down not to be used."""
    lacp_time: Literal["fast", "slow"] | None = None
    """How often LACP packets are asked for: every second, or every 30 seconds."""
    lacp_fallback_ab: bool | None = None
    """Be an active-backup bond while no partner negotiates."""
    primary: Text | None = None
    """The member to use whenever it is up."""
    rebalance_interval_ms: int | None = None
    """0 (never) or 1000 and more."""
    all_members_active: bool | None = None
    """Let broadcasts in on every member of a balance-slb bond without LACP."""
