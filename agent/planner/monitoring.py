"""Mirrors and exports of flows of a whole host: what they need, and then their rows.

Rows come last in a plan: what they refer to are ports and bridges that it may make before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping

from agent.errors import Failure
from agent.model import HostState
from agent.planner.claims import ThingKind
from agent.planner.draft import Draft
from agent.planner.flow_exports import draft_flow_export, export_steps, places
from agent.planner.inventory import Inventory
from agent.planner.mirrors import draft_mirror, mirror_steps
from agent.planner.plan import AddBridge, AddPort, ClearFlowExport, OvsdbOp
from agent.planner.qos import delete_strays
from agent.planner.settle import Settlement


def draft_monitoring(
    desired: HostState, of_ovs: frozenset[str], there: Container[str], inventory: Inventory
) -> Iterator[Draft | Failure]:
    for mirror in sorted(desired.mirrors, key=lambda each: each.id):
        yield draft_mirror(mirror, inventory, of_ovs, there)
    counts = Counter(place for export in desired.flow_exports for place in places(export))
    contested = frozenset(place for place, count in counts.items() if count > 1)
    for export in sorted(desired.flow_exports, key=lambda each: each.id):
        yield draft_flow_export(export, inventory, contested)


def monitoring_steps(
    desired: HostState,
    settlement: Settlement,
    of_ovs: frozenset[str],
    there: Container[str],
    inventory: Inventory,
) -> Iterator[OvsdbOp | Failure]:
    """The rows of all that was drafted and may be."""
    yield from delete_strays(inventory)
    accepted = {draft.resource for draft in settlement.accepted.values()}
    if desired.mirrors:
        mirrored = {mirror.bridge for mirror in desired.mirrors}
        ports, doomed = _ports(mirrored, settlement, inventory), _doomed_ports(settlement)
        for mirror in sorted(desired.mirrors, key=lambda each: each.id):
            if mirror.id in accepted:
                yield from mirror_steps(mirror, ports[mirror.bridge], doomed, there, inventory)
    bridges = of_ovs & _bridges(settlement, inventory) if desired.flow_exports else of_ovs
    cleared = frozenset(_cleared(settlement)) if desired.flow_exports else frozenset()
    for export in sorted(desired.flow_exports, key=lambda each: each.id):
        if export.id in accepted:
            yield from export_steps(export, bridges, there, cleared, inventory)


def _bridges(settlement: Settlement, inventory: Inventory) -> set[str]:
    """Names of the bridges of ours that there will be."""
    made = {op.name for op in _ops(settlement) if isinstance(op, AddBridge)}
    drafted = {draft.makes_bridge for draft in settlement.accepted.values()}
    return made | (drafted & inventory.observed.bridges.keys())


def _cleared(settlement: Settlement) -> Iterator[tuple[str, str]]:
    """The bridges and tables of exports that end."""
    for draft in settlement.accepted.values():
        for op in draft.mend.ovsdb:
            if isinstance(op, ClearFlowExport):
                yield op.bridge, op.table


def _ports(
    bridges: Collection[str], settlement: Settlement, inventory: Inventory
) -> Mapping[str, set[str]]:
    """By bridge, the names of all ports that it will have but those that mirrors make."""
    doomed = _doomed_ports(settlement)
    names: dict[str, set[str]] = {name: set() for name in bridges}
    for name in inventory.observed.bridges.keys() & bridges:
        names[name] = {port.name for port in inventory.observed.bridges[name].ports} - doomed
    for op in _ops(settlement):
        if isinstance(op, AddPort) and op.bridge in names:
            names[op.bridge].add(op.port.name)
        elif isinstance(op, AddBridge) and op.name in names:
            names[op.name].add(op.name)
    return names


def _doomed_ports(settlement: Settlement) -> frozenset[str]:
    return frozenset(each.name for each in settlement.doomed if each.kind is ThingKind.PORT)


def _ops(settlement: Settlement) -> Iterator[OvsdbOp]:
    for draft in settlement.accepted.values():
        for stage in (draft.prepare, draft.make, draft.later):
            yield from stage.ovsdb
