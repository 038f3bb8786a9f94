"""What devices there are: links with their addresses, here and in the namespaces that matter."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink import NLM_F_DUMP_INTR
from pyroute2.netlink.rtnl.ifinfmsg import IFF_UP

from agent.model import Link
from agent.netlink import netns
from agent.netlink.session import Rtnl, rtnl

_ATTEMPTS = 10
"""A dump that something changed under is read again; a host that never rests still gets one."""


@dataclass(frozen=True, slots=True)
class NetlinkSnapshot:
    """``peers`` has those of the asked devices that exist; ``namespaces`` every named one."""

    links: Mapping[str, Link]
    peers: Mapping[tuple[str, str], Link]
    namespaces: frozenset[str]


async def take(peers: Collection[tuple[str, str]]) -> NetlinkSnapshot:
    namespaces = netns.existing()
    asked: dict[str, set[str]] = defaultdict(set)
    for name, interface in peers:
        asked[name].add(interface)
    found: dict[tuple[str, str], Link] = {}
    for name in sorted(asked.keys() & namespaces):
        inside = await _links_of(name)
        found |= {(name, device): inside[device] for device in asked[name] & inside.keys()}
    async with rtnl(None) as route:
        return NetlinkSnapshot(await dump(route), found, namespaces)


async def _links_of(namespace: str) -> dict[str, Link]:
    try:
        async with rtnl(namespace) as route:
            return await dump(route)
    except netns.NamespaceMissingError:
        return {}  # it went away since it was listed


async def dump(route: Rtnl) -> dict[str, Link]:
    """Every link of the namespace by name."""
    for _ in range(_ATTEMPTS):
        links, interrupted = await _collect(await route.link("dump"))
        addresses, interrupted_too = await _collect(await route.addr("dump"))
        if not interrupted and not interrupted_too:
            break
    by_index: dict[int, set[str]] = defaultdict(set)
    for message in addresses:
        if cidr := _cidr(message):
            by_index[message["index"]].add(cidr)
    names = {message["index"]: message.get("ifname") for message in links}
    return {
        name: freeze(message, names, frozenset(by_index[message["index"]]))
        for message in links
        if (name := names[message["index"]])
    }


async def _collect(response: Any) -> tuple[list[Any], bool]:
    messages = [message async for message in response]
    return messages, any(m["header"]["flags"] & NLM_F_DUMP_INTR for m in messages)


def freeze(message: Any, names: Mapping[int, str], addresses: frozenset[str]) -> Link:
    kind = message.get(("linkinfo", "kind")) or ""
    return Link(
        name=message.get("ifname"),
        ifindex=message["index"],
        kind=kind,
        mac=message.get("address") or "",
        mtu=message.get("mtu") or 0,
        up=bool(message["flags"] & IFF_UP),
        alias=message.get("ifalias") or "",
        master=names.get(message.get("master") or 0, ""),
        peer_ifindex=(message.get("link") or 0) if kind == "veth" else 0,
        addresses=addresses,
    )


def _cidr(message: Any) -> str | None:
    """The address of the device itself (IFA_LOCAL where it has a remote end)."""
    text = message.get("local") or message.get("address")
    if text is None:
        return None
    address = ipaddress.ip_address(text)
    if address.version == 6 and address.is_link_local:
        return None
    return f"{address}/{message['prefixlen']}"
