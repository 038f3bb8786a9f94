"""Whose something is that is not ours, in words: what its maker left on it tells him.

Hypervisors, OVN, NetworkManager and container runtimes write external_ids on what they plug in, and
people give devices an alias. For people to read alone: nothing is decided by it but whether a mark
of the kind that we leave ourselves is there.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.model import ALIAS_PREFIX, BOUND_KEY, OWNER_KEY
from agent.observed import Link, ObservedState, OvsPort

_MOST_KEYS = 3
_LONGEST = 64
"""Characters of a value that somebody else wrote."""


def is_marked(link: Link) -> bool:
    """Whether a fleet's mark is on the device, ours or another's."""
    return link.alias.startswith(f"{ALIAS_PREFIX}:")


def owner_of_row(external_ids: Mapping[str, str]) -> str:
    """Of a row that is not ours."""
    if fleet := _fleet(external_ids):
        return f"belongs to fleet {fleet}"
    keys = sorted(external_ids)
    told = ", ".join(f"{key}={_short(external_ids[key])}" for key in keys[:_MOST_KEYS])
    return f"is not ours (external_ids {told})" if told else "is not ours"


def ids_of_port(port: OvsPort) -> Mapping[str, str]:
    """Hypervisors leave theirs on the interfaces."""
    of_interfaces = (each.external_ids.items() for each in port.interfaces)
    return {key: value for items in of_interfaces for key, value in items} | {**port.external_ids}


def owner_of_port(port: OvsPort) -> str:
    return owner_of_row(ids_of_port(port))


def link_words(link: Link) -> str:
    """A device that is not ours, by its kind and name, and whose it is."""
    return f"{link.kind or 'device'} {link.name}, which {owner_of_link(link)}"


def owner_of_link(link: Link) -> str:
    """Of a device that is not ours."""
    if is_marked(link):
        return f"belongs to fleet {link.alias.split(':')[1]}"
    known = [f"alias {_short(link.alias)!r}"] if link.alias else []
    known += [f"in {link.master}"] if link.master else []
    return f"is not ours ({', '.join(known)})" if known else "is not ours"


def fleets_here(observed: ObservedState) -> frozenset[str]:
    """The fleets that left a mark on the host."""
    marks = [bridge.external_ids for bridge in observed.bridges.values()]
    marks += [port.external_ids for bridge in observed.bridges.values() for port in bridge.ports]
    of_rows = {_fleet(each) for each in marks}
    of_links = {each.alias.split(":")[1] for each in observed.links.values() if is_marked(each)}
    return frozenset((of_rows | of_links) - {""})


def _fleet(external_ids: Mapping[str, str]) -> str:
    bound = external_ids.get(BOUND_KEY, "").partition("/")[0]
    return external_ids.get(OWNER_KEY, "") or bound


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
