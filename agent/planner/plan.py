"""What a plan is made of: steps that carry everything needed to execute them.

Owned by the planner; ``agent.ovsdb`` and ``agent.netlink`` execute the steps and the in-memory
switch of the tests imitates them. A step never refers to the desired state, holds no behaviour but
its own description, and names in ``resource`` what it serves, so that a refused step fails that
resource alone.

Ownership marks (``external_ids`` of rows, aliases of devices) are ordinary values in the steps;
that of an address is the same for all of them, so that no step spells it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.errors import Failure
from agent.planner.monitoring_ops import (
    AddMirror,
    ClearFlowExport,
    DeleteMirror,
    DeleteStrays,
    MirrorValue,
    MonitoringOp,
    SetFlowExport,
    SetMirror,
    SetQos,
)
from agent.planner.ops import (
    AddBridge,
    AddInterface,
    AddPort,
    Amendment,
    BindPort,
    DeleteBridge,
    DeleteInterface,
    DeletePort,
    OvsdbOp,
    SetBridge,
    SetInterface,
    SetPort,
    UnbindPort,
)
from agent.planner.steps import (
    AddAddress,
    AddFdb,
    AddNeighbours,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteAddress,
    DeleteFdb,
    DeleteLink,
    DeleteNeighbours,
    NetlinkStep,
    SetLink,
    SetTapOwner,
    SetVxlan,
)
from agent.planner.wording import ColumnValue

__all__ = [
    "AddAddress",
    "AddBridge",
    "AddFdb",
    "AddInterface",
    "AddMirror",
    "AddNeighbours",
    "AddPort",
    "Amendment",
    "BindPort",
    "ClearFlowExport",
    "ColumnValue",
    "CreateLinuxBridge",
    "CreateTap",
    "CreateVeth",
    "CreateVxlan",
    "DeleteAddress",
    "DeleteBridge",
    "DeleteFdb",
    "DeleteInterface",
    "DeleteLink",
    "DeleteMirror",
    "DeleteNeighbours",
    "DeletePort",
    "DeleteStrays",
    "MirrorValue",
    "MonitoringOp",
    "NetlinkStep",
    "OvsdbOp",
    "Plan",
    "SetBridge",
    "SetFlowExport",
    "SetInterface",
    "SetLink",
    "SetMirror",
    "SetPort",
    "SetQos",
    "SetTapOwner",
    "SetVxlan",
    "Stage",
    "Step",
    "UnbindPort",
]

Step: TypeAlias = OvsdbOp | NetlinkStep


@dataclass(frozen=True, slots=True)
class Stage:
    """``pre`` in order, then all of ``ovsdb`` in one transaction, then ``post`` in order.

    Only when a stage is done (ovs-vswitchd has caught up with it) may the next one begin.
    """

    pre: tuple[NetlinkStep, ...] = ()
    ovsdb: tuple[OvsdbOp, ...] = ()
    post: tuple[NetlinkStep, ...] = ()

    def steps(self) -> Iterator[Step]:
        yield from self.pre
        yield from self.ovsdb
        yield from self.post

    def groups(self) -> Mapping[str, tuple[OvsdbOp, ...]]:
        """The OVSDB ops by resource, in an order in which each can be a transaction of its own.

        For the case that the one transaction is refused: bridges come before the ports that are
        added to them and after the ports that are taken from them, mirrors after the ports of
        which they are.
        """
        grouped: dict[str, tuple[OvsdbOp, ...]] = {}
        mirrors = {op.resource for op in self.ovsdb if isinstance(op, AddMirror | SetMirror)}
        for op in sorted(self.ovsdb, key=lambda op: op.resource in mirrors):
            grouped[op.resource] = (*grouped.get(op.resource, ()), op)
        return grouped


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from what is to what shall be, and what cannot be reached and why.

    A resource in ``failures`` has no steps that would create or change it, apart from what of it
    can be here: the Linux bridge of a segment that cannot be joined to the other hosts, a row
    without the column that the database lacks, a bond without the device that is missing; or what
    is let go of: a guest's port that it was bound to.
    """

    stages: tuple[Stage, ...] = ()
    failures: tuple[Failure, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do; failures may still explain what is not as intended."""
        return not self.stages

    def describe(self) -> tuple[str, ...]:
        """One line of plain words per step and failure."""
        steps = tuple(
            f"{step.resource}: {step.describe()}" for stage in self.stages for step in stage.steps()
        )
        return steps + tuple(
            f"{failure.resource}: {failure.reason}: {failure.message}" for failure in self.failures
        )
