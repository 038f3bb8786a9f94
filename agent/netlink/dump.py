"""All links and addresses of a namespace, decoded by hand.

pyroute2 decodes every attribute of a link into objects, about two milliseconds each: a host with a
thousand devices would hold up the event loop, heartbeats included, for seconds at every look. Here
only the attributes that the agent decides on are read. Layouts are those of rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
import socket
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from agent import vxlan_attributes
from agent.model import ADDRESS_MARK, ALIAS_PREFIX, TapOwner
from agent.netlink import bridge_links, quiet, wire
from agent.netlink.wire import (
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    LINK,
    WITHOUT_STATISTICS,
    Attributes,
    attributes,
    number,
    own_address,
    text,
    whole,
)
from agent.observed import Link, Vxlan

_IFLA_ADDRESS, _IFLA_MTU, _IFLA_LINK, _IFLA_INFO_DATA = 1, 4, 5, 2
_IFLA_VXLAN_ID, _IFLA_VXLAN_LOCAL, _IFLA_VXLAN_LEARNING = 1, 4, 7
_IFLA_VXLAN_PROXY, _IFLA_VXLAN_PORT, _IFLA_VXLAN_LOCAL6, _IFLA_VXLAN_COLLECT_METADATA = (
    11,
    15,
    17,
    25,
)
_IFLA_TUN_OWNER, _IFLA_TUN_GROUP = 1, 2
_IFLA_LINK_NETNSID = 37
_IFA_PROTO = 11
_OUR_MARK = bytes((ADDRESS_MARK,))
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_STACKING_KINDS = frozenset({"macvlan", "macvtap", "ipvlan", "ipvtap"})

Addresses = Mapping[str, bool]
"""Addresses in CIDR form, and whether they bear our mark."""


def links(adoptable: Collection[str] = ()) -> dict[str, Link]:
    """Every link of the calling thread's namespace by name, with its addresses.

    Of those named ``adoptable``, all is read that is read of ours: what takes them over has to know
    in what they differ.
    """
    return whole(partial(_links, adoptable))


def addresses(ifindex: int) -> Addresses:
    """The addresses of one device in the calling thread's namespace."""
    return whole(_addresses)[ifindex]


def holders(ifindex: int) -> tuple[str, ...]:
    """Kind and name of what receives a device's frames in its place: its master, its macvlans."""

    def look(route: socket.socket, strict: bool) -> tuple[str, ...]:
        found = _dumped_links(route, strict)
        masters = {number(each, IFLA_MASTER) for index, _, each in found if index == ifindex}
        return tuple(
            f"{_kind(each)} {text(each, IFLA_IFNAME)}".lstrip()
            for index, _, each in found
            if index in masters
            or (number(each, _IFLA_LINK) == ifindex and _kind(each) in _STACKING_KINDS)
        )

    return whole(look)


def _links(adoptable: Collection[str], route: socket.socket, strict: bool) -> dict[str, Link]:
    found = _dumped_links(route, strict)
    given = _addresses(route, strict)
    names = {index: text(each, IFLA_IFNAME) for index, _, each in found}
    close = {index for index, name in names.items() if name in adoptable}
    bridges = {
        index
        for index, _, each in found
        if bridge_links.is_explicit(each) or (index in close and _kind(each) == "bridge")
    }
    made = (
        (_link(index, flags, each, names, given[index], close=index in close), flags, each)
        for index, flags, each in found
    )
    return {link.name: _with_bridging(link, flags, each, bridges) for link, flags, each in made}


def _with_bridging(link: Link, flags: int, found: Attributes, bridges: set[int]) -> Link:
    """``bridges`` are the explicit ones of ours, and what may become one."""
    if link.kind == "bridge" and link.ifindex in bridges:
        return _explicit_bridge(link, _info(found))
    if number(found, IFLA_MASTER) not in bridges:
        is_segments = link.kind == "vxlan" and bridge_links.is_marked(link.alias, "segment:")
        if not (is_segments and link.master):
            return link
        return replace(link, bridge_port_attributes=bridge_links.of_device(_info(found)))
    cost = bridge_links.own_cost(link.name)
    running = bool(flags & _IFF_RUNNING)
    port = bridge_links.of_port(_info(found), cost, running=running)
    lacks = bridge_links.lacking(_info(found), is_bridge=False)
    return replace(link, bridge_port_attributes=port, own_cost=cost, running=running, lacks=lacks)


def _explicit_bridge(link: Link, info: Attributes) -> Link:
    hidden = bridge_links.hidden(info)
    values = bridge_links.of_bridge(info, hidden)
    lacks = bridge_links.lacking(info, is_bridge=True)
    return replace(link, bridge_attributes=values, hidden=hidden, lacks=lacks)


def _dumped_links(route: socket.socket, strict: bool) -> list[tuple[int, int, Attributes]]:
    """Index, flags and attributes of each."""
    return [
        (*LINK.unpack_from(body)[2:4], attributes(body, LINK.size))
        for body in wire.links(route, WITHOUT_STATISTICS, strict=strict)
    ]


def _link(
    index: int,
    flags: int,
    found: Attributes,
    names: dict[int, str],
    given: Addresses,
    *,
    close: bool,
) -> Link:
    """``close`` is whether it is looked at as if it were ours."""
    kind, alias = _kind(found), text(found, IFLA_IFALIAS)
    is_ours = close or alias.startswith(f"{ALIAS_PREFIX}:")
    is_kept_quiet = is_ours and kind in (*quiet.KINDS, "tun")
    return Link(
        name=names[index],
        ifindex=index,
        kind=kind,
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=number(found, _IFLA_MTU),
        up=bool(flags & _IFF_UP),
        alias=alias,
        master=names.get(number(found, IFLA_MASTER), ""),
        peer_ifindex=number(found, _IFLA_LINK) if kind == "veth" else 0,
        stacked_on=_lower(index, found) if kind in _STACKING_KINDS else 0,
        lower=_lower(index, found) if kind != "veth" else 0,
        tap_owner=_tap_owner(_info(found)) if kind == "tun" else None,
        addresses=frozenset(given),
        owned_addresses=frozenset(cidr for cidr, ours in given.items() if ours),
        vxlan=_vxlan(_info(found).get(_IFLA_INFO_DATA, b"")) if kind == "vxlan" else None,
        quiet=not is_kept_quiet or quiet.is_so(found),
    )


def _info(found: Attributes) -> Attributes:
    return attributes(found.get(IFLA_LINKINFO, b""), 0)


def _kind(found: Attributes) -> str:
    return text(_info(found), IFLA_INFO_KIND)


def _lower(index: int, found: Attributes) -> int:
    """Of what lies upon nothing, IFLA_LINK is missing or leads to itself."""
    lower = number(found, _IFLA_LINK)
    return 0 if _IFLA_LINK_NETNSID in found or lower == index else lower


def _tap_owner(info: Attributes) -> TapOwner | None:
    """What nobody set is not among the attributes; nothing is before Linux 4.17."""
    data = attributes(info.get(_IFLA_INFO_DATA, b""), 0)
    if not data.keys() & {_IFLA_TUN_OWNER, _IFLA_TUN_GROUP}:
        return None
    return TapOwner(
        uid=number(data, _IFLA_TUN_OWNER) if _IFLA_TUN_OWNER in data else None,
        gid=number(data, _IFLA_TUN_GROUP) if _IFLA_TUN_GROUP in data else None,
    )


def _vxlan(encoded: bytes) -> Vxlan:
    data = attributes(encoded, 0)
    local = data.get(_IFLA_VXLAN_LOCAL6, data.get(_IFLA_VXLAN_LOCAL))
    return Vxlan(
        vni=number(data, _IFLA_VXLAN_ID),
        local_ip=str(ipaddress.ip_address(local)) if local else "",
        dst_port=int.from_bytes(data.get(_IFLA_VXLAN_PORT, b""), "big"),
        learning=any(data.get(_IFLA_VXLAN_LEARNING, b"")),
        collect_metadata=any(data.get(_IFLA_VXLAN_COLLECT_METADATA, b"")),
        proxy=any(data.get(_IFLA_VXLAN_PROXY, b"")),
        attributes=vxlan_attributes.decoded(data),
    )


def _addresses(route: socket.socket, strict: bool) -> defaultdict[int, dict[str, bool]]:
    found: defaultdict[int, dict[str, bool]] = defaultdict(dict)
    for family, length, index, given in wire.addresses(route, strict=strict):
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue  # MCTP, Phonet and the like are answered as well
        address = ipaddress.ip_address(own_address(given))
        if not (address.version == 6 and address.is_link_local):
            found[index][f"{address}/{length}"] = given.get(_IFA_PROTO) == _OUR_MARK
    return found
