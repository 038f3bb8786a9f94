"""VLANs for what must be in nobody's: guests that are let go of, tunnels that are cut off."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from agent.model import HostState
from agent.observed import OvsPort
from agent.planner.inventory import Inventory

HIGHEST_VLAN = 4094
"""4095 is no way out: Open vSwitch forwards in it as in any other, and to every trunk."""


class FreeVlans:
    """The VLANs that nobody on a bridge has and nobody is to have, from the highest down.

    What is desired anywhere on the host is left out everywhere: there are enough.
    """

    def __init__(self, desired: HostState) -> None:
        self._intended = frozenset(_intended_vlans(desired))
        self._free: dict[str, Iterator[int]] = {}

    def take(self, bridge: str, inventory: Inventory) -> int | None:
        """None when there is none left."""
        if bridge not in self._free:
            used = self._intended | _vlans_of(inventory.observed.bridges[bridge].ports)
            every = range(HIGHEST_VLAN, 0, -1)
            self._free[bridge] = (vlan for vlan in every if vlan not in used)
        return next(self._free[bridge], None)


def _intended_vlans(desired: HostState) -> Iterator[int]:
    yield from (each.local_vlan for each in desired.attachments)
    yield from (each.tag for each in desired.tunnels)
    yield from (each.output_vlan for each in desired.mirrors)
    for port in desired.ports:
        yield port.tag
        yield from port.trunks
        if port.patch is not None:
            yield port.patch.tag


def _vlans_of(ports: Collection[OvsPort]) -> frozenset[int]:
    return frozenset(vlan for port in ports for vlan in (port.tag or 0, *port.trunks))
