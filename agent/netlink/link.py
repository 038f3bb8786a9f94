"""The kernel's network devices of this host, for asyncio.

Keeps the forwarding tables as they were read last: a host may have tens of thousands of entries,
and hardly any of them changes between two looks.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from agent.errors import Failure
from agent.netlink import snapshot
from agent.netlink.apply import Executor
from agent.netlink.known_ways import KnownWays
from agent.netlink.monitor import RECEIVE_BUFFER, Monitor
from agent.netlink.snapshot import NetlinkSnapshot, Tables
from agent.planner.plan import NetlinkStep

TABLES_TRUSTED_S = 300.0
"""Then all are read anew, whatever was heard: less than the time between two resyncs."""


class Netlink:
    """Acts in the network namespace of the thread that opened it.

    ``on_change`` is called in the event loop when a device, an address or a forwarding entry of
    ours may have changed; many changes may make one call. To ``destinations`` the ways are looked
    up; one that the kernel does not know any more is told as it was last.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[], None] = lambda: None,
        destinations: Callable[[], frozenset[str]] = frozenset,
        ways: KnownWays | None = None,
        receive_buffer: int = RECEIVE_BUFFER,
    ) -> None:
        self._on_change = on_change
        self._destinations = destinations
        self._ways = ways or KnownWays()
        self._receive_buffer = receive_buffer
        self._executor = Executor()
        self._monitor: Monitor | None = None
        self._looking = asyncio.Lock()
        self._tables: Tables = {}
        self._all_read_at = -math.inf

    async def open(self) -> None:
        self._monitor = Monitor(self._on_change, receive_buffer=self._receive_buffer)

    async def close(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None

    @property
    def write_count(self) -> int:
        """Requests sent so far that change something."""
        return self._executor.write_count

    @property
    def overruns(self) -> int:
        """How often the kernel had to drop notifications; each led to ``on_change`` as well."""
        return self._monitor.overruns if self._monitor else 0

    async def observe(
        self,
        namespaces: Collection[tuple[str, str]],
        shaped: Mapping[str, bool] | None = None,
        adoptable: Collection[str] = (),
    ) -> NetlinkSnapshot:
        """Every device here, of ``namespaces`` (namespace, device) those that exist, and of those
        here that are ``shaped`` what becomes of their traffic. The ``adoptable`` are looked at as
        closely as our own.
        """
        async with self._looking:
            known = self._known_tables()
            # The executor's thread is of our namespace: threads inherit that of their maker.
            ends = self._destinations()
            seen = await asyncio.to_thread(
                snapshot.take, namespaces, known, shaped, ends, adoptable
            )
            await asyncio.to_thread(self._ways.see, ends, seen.ways)
            if self._monitor is not None:
                ours = snapshot.our_vxlans(seen.links)
                self._tables = {index: seen.fdb[name] for name, index in ours.items()}
                self._monitor.watch_tables(frozenset(ours.values()))
        return replace(seen, ways=self._ways.to(ends), is_way_known=self._ways.is_sure_of(ends))

    def _known_tables(self) -> Tables:
        """Those that nobody changed since they were read; none are left if the look fails."""
        tables, self._tables = self._tables, {}
        changed = self._monitor.changed_tables() if self._monitor is not None else None
        now = time.monotonic()
        if changed is None or now - self._all_read_at > TABLES_TRUSTED_S:
            self._all_read_at = now
            return {}
        return {index: table for index, table in tables.items() if index not in changed}

    async def apply(self, step: NetlinkStep) -> Failure | None:
        """Execute one step; None when what it asks for is so."""
        return await self._executor.apply(step)
