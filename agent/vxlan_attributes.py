"""The attributes of kernel vxlan devices that intent may set: if_link.h, in one place.

Defaults are those of a device that is made without a word of them (vxlan_nl2conf of
drivers/net/vxlan). Which of them a living device lets change was found by trying (Linux 6.18, and
its vxlan_changelink): for the others a device has to be made anew. Pure values; holds no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.bridge_attributes import Attribute

TTL: Final = "IFLA_VXLAN_TTL"
TOS: Final = "IFLA_VXLAN_TOS"
DF: Final = "IFLA_VXLAN_DF"
LABEL: Final = "IFLA_VXLAN_LABEL"
UDP_CSUM: Final = "IFLA_VXLAN_UDP_CSUM"
UDP_ZERO_CSUM6_TX: Final = "IFLA_VXLAN_UDP_ZERO_CSUM6_TX"
TTL_INHERIT: Final = "IFLA_VXLAN_TTL_INHERIT"
GBP: Final = "IFLA_VXLAN_GBP"
PORT_RANGE: Final = "IFLA_VXLAN_PORT_RANGE"
"""Lowest and highest port, as one number of two 16 bit halves."""

LIVE: Final[Mapping[str, Attribute]] = {
    TTL: Attribute(5),
    TOS: Attribute(6),
    DF: Attribute(29),
    LABEL: Attribute(26, 4, 0, "big"),
}
FIXED: Final[Mapping[str, Attribute]] = {
    PORT_RANGE: Attribute(10, 4, 0, "big"),
    UDP_CSUM: Attribute(18, 1, 1),
    UDP_ZERO_CSUM6_TX: Attribute(19),
    GBP: Attribute(23, 0),
    TTL_INHERIT: Attribute(28, 0),
}
"""Those of size 0 are flags: to be there is to be set."""
VXLAN: Final[Mapping[str, Attribute]] = {**LIVE, **FIXED}


def decoded(found: Mapping[int, bytes]) -> dict[str, int]:
    """Those that are not at their default."""
    values = {
        name: _value(each, found[each.number])
        for name, each in VXLAN.items()
        if each.number in found
    }
    return {name: value for name, value in values.items() if value != VXLAN[name].default}


def _value(attribute: Attribute, content: bytes) -> int:
    """The kernel tells of flags in a byte, or by their being there."""
    if attribute.size:
        return attribute.decode(content)
    return int(not content or any(content))
