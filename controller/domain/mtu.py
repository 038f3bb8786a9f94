"""How large a packet fits through a segment. The one place that computes it.

Validation refuses with this what the compiler would otherwise build with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.intent import SegmentSpec

MIN_MTU = 68
"""The smallest IP MTU that IPv4 allows (RFC 791, 3.2)."""
MIN_IPV6_MTU = 1280
"""The smallest link MTU that IPv6 allows (RFC 8200, 5)."""
MAX_MTU = 65535
DEFAULT_BRIDGE_MTU = 1500


def effective_mtu(segment: SegmentSpec, underlay_mtus: Iterable[int]) -> int:
    """Return the IP MTU of everything on a segment, given the underlay MTU of its members."""
    if segment.mtu is not None:
        return segment.mtu
    narrowest = min(underlay_mtus, default=DEFAULT_BRIDGE_MTU)
    return max(narrowest - segment.address_family.vxlan_overhead, MIN_MTU)
