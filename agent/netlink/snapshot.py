"""What devices there are: links with their addresses, here and in the namespaces that matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from agent.model import Link
from agent.netlink import dump, netns


@dataclass(frozen=True, slots=True)
class NetlinkSnapshot:
    """``peers`` has those of the asked devices that exist; ``namespaces`` every named one.

    ``unreadable`` names those that could not be looked into, and why: what is in them is not known.
    """

    links: Mapping[str, Link]
    peers: Mapping[tuple[str, str], Link]
    namespaces: frozenset[str]
    unreadable: Mapping[str, str] = field(default_factory=dict)


def take(peers: Collection[tuple[str, str]]) -> NetlinkSnapshot:
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
    return NetlinkSnapshot(dump.links(), found, namespaces, unreadable)


def _links_of(namespace: str) -> dict[str, Link]:
    try:
        return netns.call_in(namespace, dump.links)
    except netns.NamespaceMissingError:
        return {}  # it went away since it was listed
