"""Shapes of the settings of Linux bridges and of ports there, asked for and shown alike.

Words are the kernel's, and times whole seconds; what is left out stays as the host has it. Every
field stands under the name it has in ``controller.domain.linux_bridge``. Owns nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from controller.api.schemas.base import Shape, Text

McastRouterName: TypeAlias = Literal["disabled", "auto", "permanent"]
LinkLocalGroupName: TypeAlias = Literal[
    "stp", "pause", "lacp", "dot1x", "elmi", "provider-stp", "provider-mvrp", "lldp"
]
GroupFwdMask: TypeAlias = int | Annotated[list[LinkLocalGroupName], Field(max_length=16)]


class LinuxBridge(Shape):
    vlan_filtering: bool | None = None
    """Whether VLANs are kept apart; without it ports have no ``tag``, ``trunks``, ``vlan_mode``."""
    vlan_protocol: Literal["802.1q", "802.1ad"] | None = None
    """Of the tags that are looked at."""
    vlan_default_pvid: int | None = None
    """0..4094: the VLAN of ports that are told none; 0 is none."""
    vlan_stats_enabled: bool | None = None
    """Whether packets are counted by VLAN."""
    stp_state: bool | None = None
    """Whether the kernel runs STP (IEEE 802.1D-1998)."""
    forward_delay_s: int | None = None
    """0..30; with STP from 2."""
    hello_time_s: int | None = None
    """1..10."""
    max_age_s: int | None = None
    """6..40."""
    ageing_time_s: int | None = None
    """0..1000000; 0 learns no addresses."""
    priority: int | None = None
    """0..65535; the bridge with the lowest is the root."""
    mcast_snooping: bool | None = None
    """IGMP and MLD snooping (RFC 4541)."""
    mcast_querier: bool | None = None
    """Whether the bridge asks who listens."""
    mcast_router: McastRouterName | None = None
    """Whether the host itself gets all multicast: ``auto`` once it was heard as a router."""
    mcast_query_use_ifaddr: bool | None = None
    """Ask from the bridge's own address, and not from 0.0.0.0."""
    mcast_hash_max: int | None = None
    """1..4294967295 groups."""
    mcast_last_member_count: int | None = None
    """0..4294967295 queries before a group is given up."""
    mcast_startup_query_count: int | None = None
    """0..4294967295 queries at the start."""
    mcast_last_member_interval_s: int | None = None
    """1..86400; the other intervals too."""
    mcast_membership_interval_s: int | None = None
    """Until a group that nobody asks for is forgotten."""
    mcast_querier_interval_s: int | None = None
    """Until another querier that is silent is given up."""
    mcast_query_interval_s: int | None = None
    """Between two queries."""
    mcast_query_response_interval_s: int | None = None
    """That listeners have to answer."""
    mcast_startup_query_interval_s: int | None = None
    """Between two queries at the start."""
    mcast_stats_enabled: bool | None = None
    """Whether IGMP and MLD packets are counted."""
    mcast_igmp_version: int | None = None
    """2 or 3."""
    mcast_mld_version: int | None = None
    """1 or 2."""
    nf_call_iptables: bool | None = None
    """Whether bridged IPv4 passes the host's netfilter."""
    nf_call_ip6tables: bool | None = None
    """Whether bridged IPv6 passes the host's netfilter."""
    nf_call_arptables: bool | None = None
    """Whether bridged ARP passes the host's netfilter."""
    group_fwd_mask: GroupFwdMask | None = None
    """Groups 01:80:c2:00:00:0n that are forwarded as any other: names, or a number with bit n. Not
    stp, pause and lacp."""
    group_addr: Text | None = None
    """Where frames of STP go: 01:80:c2:00:00:0n, n 0 or 4..f."""


class BridgePort(Shape):
    state: Literal["disabled", "listening", "learning", "forwarding", "blocking"] | None = None
    """Only where the bridge runs no STP, which chooses it. The kernel forgets it whenever the link
    goes down."""
    cost: int | None = None
    """1..65535, of the path."""
    priority: int | None = None
    """0..63."""
    hairpin: bool | None = None
    """Frames may leave where they came in."""
    guard: bool | None = None
    """A frame of STP takes the port down (BPDU guard)."""
    protect: bool | None = None
    """The port never leads to the root (root guard)."""
    learning: bool | None = None
    """Whether addresses are learned from what comes in here."""
    unicast_flood: bool | None = None
    """Whether frames to unknown addresses leave here."""
    mcast_flood: bool | None = None
    """Whether multicast to unknown groups leaves here."""
    bcast_flood: bool | None = None
    """Whether broadcasts leave here."""
    isolated: bool | None = None
    """Isolated ports of one bridge do not reach each other."""
    neigh_suppress: bool | None = None
    """Answer ARP and neighbour solicitations for the port from what the kernel knows."""
    fast_leave: bool | None = None
    """Give a group up at once when somebody leaves it."""
    locked: bool | None = None
    """Take frames only from addresses that the port's entries name (IEEE 802.1X)."""
    group_fwd_mask: GroupFwdMask | None = None
    """As of the bridge, for what comes in here; stp and lacp too, pause not."""
    mcast_router: McastRouterName | None = None
    """Whether all multicast leaves here: ``auto`` while a router is heard."""
