"""What is remembered of the marks that are to come off again, see ``handing_back``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from agent.columns import Release
from agent.observed import ObservedState
from agent.planner.ownership import aliased_id, owned_id

MARK_TABLE: Final = "mark"
"""That no database has."""


def mark_of(resource: str) -> Release:
    return Release(resource, MARK_TABLE, "", "", None, ())


def handed_back(released: Iterable[Release]) -> frozenset[str]:
    """The resources whose marks come off."""
    return frozenset(each.resource for each in released if each.table == MARK_TABLE)


def still_marked(
    released: Iterable[Release], observed: ObservedState, owner: str
) -> frozenset[Release]:
    marks = frozenset(each for each in released if each.table == MARK_TABLE)
    there = frozenset(_marked(observed, owner)) if marks else frozenset[str]()
    return frozenset(each for each in marks if each.resource in there)


def _marked(observed: ObservedState, owner: str) -> Iterator[str]:
    for bridge in observed.bridges.values():
        yield owned_id(bridge.external_ids, owner)
        for port in bridge.ports:
            yield owned_id(port.external_ids, owner)
    yield from (aliased_id(link, owner) for link in observed.links.values())
