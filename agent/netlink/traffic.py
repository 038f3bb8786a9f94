"""What the kernel does to the traffic of a device: its root qdisc, and policing of what comes in.

Read for single devices, because hardly any are shaped: RTM_GETLINK and RTM_GETTFILTER of
rtnetlink(7). Changes nothing: that is ovs-vswitchd's work.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Container, Mapping

from agent.netlink import wire
from agent.observed import Traffic

_IFLA_QDISC = 6
_RTM_NEWTFILTER, _RTM_GETTFILTER = 44, 46
_FILTER = struct.Struct("=BxxxiIII")
"""struct tcmsg: family, device, handle, parent, info."""
_INGRESS = 0xFFFF0000
"""The handle of the ingress qdisc, under which Open vSwitch puts what polices."""
_TCA_KIND = 1
_POLICING = frozenset({"basic", "matchall"})
"""Classifiers that Open vSwitch polices with, the latter where it offloads."""


def of(devices: Mapping[str, int], policed: Container[str] = ()) -> dict[str, Traffic]:
    """By name, for devices by name and index; what is gone meanwhile is left out.

    Only ``policed`` ones are asked for what polices them.
    """
    return wire.whole(lambda route, strict: _look(route, devices, policed, strict=strict))


def _look(
    route: socket.socket, devices: Mapping[str, int], policed: Container[str], *, strict: bool
) -> dict[str, Traffic]:
    found: dict[str, Traffic] = {}
    for name, index in devices.items():
        try:
            link = wire.attributes(wire.get_link(route, index), wire.LINK.size)
        except OSError:
            continue
        is_policed = name in policed and _is_policed(route, index, strict=strict)
        found[name] = Traffic(wire.text(link, _IFLA_QDISC), is_policed)
    return found


def _is_policed(route: socket.socket, ifindex: int, *, strict: bool) -> bool:
    """A kernel that refuses to say has no classifiers (CONFIG_NET_CLS), and so polices nothing."""
    try:
        kinds = _filters(route, ifindex, strict=strict)
    except OSError:
        return False
    return not kinds.isdisjoint(_POLICING)


def _filters(route: socket.socket, ifindex: int, *, strict: bool) -> set[str]:
    request = _FILTER.pack(socket.AF_UNSPEC, ifindex, 0, _INGRESS, 0)
    answers = wire.dump(route, _RTM_GETTFILTER, _RTM_NEWTFILTER, request, strict=strict)
    return {wire.text(wire.attributes(body, _FILTER.size), _TCA_KIND) for body in answers}
