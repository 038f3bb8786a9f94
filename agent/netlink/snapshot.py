"""What devices there are: links with their addresses, here and in the namespaces that matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from agent.bridge_attributes import FILTERING
from agent.model import ALIAS_PREFIX, FdbEntry, Link, Neighbour
from agent.netlink import bridge_vlans, dump, fdb, neighbours, netns


@dataclass(frozen=True, slots=True)
class Table:
    """What a device of ours was told: where MAC addresses are, and who has which IP address."""

    fdb: frozenset[FdbEntry] = frozenset()
    neighbours: frozenset[Neighbour] = frozenset()


Tables = Mapping[int, Table]
"""By the index of the device."""


@dataclass(frozen=True, slots=True)
class NetlinkSnapshot:
    """``peers`` has those of the asked devices that exist; ``namespaces`` every named one.

    ``unreadable`` names those that could not be looked into, and why: what is in them is not known.
    ``fdb`` has the forwarding entries of our vxlan devices, ``neighbours`` what is ours of those of
    all devices of segments, by name.
    """

    links: Mapping[str, Link]
    peers: Mapping[tuple[str, str], Link]
    namespaces: frozenset[str]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    fdb: Mapping[str, frozenset[FdbEntry]] = field(default_factory=dict)
    neighbours: Mapping[str, frozenset[Neighbour]] = field(default_factory=dict)


def take(peers: Collection[tuple[str, str]], known: Tables | None = None) -> NetlinkSnapshot:
    """``known`` are tables that are not read again, by the index of their device."""
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
    links = _with_vlans(dump.links())
    told = {link.name: _table(link, known or {}) for link in _devices(links)}
    return NetlinkSnapshot(
        links,
        found,
        namespaces,
        unreadable,
        fdb={name: each.fdb for name, each in told.items() if links[name].kind == "vxlan"},
        neighbours={name: each.neighbours for name, each in told.items() if each.neighbours},
    )


def tables(seen: NetlinkSnapshot) -> Tables:
    """By index, what was read or is still known of each device that has a table."""
    nothing = Table()
    return {
        link.ifindex: Table(
            seen.fdb.get(link.name, nothing.fdb),
            seen.neighbours.get(link.name, nothing.neighbours),
        )
        for link in _devices(seen.links)
    }


def _with_vlans(links: dict[str, Link]) -> dict[str, Link]:
    """Only what is in bridges of ours that filter VLANs is looked at for them."""
    filtering = {name for name, link in links.items() if link.bridge_attributes.get(FILTERING)}
    if not filtering:
        return links
    ports = {link.ifindex: link for link in links.values() if link.master in filtering}
    found = bridge_vlans.read(ports).items()
    return links | {ports[index].name: replace(ports[index], vlans=each) for index, each in found}


def _devices(links: Mapping[str, Link]) -> list[Link]:
    """The devices of segments that bear our mark."""
    return [
        link
        for link in links.values()
        if link.kind in ("vxlan", "bridge") and link.alias.startswith(f"{ALIAS_PREFIX}:")
    ]


def _table(link: Link, known: Tables) -> Table:
    if link.ifindex in known:
        return known[link.ifindex]
    table = fdb.entries(link.ifindex) if link.kind == "vxlan" else frozenset[FdbEntry]()
    return Table(table, neighbours.entries(link.ifindex))


def _links_of(namespace: str) -> dict[str, Link]:
    try:
        return netns.call_in(namespace, dump.links)
    except netns.NamespaceMissingError:
        return {}  # it went away since it was listed
