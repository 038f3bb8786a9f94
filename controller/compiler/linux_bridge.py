"""What each setting of a Linux bridge or of a port there becomes in the kernel: two tables.

A field of ``controller.domain.linux_bridge`` stands in one of them, by its path in the spec; a test
compares both with the fields that there are, and ``docs/intent-model.md`` with all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from controller.domain.linux_bridge import (
    BridgePortState,
    McastRouter,
    VlanProtocol,
    mask_of,
)
from controller.domain.settings import BridgeSettings, PortSettings

_USER_HZ = 100
"""What the kernel counts times in towards programs, whatever it counts in itself."""
_VLAN_PROTOCOLS = {VlanProtocol.DOT1Q: 0x8100, VlanProtocol.DOT1AD: 0x88A8}
"""EtherTypes, in the order of bytes of the host."""
_ROUTERS = {McastRouter.DISABLED: 0, McastRouter.AUTO: 1, McastRouter.PERMANENT: 2}
_STATES = {state: number for number, state in enumerate(BridgePortState)}


class Attribute(NamedTuple):
    """An attribute of if_link.h."""

    name: str
    encode: Callable[[Any], int] = int

    def __str__(self) -> str:
        return self.name


def _ticks(seconds: int) -> int:
    return seconds * _USER_HZ


def _address(mac: str) -> int:
    """Read the six bytes as one number, the first as the highest."""
    return int(mac.replace(":", ""), 16)


BRIDGE_ATTRIBUTES: Mapping[str, Attribute] = {
    "linux.vlan_filtering": Attribute("IFLA_BR_VLAN_FILTERING"),
    "linux.vlan_protocol": Attribute("IFLA_BR_VLAN_PROTOCOL", _VLAN_PROTOCOLS.__getitem__),
    "linux.vlan_default_pvid": Attribute("IFLA_BR_VLAN_DEFAULT_PVID"),
    "linux.vlan_stats_enabled": Attribute("IFLA_BR_VLAN_STATS_ENABLED"),
    "linux.stp_state": Attribute("IFLA_BR_STP_STATE"),
    "linux.forward_delay_s": Attribute("IFLA_BR_FORWARD_DELAY", _ticks),
    "linux.hello_time_s": Attribute("IFLA_BR_HELLO_TIME", _ticks),
    "linux.max_age_s": Attribute("IFLA_BR_MAX_AGE", _ticks),
    "linux.ageing_time_s": Attribute("IFLA_BR_AGEING_TIME", _ticks),
    "linux.priority": Attribute("IFLA_BR_PRIORITY"),
    "linux.mcast_snooping": Attribute("IFLA_BR_MCAST_SNOOPING"),
    "linux.mcast_querier": Attribute("IFLA_BR_MCAST_QUERIER"),
    "linux.mcast_router": Attribute("IFLA_BR_MCAST_ROUTER", _ROUTERS.__getitem__),
    "linux.mcast_query_use_ifaddr": Attribute("IFLA_BR_MCAST_QUERY_USE_IFADDR"),
    "linux.mcast_hash_max": Attribute("IFLA_BR_MCAST_HASH_MAX"),
    "linux.mcast_last_member_count": Attribute("IFLA_BR_MCAST_LAST_MEMBER_CNT"),
    "linux.mcast_startup_query_count": Attribute("IFLA_BR_MCAST_STARTUP_QUERY_CNT"),
    "linux.mcast_last_member_interval_s": Attribute("IFLA_BR_MCAST_LAST_MEMBER_INTVL", _ticks),
    "linux.mcast_membership_interval_s": Attribute("IFLA_BR_MCAST_MEMBERSHIP_INTVL", _ticks),
    "linux.mcast_querier_interval_s": Attribute("IFLA_BR_MCAST_QUERIER_INTVL", _ticks),
    "linux.mcast_query_interval_s": Attribute("IFLA_BR_MCAST_QUERY_INTVL", _ticks),
    "linux.mcast_query_response_interval_s": Attribute(
        "IFLA_BR_MCAST_QUERY_RESPONSE_INTVL", _ticks
    ),
    "linux.mcast_startup_query_interval_s": Attribute("IFLA_BR_MCAST_STARTUP_QUERY_INTVL", _ticks),
    "linux.mcast_stats_enabled": Attribute("IFLA_BR_MCAST_STATS_ENABLED"),
    "linux.mcast_igmp_version": Attribute("IFLA_BR_MCAST_IGMP_VERSION"),
    "linux.mcast_mld_version": Attribute("IFLA_BR_MCAST_MLD_VERSION"),
    "linux.nf_call_iptables": Attribute("IFLA_BR_NF_CALL_IPTABLES"),
    "linux.nf_call_ip6tables": Attribute("IFLA_BR_NF_CALL_IP6TABLES"),
    "linux.nf_call_arptables": Attribute("IFLA_BR_NF_CALL_ARPTABLES"),
    "linux.group_fwd_mask": Attribute("IFLA_BR_GROUP_FWD_MASK", mask_of),
    "linux.group_addr": Attribute("IFLA_BR_GROUP_ADDR", _address),
}

PORT_ATTRIBUTES: Mapping[str, Attribute] = {
    "bridge_port.state": Attribute("IFLA_BRPORT_STATE", _STATES.__getitem__),
    "bridge_port.cost": Attribute("IFLA_BRPORT_COST"),
    "bridge_port.priority": Attribute("IFLA_BRPORT_PRIORITY"),
    "bridge_port.hairpin": Attribute("IFLA_BRPORT_MODE"),
    "bridge_port.guard": Attribute("IFLA_BRPORT_GUARD"),
    "bridge_port.protect": Attribute("IFLA_BRPORT_PROTECT"),
    "bridge_port.learning": Attribute("IFLA_BRPORT_LEARNING"),
    "bridge_port.unicast_flood": Attribute("IFLA_BRPORT_UNICAST_FLOOD"),
    "bridge_port.mcast_flood": Attribute("IFLA_BRPORT_MCAST_FLOOD"),
    "bridge_port.bcast_flood": Attribute("IFLA_BRPORT_BCAST_FLOOD"),
    "bridge_port.isolated": Attribute("IFLA_BRPORT_ISOLATED"),
    "bridge_port.neigh_suppress": Attribute("IFLA_BRPORT_NEIGH_SUPPRESS"),
    "bridge_port.fast_leave": Attribute("IFLA_BRPORT_FAST_LEAVE"),
    "bridge_port.locked": Attribute("IFLA_BRPORT_LOCKED"),
    "bridge_port.group_fwd_mask": Attribute("IFLA_BRPORT_GROUP_FWD_MASK", mask_of),
    "bridge_port.mcast_router": Attribute("IFLA_BRPORT_MULTICAST_ROUTER", _ROUTERS.__getitem__),
}


def link_attributes(settings: BridgeSettings) -> dict[str, int]:
    return _attributes(settings.linux, BRIDGE_ATTRIBUTES)


def bridge_port_attributes(settings: PortSettings) -> dict[str, int]:
    return _attributes(settings.bridge_port, PORT_ATTRIBUTES)


def _attributes(group: object, table: Mapping[str, Attribute]) -> dict[str, int]:
    if group is None:
        return {}
    values = ((each, getattr(group, path.partition(".")[2])) for path, each in table.items())
    return {each.name: each.encode(value) for each, value in values if value is not None}
