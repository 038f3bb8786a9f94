"""Neighbour tables of the in-memory kernel: who has an address, and whether the entry is ours."""

from __future__ import annotations

from collections.abc import Mapping

from agent.fragments import Neighbour
from agent.planner.plan import AddNeighbours, DeleteNeighbours


class KnownAddresses:
    """By ifindex; an address has one entry, and somebody else's stays."""

    def __init__(self, ours: Mapping[int, frozenset[Neighbour]]) -> None:
        self._tables = {
            index: {each.ip: (each.mac, True) for each in entries}
            for index, entries in ours.items()
        }

    def ours(self, ifindex: int) -> frozenset[Neighbour]:
        table = self._tables.get(ifindex, {})
        return frozenset(Neighbour(ip, mac) for ip, (mac, is_ours) in table.items() if is_ours)

    def learn(self, ifindex: int, theirs: Neighbour) -> None:
        """By hand, with ``ip neigh add``."""
        self._tables.setdefault(ifindex, {})[theirs.ip] = (theirs.mac, False)

    def forget(self, ifindex: int) -> None:
        self._tables.pop(ifindex, None)

    def change(self, ifindex: int, step: AddNeighbours | DeleteNeighbours) -> set[str]:
        """All that can be; the addresses that somebody else has an entry for."""
        table = self._tables.setdefault(ifindex, {})
        if isinstance(step, DeleteNeighbours):
            for each in step.entries:
                if table.get(each.ip) == (each.mac, True):
                    del table[each.ip]
            return set()
        taken = {each.ip for each in step.entries if not table.get(each.ip, ("", True))[1]}
        table |= {each.ip: (each.mac, True) for each in step.entries if each.ip not in taken}
        return taken
