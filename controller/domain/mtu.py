"""How large a packet fits through a segment or a tunnel. The one place that computes it.

Validation refuses with this what the compiler would otherwise build with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.intent import AddressFamily, SegmentSpec

MIN_MTU = 68
"""The smallest IP MTU that IPv4 allows (RFC 791, 3.2)."""
MIN_IPV6_MTU = 1280
"""The smallest link MTU that IPv6 allows (RFC 8200, 5)."""
MAX_MTU = 65535
DEFAULT_BRIDGE_MTU = 1500
_VLAN_TAG = 4
"""Bytes of an 802.1Q tag, which a tunnel that carries all VLANs has inside."""


def effective_mtu(segment: SegmentSpec, underlay_mtus: Iterable[int]) -> int:
    """Return the IP MTU of everything on a segment, given the underlay MTU of its members."""
    if segment.mtu is not None:
        return segment.mtu
    narrowest = min(underlay_mtus, default=DEFAULT_BRIDGE_MTU)
    return max(narrowest - segment.address_family.vxlan_overhead, MIN_MTU)


def tunnel_mtu(family: AddressFamily, tag: int | None, underlay_mtus: Iterable[int]) -> int:
    """Return the largest IP MTU that fits through an explicit tunnel from an end with this tag."""
    narrowest = min(underlay_mtus, default=DEFAULT_BRIDGE_MTU)
    return narrowest - family.vxlan_overhead - (_VLAN_TAG if tag is None else 0)
