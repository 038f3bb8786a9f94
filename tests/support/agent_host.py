"""The in-memory switch behind the interfaces that the agent's loop uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from agent.errors import Failure
from agent.netlink import NetlinkSnapshot
from agent.observed import Way
from agent.ovsdb.apply import Outcome, OvsdbResult
from agent.ovsdb.snapshot import OvsdbSnapshot, OvsdbUnavailableError
from agent.planner.plan import NetlinkStep, OvsdbOp, Plan, Stage
from tests.support.rows import OutOfDateError
from tests.support.switch import Switch


class SwitchOvsdb:
    """``before_apply`` runs once before the next transaction: somebody else's hand."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.connected = True
        self.realizes = True
        self.attempts = 0
        self.before_apply: Callable[[], object] | None = None

    async def observe(self) -> OvsdbSnapshot:
        if not self.connected:
            raise OvsdbUnavailableError("no connection to ovsdb-server")
        seen = self.switch.observed
        return OvsdbSnapshot(
            bridges=seen.bridges,
            vswitchd_running=seen.vswitchd_running,
            datapath_types=seen.datapath_types,
            iface_types=seen.iface_types,
            ovs_version="3.1.0",
            seqno=0,
            caught_up=self.realizes,
            has_ovs=seen.has_ovs,
            strays=seen.strays,
        )

    async def apply(
        self,
        ops: Sequence[OvsdbOp],
        comment: str,  # noqa: ARG002
        deadline: float,  # noqa: ARG002
    ) -> OvsdbResult:
        self.attempts += 1
        if self.before_apply is not None:
            act, self.before_apply = self.before_apply, None
            act()
        try:
            failures = self.switch.run(Plan((Stage(ovsdb=tuple(ops)),)))
        except OutOfDateError as error:
            return OvsdbResult(Outcome.TRY_AGAIN, str(error))
        return OvsdbResult(
            Outcome.COMMITTED,
            next_cfg=self.switch.transactions,
            realized=self.realizes,
            failures=failures,
            transactions=1,
        )


class SwitchKernel:
    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.answers: dict[str, Failure] = {}
        """What the next steps for a resource are refused with."""
        self.unreadable: dict[str, str] = {}
        """Namespaces that cannot be entered, and why."""
        self.ways: dict[str, Way] = {}
        """To the controller, by the address that it is spoken to at."""
        self.is_way_known = True

    async def observe(
        self,
        namespaces: Collection[tuple[str, str]],
        shaped: Mapping[str, bool] | None = None,  # noqa: ARG002
        adoptable: Collection[str] = (),  # noqa: ARG002
    ) -> NetlinkSnapshot:
        seen = self.switch.observed
        return NetlinkSnapshot(
            links=seen.links,
            peers={
                place: link
                for place, link in seen.peers.items()
                if place in namespaces and place[0] not in self.unreadable
            },
            namespaces=seen.namespaces,
            unreadable=self.unreadable,
            fdb=seen.fdb,
            neighbours=seen.neighbours,
            learned=seen.learned,
            traffic=seen.traffic,
            ways=self.ways,
            is_way_known=self.is_way_known,
        )

    async def apply(self, step: NetlinkStep) -> Failure | None:
        if step.resource in self.answers:
            return self.answers[step.resource]
        return next(iter(self.switch.run(Plan((Stage(pre=(step,)),)))), None)
