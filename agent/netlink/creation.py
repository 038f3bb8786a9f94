"""The messages that make a device of ours: creation and mark in one buffer.

The kernel handles a buffer to its end whatever becomes of us, so that no device of ours is ever
without its mark. It takes no alias at creation, and handles the second message also when it
refused the first. The mark therefore goes to an index that we chose at random for the new device:
where nothing was created, nothing has that index, and no foreign device can receive our mark.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_NEWLINK, RTM_SETLINK
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from agent.observed import Vxlan
from agent.planner.plan import CreateLinuxBridge, CreateVeth, CreateVxlan, SetVxlan
from agent.vxlan_attributes import LABEL, PORT_RANGE, VXLAN

Attrs = Sequence[tuple[str, Any]]


def veth(step: CreateVeth, namespace: int) -> list[Any]:
    """``namespace`` is a descriptor of the one that the peer is for."""
    peer: list[tuple[str, Any]] = [
        ("IFLA_IFNAME", step.peer_name),
        ("IFLA_MTU", step.mtu),
        ("IFLA_NET_NS_FD", namespace),
    ]
    if step.peer_mac:
        peer.append(("IFLA_ADDRESS", step.peer_mac))
    return _messages(step, [], "veth", [("VETH_INFO_PEER", {"attrs": peer})])


def vxlan(step: CreateVxlan) -> list[Any]:
    address = [("IFLA_ADDRESS", step.mac)]
    return _messages(step, address, "vxlan", _vxlan_data(step.vxlan))


def linux_bridge(step: CreateLinuxBridge) -> list[Any]:
    return _messages(step, [("IFLA_ADDRESS", step.mac)], "bridge", [])


def _vxlan_data(wanted: Vxlan) -> Attrs:
    common = [
        ("IFLA_VXLAN_ID", wanted.vni),
        ("IFLA_VXLAN_PORT", wanted.dst_port),
        ("IFLA_VXLAN_LEARNING", int(wanted.learning)),
        ("IFLA_VXLAN_PROXY", int(wanted.proxy)),
        *_attributes(wanted.attributes),
    ]
    if ipaddress.ip_address(wanted.local_ip).version == 4:
        return [*common, ("IFLA_VXLAN_LOCAL", wanted.local_ip)]
    # What Open vSwitch sends over IPv6 may have no checksum. Over IPv4 the flag means nothing but
    # that a UDP port cannot be shared with devices that do not have it.
    return [*common, ("IFLA_VXLAN_LOCAL6", wanted.local_ip), ("IFLA_VXLAN_UDP_ZERO_CSUM6_RX", 1)]


def _attributes(wanted: Mapping[str, int]) -> Attrs:
    """In pyroute2's words, which has the flow label in the byte order of the host."""
    words = {
        PORT_RANGE: lambda both: {"low": both >> 16, "high": both & 0xFFFF},
        LABEL: socket.htonl,
    }
    return [
        (name, words[name](value) if name in words else value)
        for name, value in wanted.items()
        if VXLAN[name].size or value
    ]


def reshaping(step: SetVxlan, index: int) -> list[Any]:
    """The message that changes a device that is there."""
    local = "IFLA_VXLAN_LOCAL6" if ":" in step.local_ip else "IFLA_VXLAN_LOCAL"
    address = [(local, step.local_ip)] if step.local_ip else []
    data = [*_attributes(step.attributes), *address]
    info = [("IFLA_INFO_KIND", "vxlan"), ("IFLA_INFO_DATA", {"attrs": data})]
    return [_message(index, RTM_NEWLINK, NLM_F_ACK, [("IFLA_LINKINFO", {"attrs": info})])]


def _messages(
    step: CreateVeth | CreateVxlan | CreateLinuxBridge, own: Attrs, kind: str, data: Attrs
) -> list[Any]:
    index = 2**24 + secrets.randbelow(2**30)
    info = [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": list(data)})]
    create = _message(
        index,
        RTM_NEWLINK,
        NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
        [
            ("IFLA_IFNAME", step.name),
            ("IFLA_MTU", step.mtu),
            *own,
            ("IFLA_LINKINFO", {"attrs": info}),
        ],
    )
    mark = _message(index, RTM_SETLINK, NLM_F_ACK, [("IFLA_IFALIAS", step.alias)])
    return [create, mark]


def _message(index: int, kind: int, flags: int, attrs: Attrs) -> Any:
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = list(attrs)
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST | flags
    return message
