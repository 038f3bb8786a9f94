"""All links and addresses of a namespace, decoded by hand.

pyroute2 decodes every attribute of a link into objects, about two milliseconds each: a host with a
thousand devices would hold up the event loop, heartbeats included, for seconds at every look. Here
only the attributes that the agent decides on are read. Layouts are those of rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections import defaultdict
from collections.abc import Mapping

from agent.model import ADDRESS_MARK, ALIAS_PREFIX, Link, Vxlan
from agent.netlink import quiet
from agent.netlink.wire import LINK, Attributes, attributes, dump, number, text, whole

_ADDRESS = struct.Struct("=BBBBI")

_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_GETADDR = 16, 18, 20, 22
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER = 1, 3, 4, 5, 10
_IFLA_LINKINFO, _IFLA_INFO_KIND, _IFLA_INFO_DATA, _IFLA_IFALIAS = 18, 1, 2, 20
_IFLA_VXLAN_ID, _IFLA_VXLAN_LOCAL, _IFLA_VXLAN_LEARNING = 1, 4, 7
_IFLA_VXLAN_PORT, _IFLA_VXLAN_LOCAL6, _IFLA_VXLAN_COLLECT_METADATA = 15, 17, 25
_IFA_ADDRESS, _IFA_LOCAL, _IFA_PROTO = 1, 2, 11
_OUR_MARK = bytes((ADDRESS_MARK,))
_IFF_UP = 0x1
_STACKING_KINDS = frozenset({"macvlan", "macvtap", "ipvlan", "ipvtap"})

# IFLA_EXT_MASK with RTEXT_FILTER_SKIP_STATS: no statistics, half of the bytes.
_SKIP_STATISTICS = struct.pack("=HHI", 8, 29, 1 << 3)
_LINK_REQUEST = LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + _SKIP_STATISTICS
_ADDRESS_REQUEST = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)

Addresses = Mapping[str, bool]
"""Addresses in CIDR form, and whether they bear our mark."""


def links() -> dict[str, Link]:
    """Every link of the calling thread's namespace by name, with its addresses."""
    return whole(_links)


def addresses(ifindex: int) -> Addresses:
    """The addresses of one device in the calling thread's namespace."""
    return whole(_addresses)[ifindex]


def holders(ifindex: int) -> tuple[str, ...]:
    """Kind and name of what receives a device's frames in its place: its master, its macvlans."""

    def look(route: socket.socket, strict: bool) -> tuple[str, ...]:
        found = _dumped_links(route, strict)
        masters = {number(each, _IFLA_MASTER) for index, _, each in found if index == ifindex}
        return tuple(
            f"{_kind(each)} {text(each, _IFLA_IFNAME)}".lstrip()
            for index, _, each in found
            if index in masters
            or (number(each, _IFLA_LINK) == ifindex and _kind(each) in _STACKING_KINDS)
        )

    return whole(look)


def _links(route: socket.socket, strict: bool) -> dict[str, Link]:
    found = _dumped_links(route, strict)
    given = _addresses(route, strict)
    names = {index: text(each, _IFLA_IFNAME) for index, _, each in found}
    return {
        names[index]: _link(index, flags, each, names, given[index]) for index, flags, each in found
    }


def _dumped_links(route: socket.socket, strict: bool) -> list[tuple[int, int, Attributes]]:
    """Index, flags and attributes of each."""
    return [
        (*LINK.unpack_from(body)[2:4], attributes(body, LINK.size))
        for body in dump(route, _RTM_GETLINK, _RTM_NEWLINK, _LINK_REQUEST, strict=strict)
    ]


def _link(
    index: int, flags: int, found: Attributes, names: dict[int, str], given: Addresses
) -> Link:
    kind, alias = _kind(found), text(found, _IFLA_IFALIAS)
    is_kept_quiet = kind in quiet.KINDS and alias.startswith(f"{ALIAS_PREFIX}:")
    return Link(
        name=names[index],
        ifindex=index,
        kind=kind,
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=number(found, _IFLA_MTU),
        up=bool(flags & _IFF_UP),
        alias=alias,
        master=names.get(number(found, _IFLA_MASTER), ""),
        peer_ifindex=number(found, _IFLA_LINK) if kind == "veth" else 0,
        addresses=frozenset(given),
        owned_addresses=frozenset(cidr for cidr, ours in given.items() if ours),
        vxlan=_vxlan(_info(found).get(_IFLA_INFO_DATA, b"")) if kind == "vxlan" else None,
        quiet=not is_kept_quiet or quiet.is_so(found),
    )


def _info(found: Attributes) -> Attributes:
    return attributes(found.get(_IFLA_LINKINFO, b""), 0)


def _kind(found: Attributes) -> str:
    return text(_info(found), _IFLA_INFO_KIND)


def _vxlan(encoded: bytes) -> Vxlan:
    data = attributes(encoded, 0)
    local = data.get(_IFLA_VXLAN_LOCAL6, data.get(_IFLA_VXLAN_LOCAL))
    return Vxlan(
        vni=number(data, _IFLA_VXLAN_ID),
        local_ip=str(ipaddress.ip_address(local)) if local else "",
        dst_port=int.from_bytes(data.get(_IFLA_VXLAN_PORT, b""), "big"),
        learning=any(data.get(_IFLA_VXLAN_LEARNING, b"")),
        collect_metadata=any(data.get(_IFLA_VXLAN_COLLECT_METADATA, b"")),
    )


def _addresses(route: socket.socket, strict: bool) -> defaultdict[int, dict[str, bool]]:
    found: defaultdict[int, dict[str, bool]] = defaultdict(dict)
    for body in dump(route, _RTM_GETADDR, _RTM_NEWADDR, _ADDRESS_REQUEST, strict=strict):
        family, length, _, _, index = _ADDRESS.unpack_from(body)
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue  # MCTP, Phonet and the like are answered as well
        given = attributes(body, _ADDRESS.size)
        # Where the device has a remote end, IFA_ADDRESS is that one's.
        address = ipaddress.ip_address(given.get(_IFA_LOCAL, given.get(_IFA_ADDRESS, b"")))
        if not (address.version == 6 and address.is_link_local):
            found[index][f"{address}/{length}"] = given.get(_IFA_PROTO) == _OUR_MARK
    return found
