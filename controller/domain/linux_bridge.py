"""What intent can say of a bridge of the kernel and of a port there.

Words and meanings are those of the kernel (IFLA_BR_* and IFLA_BRPORT_* of if_link.h) and of IEEE
802.1D and 802.1Q. None leaves an attribute to whoever has it. Times are whole seconds, which every
kernel keeps exactly. Owns nothing; the rules are in ``validation``, and what each field becomes in
``compiler.linux_bridge``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias


class VlanProtocol(enum.StrEnum):
    DOT1Q = "802.1q"
    DOT1AD = "802.1ad"


class McastRouter(enum.StrEnum):
    """Where multicast goes that is for routers."""

    DISABLED = "disabled"
    AUTO = "auto"
    """To where queries and hellos of routers come from."""
    PERMANENT = "permanent"


class BridgePortState(enum.StrEnum):
    DISABLED = "disabled"
    LISTENING = "listening"
    LEARNING = "learning"
    FORWARDING = "forwarding"
    BLOCKING = "blocking"


class LinkLocalGroup(enum.StrEnum):
    """Who the groups 01:80:c2:00:00:00 to :0f are for, by the names that people know."""

    STP = "stp"
    PAUSE = "pause"
    LACP = "lacp"
    DOT1X = "dot1x"
    ELMI = "elmi"
    PROVIDER_STP = "provider-stp"
    PROVIDER_MVRP = "provider-mvrp"
    LLDP = "lldp"


GROUP_BITS = {
    LinkLocalGroup.STP: 0,
    LinkLocalGroup.PAUSE: 1,
    LinkLocalGroup.LACP: 2,
    LinkLocalGroup.DOT1X: 3,
    LinkLocalGroup.ELMI: 7,
    LinkLocalGroup.PROVIDER_STP: 8,
    LinkLocalGroup.PROVIDER_MVRP: 13,
    LinkLocalGroup.LLDP: 14,
}
"""The last digit of the group's address."""

GroupFwdMask: TypeAlias = int | tuple[LinkLocalGroup, ...]
"""Groups to forward as any other: by their names, or bit n for 01:80:c2:00:00:0n. Stored specs have
names, ordered by their bits, unless one has none; 0 is none at all."""


def mask_of(groups: GroupFwdMask) -> int:
    if isinstance(groups, int):
        return groups
    return sum(1 << GROUP_BITS[group] for group in set(groups))


@dataclass(frozen=True, slots=True)
class LinuxBridgeSettings:
    vlan_filtering: bool | None = None
    vlan_protocol: VlanProtocol | None = None
    vlan_default_pvid: int | None = None
    """0: none."""
    vlan_stats_enabled: bool | None = None
    stp_state: bool | None = None
    forward_delay_s: int | None = None
    hello_time_s: int | None = None
    max_age_s: int | None = None
    ageing_time_s: int | None = None
    priority: int | None = None
    mcast_snooping: bool | None = None
    mcast_querier: bool | None = None
    mcast_router: McastRouter | None = None
    mcast_query_use_ifaddr: bool | None = None
    mcast_hash_max: int | None = None
    mcast_last_member_count: int | None = None
    mcast_startup_query_count: int | None = None
    mcast_last_member_interval_s: int | None = None
    mcast_membership_interval_s: int | None = None
    mcast_querier_interval_s: int | None = None
    mcast_query_interval_s: int | None = None
    mcast_query_response_interval_s: int | None = None
    mcast_startup_query_interval_s: int | None = None
    mcast_stats_enabled: bool | None = None
    mcast_igmp_version: int | None = None
    mcast_mld_version: int | None = None
    nf_call_iptables: bool | None = None
    nf_call_ip6tables: bool | None = None
    nf_call_arptables: bool | None = None
    group_fwd_mask: GroupFwdMask | None = None
    group_addr: str | None = None
    """Where frames of STP go: 01:80:c2:00:00:0n."""


@dataclass(frozen=True, slots=True)
class BridgePortSettings:
    state: BridgePortState | None = None
    """Only without STP, which chooses it."""
    cost: int | None = None
    priority: int | None = None
    hairpin: bool | None = None
    guard: bool | None = None
    """Whether a frame of STP takes the port down (BPDU guard)."""
    protect: bool | None = None
    """Whether the port never leads to the root (root guard)."""
    learning: bool | None = None
    unicast_flood: bool | None = None
    mcast_flood: bool | None = None
    bcast_flood: bool | None = None
    isolated: bool | None = None
    neigh_suppress: bool | None = None
    fast_leave: bool | None = None
    locked: bool | None = None
    group_fwd_mask: GroupFwdMask | None = None
    mcast_router: McastRouter | None = None
