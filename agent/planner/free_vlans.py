"""VLANs for what must be in nobody's: guests that are let go of, tunnels that are cut off."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from agent.model import HostState
from agent.observed import OvsPort
from agent.planner.inventory import Inventory, PlacedPort

_VLANS = range(4094, 0, -1)
"""4095 is no way out: Open vSwitch forwards in it as in any other, and to every trunk."""


class FreeVlans:
    """The VLANs that nobody on a bridge has and nobody is to have, from the highest down.

    What is desired anywhere on the host is left out everywhere: there are enough.
    """

    def __init__(self, desired: HostState) -> None:
        self._tags = frozenset(_intended_tags(desired))
        self._trunks = frozenset(vlan for port in desired.ports for vlan in port.trunks)
        self._free: dict[str, Iterator[int]] = {}

    def take(self, bridge: str, inventory: Inventory) -> int | None:
        """None when there is none left."""
        if bridge not in self._free:
            ports = inventory.observed.bridges[bridge].ports
            used = self._tags | self._trunks | _tags_of(ports) | _trunks_of(ports)
            self._free[bridge] = (vlan for vlan in _VLANS if vlan not in used)
        return next(self._free[bridge], None)

    def apart(self, rows: Iterable[PlacedPort], inventory: Inventory) -> dict[str, int]:
        """By the names of ``rows``, all protected: a VLAN that nobody but they have as a tag.

        Who is in such a one stays there. All of a bridge share the rest: no frame passes from one
        protected port to another. If every VLAN is in some trunk, so is the one that they get. Who
        is not in the answer cannot be kept apart: there are 4094 other tags.
        """
        by_bridge: dict[str, list[OvsPort]] = {}
        for placed in rows:
            by_bridge.setdefault(placed.bridge, []).append(placed.port)
        found: dict[str, int] = {}
        for bridge, ports in by_bridge.items():
            found |= self._apart(bridge, ports, inventory)
        return found

    def _apart(self, bridge: str, rows: list[OvsPort], inventory: Inventory) -> dict[str, int]:
        names = {row.name for row in rows}
        every = inventory.observed.bridges[bridge].ports
        used = self._tags | _tags_of([each for each in every if each.name not in names])
        found = {row.name: row.tag for row in rows if row.tag in _VLANS and row.tag not in used}
        kept = {name: tag for name, tag in found.items() if tag is not None}
        if len(kept) == len(names):
            return kept
        vlan = max(kept.values(), default=None) or self.take(bridge, inventory)
        vlan = vlan or next((each for each in _VLANS if each not in used), None)
        return kept if vlan is None else dict.fromkeys(names, vlan) | kept


def _intended_tags(desired: HostState) -> Iterator[int]:
    yield from (each.local_vlan for each in desired.attachments)
    yield from (each.tag for each in desired.tunnels)
    yield from (each.output_vlan for each in desired.mirrors)
    for port in desired.ports:
        yield port.tag
        if port.patch is not None:
            yield port.patch.tag


def _tags_of(ports: Collection[OvsPort]) -> frozenset[int]:
    return frozenset(port.tag or 0 for port in ports)


def _trunks_of(ports: Collection[OvsPort]) -> frozenset[int]:
    return frozenset(vlan for port in ports for vlan in port.trunks)
