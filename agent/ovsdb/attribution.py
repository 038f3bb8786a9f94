"""From what a plan would undo to who did it: names of rows to UUIDs, UUIDs to transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from agent.ovsdb.connection import OvsdbConnection
from agent.ovsdb.journal import Change, Journal
from agent.ovsdb.snapshot import OvsdbUnavailableError
from agent.planner.traces import Trace


class Attribution:
    def __init__(self, ovsdb: OvsdbConnection, journal: Journal) -> None:
        self._ovsdb = ovsdb
        self._journal = journal

    async def __call__(self, wanted: Mapping[str, frozenset[Trace]]) -> Mapping[str, str]:
        """Who made the changes, by resource, as far as the journal tells."""
        names = {(trace.table, trace.name) for each in wanted.values() for trace in each}
        if not names:
            return {}
        try:
            rows = await self._ovsdb.rows_named(names)
        except OvsdbUnavailableError:
            return {}
        await asyncio.to_thread(self._journal.look)
        return {
            resource: self._journal.who(
                [
                    Change(row, trace.columns)
                    for trace in traces
                    for row in rows[trace.table, trace.name]
                ]
            )
            for resource, traces in wanted.items()
        }
