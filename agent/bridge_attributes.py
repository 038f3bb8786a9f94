"""The attributes of Linux bridges and of their ports that intent may set: if_link.h, in one place.

Numbers and sizes are those of the kernel's user interface, defaults those that a bridge or a port
has when it is made (br_dev_setup, br_multicast_init, br_vlan_init and new_nbp of net/bridge). Pure
values; holds no state.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

FILTERING: Final = "IFLA_BR_VLAN_FILTERING"
DEFAULT_PVID: Final = "IFLA_BR_VLAN_DEFAULT_PVID"
STATE: Final = "IFLA_BRPORT_STATE"
"""Lost whenever the port loses its carrier, and not to be set on a port without one."""
COST: Final = "IFLA_BRPORT_COST"
"""Its default is ``Link.own_cost``: it follows the speed of the device."""
ROOTS_TIMERS: Final = frozenset({"IFLA_BR_FORWARD_DELAY", "IFLA_BR_HELLO_TIME", "IFLA_BR_MAX_AGE"})
"""A bridge that is not the root of its spanning tree goes by the root's, and the kernel tells those
instead of its own: what it was told shows, and matters, once it is the root itself."""
AGEING: Final = "IFLA_BR_AGEING_TIME"
"""Shortened by the kernel for as long as the spanning tree changes, and told so then."""


@dataclass(frozen=True, slots=True)
class Attribute:
    number: int
    size: int = 1
    default: int = 0
    order: Literal["little", "big"] = sys.byteorder
    slack: int = 0
    """How far from what was set it may read: the kernel counts intervals in ticks of its own."""
    least: int = 0
    """What the kernel takes for anything less."""

    def accepts(self, value: int) -> bool:
        return 0 <= value < 1 << (8 * self.size)

    def encode(self, value: int) -> bytes:
        return value.to_bytes(self.size, self.order)

    def decode(self, content: bytes) -> int:
        return int.from_bytes(content[: self.size], self.order)

    def is_same(self, wanted: int, read: int) -> bool:
        """Whether setting ``wanted`` would not change what is read; older kernels know no least."""
        return min(abs(each - read) for each in (wanted, max(wanted, self.least))) <= self.slack

    def is_default(self, value: int) -> bool:
        return self.is_same(self.default, value)


@dataclass(frozen=True, slots=True, order=True)
class BridgeVlan:
    """A VLAN that a port of a Linux bridge is in (struct bridge_vlan_info)."""

    vid: int
    pvid: bool = False
    """What comes in without a tag belongs to it."""
    untagged: bool = False
    """What goes out of it has no tag."""

    def __str__(self) -> str:
        words = [*(["pvid"] if self.pvid else []), *(["untagged"] if self.untagged else [])]
        return " ".join((str(self.vid), *words))


def _interval(number: int, size: int, default: int, least: int = 0) -> Attribute:
    """In hundredths of a second; with 250 ticks in one, 201 reads 200."""
    return Attribute(number, size, default, slack=1, least=least)


BRIDGE: Final[Mapping[str, Attribute]] = {
    "IFLA_BR_FORWARD_DELAY": _interval(1, 4, 1500),
    "IFLA_BR_HELLO_TIME": _interval(2, 4, 200),
    "IFLA_BR_MAX_AGE": _interval(3, 4, 2000),
    "IFLA_BR_AGEING_TIME": _interval(4, 4, 30000),
    "IFLA_BR_STP_STATE": Attribute(5, 4),
    "IFLA_BR_PRIORITY": Attribute(6, 2, 0x8000),
    FILTERING: Attribute(7),
    "IFLA_BR_VLAN_PROTOCOL": Attribute(8, 2, 0x8100, "big"),
    "IFLA_BR_GROUP_FWD_MASK": Attribute(9, 2),
    "IFLA_BR_GROUP_ADDR": Attribute(20, 6, 0x0180C2000000, "big"),
    "IFLA_BR_MCAST_ROUTER": Attribute(22, 1, 1),
    "IFLA_BR_MCAST_SNOOPING": Attribute(23, 1, 1),
    "IFLA_BR_MCAST_QUERY_USE_IFADDR": Attribute(24),
    "IFLA_BR_MCAST_QUERIER": Attribute(25),
    "IFLA_BR_MCAST_HASH_MAX": Attribute(27, 4, 4096),
    "IFLA_BR_MCAST_LAST_MEMBER_CNT": Attribute(28, 4, 2),
    "IFLA_BR_MCAST_STARTUP_QUERY_CNT": Attribute(29, 4, 2),
    "IFLA_BR_MCAST_LAST_MEMBER_INTVL": _interval(30, 8, 100),
    "IFLA_BR_MCAST_MEMBERSHIP_INTVL": _interval(31, 8, 26000),
    "IFLA_BR_MCAST_QUERIER_INTVL": _interval(32, 8, 25500),
    "IFLA_BR_MCAST_QUERY_INTVL": _interval(33, 8, 12500, 100),
    "IFLA_BR_MCAST_QUERY_RESPONSE_INTVL": _interval(34, 8, 1000),
    "IFLA_BR_MCAST_STARTUP_QUERY_INTVL": _interval(35, 8, 3125, 100),
    "IFLA_BR_NF_CALL_IPTABLES": Attribute(36),
    "IFLA_BR_NF_CALL_IP6TABLES": Attribute(37),
    "IFLA_BR_NF_CALL_ARPTABLES": Attribute(38),
    DEFAULT_PVID: Attribute(39, 2, 1),
    "IFLA_BR_VLAN_STATS_ENABLED": Attribute(41),
    "IFLA_BR_MCAST_STATS_ENABLED": Attribute(42),
    "IFLA_BR_MCAST_IGMP_VERSION": Attribute(43, 1, 2),
    "IFLA_BR_MCAST_MLD_VERSION": Attribute(44, 1, 1),
}

PORT: Final[Mapping[str, Attribute]] = {
    STATE: Attribute(1, 1, 3),
    "IFLA_BRPORT_PRIORITY": Attribute(2, 2, 32),
    COST: Attribute(3, 4, 100),
    "IFLA_BRPORT_MODE": Attribute(4),
    "IFLA_BRPORT_GUARD": Attribute(5),
    "IFLA_BRPORT_PROTECT": Attribute(6),
    "IFLA_BRPORT_FAST_LEAVE": Attribute(7),
    "IFLA_BRPORT_LEARNING": Attribute(8, 1, 1),
    "IFLA_BRPORT_UNICAST_FLOOD": Attribute(9, 1, 1),
    "IFLA_BRPORT_MULTICAST_ROUTER": Attribute(25, 1, 1),
    "IFLA_BRPORT_MCAST_FLOOD": Attribute(27, 1, 1),
    "IFLA_BRPORT_BCAST_FLOOD": Attribute(30, 1, 1),
    "IFLA_BRPORT_GROUP_FWD_MASK": Attribute(31, 2),
    "IFLA_BRPORT_NEIGH_SUPPRESS": Attribute(32),
    "IFLA_BRPORT_ISOLATED": Attribute(33),
    "IFLA_BRPORT_LOCKED": Attribute(39),
}
