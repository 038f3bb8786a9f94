"""What a change found on the devices of others that it set up: they are left so once it is undone.

Pure. An MTU and a device's being up are nobody's but its maker's. What they were, no state tells:
it is noted before a change that may have to be undone, kept with what is to be given back, and
given back once no port asks for it and if nobody has changed it since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.columns import Atom, Release
from agent.model import HostState, Port, PortType
from agent.observed import Link, ObservedState
from agent.planner.draft import Draft
from agent.planner.ownership import aliased_id
from agent.planner.plan import SetLink, Stage

CARD_TABLE = "card"
"""Of releases; their value is what was set, and what was found."""
_MTU, _UP = "mtu", "up"
_TYPES = frozenset({PortType.SYSTEM, PortType.BOND})


def found_on_cards(desired: HostState, observed: ObservedState) -> frozenset[Release]:
    """What ``desired`` is going to change of them."""
    return frozenset(
        Release(port.id, CARD_TABLE, name, column, None, (value, found[column]))
        for port, name, link in _cards(desired, observed)
        for found in (_as_found(link),)
        for column, value in _asked_of(port).items()
        if value != found[column]
    )


def is_card_kept(release: Release, desired: HostState, observed: ObservedState) -> bool:
    """Whether it is still as it was set, with no port that asks for it."""
    return _holds(release, observed, desired.fleet_uid) and release.place not in _asked(desired)


def draft_cards_given_back(desired: HostState, observed: ObservedState) -> Iterator[Draft]:
    released = sorted(each for each in desired.released if each.table == CARD_TABLE)
    for each in released:
        if not is_card_kept(each, desired, observed):
            continue
        _, before = each.value
        index = observed.links[each.row].ifindex
        step = SetLink(each.resource, None, each.row, ifindex=index)
        is_mtu = each.column == _MTU
        step = replace(step, mtu=int(before)) if is_mtu else replace(step, up=bool(before))
        frees = f"{each.column} of {each.row}"
        yield Draft(each.resource, frees=frees, mend=Stage(post=(step,)))


def _cards(desired: HostState, observed: ObservedState) -> Iterator[tuple[Port, str, Link]]:
    for port in desired.ports:
        for name in _names(port):
            link = observed.links.get(name)
            if link is not None and not aliased_id(link, desired.fleet_uid):
                yield port, name, link


def _names(port: Port) -> tuple[str, ...]:
    if port.type not in _TYPES:
        return ()
    return port.members or (port.interface,)


def _asked_of(port: Port) -> dict[str, Atom]:
    mtu: dict[str, Atom] = {_MTU: port.mtu} if port.mtu else {}
    return mtu | {_UP: not port.admin_down}


def _asked(desired: HostState) -> frozenset[tuple[str, str]]:
    return frozenset(
        (name, column)
        for port in desired.ports
        for name in _names(port)
        for column in _asked_of(port)
    )


def _as_found(link: Link) -> dict[str, Atom]:
    return {_MTU: link.mtu, _UP: link.up}


def _holds(release: Release, observed: ObservedState, owner: str) -> bool:
    link = observed.links.get(release.row)
    if link is None or aliased_id(link, owner):
        return False
    return _as_found(link).get(release.column) == release.value[0]
