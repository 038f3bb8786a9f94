"""What is foreign on the host, told to the controller when it changed.

Owns the newest look at the host that was not told yet. Runs beside the closed loop and never as a
part of it: to sort thousands of foreign ports must not hold up what is to be applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ovsfleet.v1 import agent_pb2

from agent.clock import Clock
from agent.controlplane.inventory_codec import encode_inventory
from agent.observed import ObservedState
from agent.planner.foreign import foreign

PAUSE_S = 5.0
"""At the least, between two inventories: guests come and go by the dozen."""


class InventoryReport:
    """``see`` may be called at any time from the loop's own thread; only the newest look counts."""

    def __init__(
        self, owner: str, on_inventory: Callable[[agent_pb2.Inventory], None], clock: Clock
    ) -> None:
        self._owner = owner
        self._on_inventory = on_inventory
        self._clock = clock
        self._seen: ObservedState | None = None
        self._awake = asyncio.Event()

    def see(self, observed: ObservedState) -> None:
        self._seen = observed
        self._awake.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        never = asyncio.Event()
        while True:
            await self._awake.wait()
            await self.tell()
            await self._clock.wait(never, PAUSE_S)

    async def tell(self) -> None:
        self._awake.clear()
        seen, self._seen = self._seen, None
        if seen is not None:
            self._on_inventory(await asyncio.to_thread(_encoded, seen, self._owner))


def _encoded(observed: ObservedState, owner: str) -> agent_pb2.Inventory:
    return encode_inventory(foreign(observed, owner))
