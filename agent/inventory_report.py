"""What is foreign on the host, told to the controller when it changed.

Owns the newest look at the host that was not told yet. Runs beside the closed loop and never as a
part of it: to sort thousands of foreign ports must not hold up what is to be applied.

A guest that is plugged in waits for the controller to hear of its iface-id, so that a change of
those does not wait for the pause to end. How often that may be is bounded: ``MOST_HASTY`` times in
a row, and from then on twice in a pause, however many guests come and go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ovsfleet.v1 import agent_pb2

from agent.clock import Clock
from agent.controlplane.inventory_codec import encode_inventory
from agent.model import IFACE_ID_KEY, Port
from agent.observed import ObservedState
from agent.planner.foreign import foreign

PAUSE_S = 5.0
"""At the least, between two inventories: guests come and go by the dozen."""
HASTE_S = 0.1
"""Likewise, when iface-ids came or went; what is plugged in together is told together."""
MOST_HASTY = 10
"""Hasty inventories that may follow each other; each pause makes room for one more."""


class InventoryReport:
    """``see`` may be called at any time from the loop's own thread; only the newest look counts."""

    def __init__(
        self, owner: str, on_inventory: Callable[[agent_pb2.Inventory], None], clock: Clock
    ) -> None:
        self._owner = owner
        self._on_inventory = on_inventory
        self._clock = clock
        self._seen: ObservedState | None = None
        self._ports: Sequence[Port] = ()
        self._awake = asyncio.Event()
        self._told_at = clock.now() - PAUSE_S
        self._told: frozenset[str] = frozenset()
        """The iface-ids in the last inventory."""
        self._hasty = float(MOST_HASTY)

    def see(self, observed: ObservedState, ports: Sequence[Port] = ()) -> None:
        """``ports`` are those of intent."""
        self._seen, self._ports = observed, ports
        self._awake.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._awake.wait()
            await self._rest()
            await self.tell()

    async def tell(self) -> None:
        self._awake.clear()
        seen, ports, self._seen = self._seen, self._ports, None
        if seen is not None:
            self._count(self._clock.now())
            self._told = await asyncio.to_thread(_iface_ids, seen)
            self._on_inventory(await asyncio.to_thread(_encoded, seen, self._owner, ports))

    def _count(self, now: float) -> None:
        since, self._told_at = now - self._told_at, now
        spent = 1 if since < PAUSE_S else 0
        self._hasty = min(MOST_HASTY, self._hasty + since / PAUSE_S) - spent

    async def _rest(self) -> None:
        """Until the next inventory may go out; what is seen meanwhile may make that sooner."""
        while True:
            # Before looking: what is seen while it is looked at wakes the wait that follows.
            self._awake.clear()
            if (left := await self._left()) <= 0:
                return
            await self._clock.wait(self._awake, left)

    async def _left(self) -> float:
        passed = self._clock.now() - self._told_at
        if passed >= PAUSE_S or self._seen is None:
            return PAUSE_S - passed
        room = self._hasty + passed / PAUSE_S >= 1
        if room and await asyncio.to_thread(_iface_ids, self._seen) != self._told:
            return HASTE_S - passed
        return PAUSE_S - passed


def _iface_ids(observed: ObservedState) -> frozenset[str]:
    return frozenset(
        iface_id
        for bridge in observed.bridges.values()
        for port in bridge.ports
        for interface in port.interfaces
        if (iface_id := interface.external_ids.get(IFACE_ID_KEY))
    )


def _encoded(observed: ObservedState, owner: str, ports: Sequence[Port]) -> agent_pb2.Inventory:
    return encode_inventory(foreign(observed, owner, ports))
