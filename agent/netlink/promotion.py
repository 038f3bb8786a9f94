"""Keeps a device's other addresses when one is taken from it.

Of the IPv4 addresses that a device has in one network, the kernel calls the first the primary one
and, by default, deletes the others together with it: somebody else's, too. With
``promote_secondaries`` the next one takes its place.
"""

from __future__ import annotations

from agent.netlink import devconf, wire


def enable(ifindex: int) -> None:
    """``sysctl net.ipv4.conf.<device>.promote_secondaries=1`` in the calling thread's namespace."""
    with wire.conversation() as route:
        devconf.set_ipv4(route, ifindex, {devconf.IPV4_PROMOTE_SECONDARIES: 1})
