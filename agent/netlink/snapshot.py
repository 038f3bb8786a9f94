"""What devices there are: links with their addresses, here and in the namespaces that matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from agent.bridge_attributes import FILTERING
from agent.fragments import Neighbour
from agent.model import ALIAS_PREFIX
from agent.netlink import bridge_vlans, dump, fdb, neighbours, netns, routes, traffic
from agent.observed import FdbEntry, Link, Traffic

_NEIGH_SUPPRESS = "IFLA_BRPORT_NEIGH_SUPPRESS"
Tables = Mapping[int, frozenset[FdbEntry]]
"""Forwarding entries by the index of the device."""


@dataclass(frozen=True, slots=True)
class NetlinkSnapshot:
    """``peers`` has those of the asked devices that exist; ``namespaces`` every named one.

    ``unreadable`` names those that could not be looked into, and why: what is in them is not known.
    ``fdb`` has the forwarding entries of our vxlan devices, ``neighbours`` what is ours of those of
    all devices of segments, by name, ``learned`` what bridges know better (``ObservedState``).
    """

    links: Mapping[str, Link]
    peers: Mapping[tuple[str, str], Link]
    namespaces: frozenset[str]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    fdb: Mapping[str, frozenset[FdbEntry]] = field(default_factory=dict)
    neighbours: Mapping[str, frozenset[Neighbour]] = field(default_factory=dict)
    learned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    ways: routes.Ways = field(default_factory=dict)
    is_way_known: bool = True


def take(
    peers: Collection[tuple[str, str]],
    known: Tables | None = None,
    shaped: Mapping[str, bool] | None = None,
    destinations: frozenset[str] = frozenset(),
    adoptable: Collection[str] = (),
) -> NetlinkSnapshot:
    """``known`` are tables that are not read again, by the index of their device; of ``shaped``
    devices the traffic is looked at, and what polices it where that is true; of ``destinations``
    the ways that lead there. The ``adoptable`` are looked at as if they were ours.
    """
    namespaces = netns.existing()
    asked: dict[str, set[str]] = defaultdict(set)
    for name, interface in peers:
        asked[name].add(interface)
    found: dict[tuple[str, str], Link] = {}
    unreadable: dict[str, str] = {}
    for name in sorted(asked.keys() & namespaces):
        try:
            inside = _links_of(name)
        except OSError as error:
            unreadable[name] = error.strerror or str(error)
        else:
            found |= {(name, device): inside[device] for device in asked[name] & inside.keys()}
    links = _with_vlans(dump.links(adoptable))
    fdb_found = _forwarding(links, known or {})
    return NetlinkSnapshot(
        links,
        found,
        namespaces,
        unreadable,
        fdb_found,
        _neighbours(links, fdb_found),
        _learned(links, fdb_found),
        _traffic(links, shaped or {}),
        routes.ways_to(destinations, {link.ifindex: link.name for link in links.values()}),
    )


def _traffic(links: Mapping[str, Link], shaped: Mapping[str, bool]) -> dict[str, Traffic]:
    policed = {name for name, is_policed in shaped.items() if is_policed}
    return traffic.of({name: links[name].ifindex for name in shaped if name in links}, policed)


def _with_vlans(links: dict[str, Link]) -> dict[str, Link]:
    """Only what is in bridges of ours that filter VLANs is looked at for them."""
    filtering = {name for name, link in links.items() if link.bridge_attributes.get(FILTERING)}
    if not filtering:
        return links
    ports = {link.ifindex: link for link in links.values() if link.master in filtering}
    found = bridge_vlans.read(ports).items()
    return links | {ports[index].name: replace(ports[index], vlans=each) for index, each in found}


def our_vxlans(links: Mapping[str, Link]) -> dict[str, int]:
    """Names and indices of the vxlan devices that bear our mark."""
    return {
        link.name: link.ifindex
        for link in links.values()
        if link.kind == "vxlan" and link.alias.startswith(f"{ALIAS_PREFIX}:")
    }


def _forwarding(links: Mapping[str, Link], known: Tables) -> dict[str, frozenset[FdbEntry]]:
    return {
        name: known[index] if index in known else fdb.entries(index)
        for name, index in our_vxlans(links).items()
    }


def _neighbours(
    links: Mapping[str, Link], vxlans: Collection[str]
) -> dict[str, frozenset[Neighbour]]:
    """Of our vxlan devices and the bridges they are in: nobody tells when those change."""
    names = {name for each in vxlans for name in (each, links[each].master)} & links.keys()
    found = neighbours.entries({links[name].ifindex for name in names}) if names else {}
    return {name: found[links[name].ifindex] for name in names if links[name].ifindex in found}


def _learned(
    links: Mapping[str, Link], vxlans: Mapping[str, frozenset[FdbEntry]]
) -> dict[str, frozenset[str]]:
    """Of devices whose bridge answers ARP for what is behind them: no other bridge is told."""
    suppressing = (
        links[name] for name in vxlans if links[name].bridge_port_attributes.get(_NEIGH_SUPPRESS)
    )
    found = {
        link.name: fdb.behind_others(links[link.master].ifindex, link.ifindex)
        for link in suppressing
        if link.master in links
    }
    return {name: macs for name, macs in found.items() if macs}


def _links_of(namespace: str) -> dict[str, Link]:
    try:
        return netns.call_in(namespace, dump.links)
    except netns.NamespaceMissingError:
        return {}  # it went away since it was listed
