"""Keeps the host's own IP stack off the devices that carry a segment.

What the kernel forwards for tenants also reaches the host itself: by default it answers ARP for all
of its addresses on every device, takes packets for them wherever they come in, and lets any Router
Advertisement give it addresses and a default route. That holds for a bridge, for what comes out of
a tunnel, and for the ports of a bridge: what that must not forward (IEEE 802.1D, 7.12.6) it leaves
to the port's own stack, whatever is in it. IPv6 can be turned off through /proc/sys only, which
shows the namespace of the calling thread. Holds no state.
"""

from __future__ import annotations

from pathlib import Path

from agent.netlink import devconf, wire

KINDS = frozenset({"vxlan", "bridge", "veth"})
"""Of the devices of ours that the host has no business on."""

_ANSWER_NO_ARP = 8
_FROM_WHERE_REPLIES_GO = 1
_QUIET_IPV4 = {
    devconf.IPV4_ARP_IGNORE: _ANSWER_NO_ARP,
    devconf.IPV4_RP_FILTER: _FROM_WHERE_REPLIES_GO,
}


class RefusedError(Exception):
    """The host cannot be kept off a device; the message says what could not be written."""


def is_so(link: wire.Attributes) -> bool:
    """Whether the host stays out of IP on the device."""
    return _ipv4_is_quiet(devconf.ipv4(link)) and _ipv6_is_quiet(devconf.ipv6(link))


def _ipv4_is_quiet(settings: devconf.Settings) -> bool:
    # A device without addresses is where no reply goes to, so that any filter will do.
    return not settings or (
        settings[devconf.IPV4_ARP_IGNORE] == _ANSWER_NO_ARP
        and settings[devconf.IPV4_RP_FILTER] != 0
    )


def _ipv6_is_quiet(settings: devconf.Settings) -> bool:
    return not settings or settings[devconf.IPV6_DISABLE] != 0


def make(ifindex: int) -> int:
    """Take the host's IP stack off a device in the calling thread's namespace; count the writes."""
    writes = 0
    with wire.conversation() as route:
        link = wire.attributes(wire.get_link(route, ifindex), wire.LINK.size)
        if not _ipv4_is_quiet(devconf.ipv4(link)):
            devconf.set_ipv4(route, ifindex, _QUIET_IPV4)
            writes += 1
    if not _ipv6_is_quiet(devconf.ipv6(link)):
        _disable_ipv6(wire.text(link, wire.IFLA_IFNAME))
        writes += 1
    return writes


def _disable_ipv6(name: str) -> None:
    setting = Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
    try:
        setting.write_text("1")
    except OSError as error:
        raise RefusedError(f"cannot write 1 to {setting}: {error.strerror}") from error
