"""What the devices of segments are told, changed as a step says."""

from __future__ import annotations

from agent.netlink import fdb, neighbours
from agent.planner.plan import AddFdb, AddNeighbours, DeleteFdb, DeleteNeighbours
from agent.planner.steps import TableStep


def change(step: TableStep, ifindex: int) -> None:
    """Of the device with this index, in the calling thread's namespace."""
    match step:
        case AddFdb():
            fdb.add(ifindex, step.entries)
        case DeleteFdb():
            fdb.delete(ifindex, step.entries)
        case AddNeighbours():
            neighbours.add(ifindex, step.entries)
        case DeleteNeighbours():
            neighbours.delete(ifindex, step.entries)
