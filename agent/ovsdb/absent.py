"""A host that is meant to have no Open vSwitch, in the place of a connection to one.

Nothing is connected to and nothing waited for: an empty picture is the truth here, where a database
that merely does not answer is never an empty one.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.ovsdb.apply import OvsdbResult
from agent.ovsdb.snapshot import OvsdbSnapshot, OvsdbUnavailableError
from agent.planner.plan import OvsdbOp


class NoOvsdb:
    """Answers as agent.ovsdb.connection does."""

    transaction_count = 0

    def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def ready(self, timeout_s: float) -> bool:  # noqa: ARG002 - nothing to wait for
        return True

    async def observe(self) -> OvsdbSnapshot:
        return OvsdbSnapshot(
            bridges={},
            vswitchd_running=False,
            datapath_types=frozenset(),
            iface_types=frozenset(),
            ovs_version="",
            seqno=0,
            has_ovs=False,
        )

    async def apply(
        self,
        ops: Sequence[OvsdbOp],
        comment: str,  # noqa: ARG002
        deadline: float,  # noqa: ARG002
    ) -> OvsdbResult:
        if ops:
            raise OvsdbUnavailableError("this host has no Open vSwitch")
        return OvsdbResult.unchanged()
