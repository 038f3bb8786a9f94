"""Exports of flows: one row of table NetFlow, sFlow or IPFIX that all bridges of an export share.

A bridge that has somebody else's row, or is not there, is left out and told; the others export.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from agent.columns import SETTABLE, Settings
from agent.errors import ErrorKind, Failure
from agent.model import ID_KEY, OWNER_KEY
from agent.monitoring import FlowExport, FlowProtocol, OvsFlowExport
from agent.planner.draft import Draft
from agent.planner.health import no_open_vswitch
from agent.planner.inventory import Inventory, PlacedExport
from agent.planner.plan import ClearFlowExport, OvsdbOp, SetFlowExport, Stage
from agent.planner.settings import wanted_columns

Place = tuple[str, FlowProtocol]
"""What can be exported once: a bridge, by one protocol."""


def places(export: FlowExport) -> tuple[Place, ...]:
    return tuple((bridge, export.protocol) for bridge in export.bridges)


def draft_flow_export(
    export: FlowExport, inventory: Inventory, contested: Container[Place]
) -> Draft | Failure:
    """What of it has to go."""
    if not inventory.observed.has_ovs:
        return no_open_vswitch(export.id)
    if export.protocol is FlowProtocol.UNKNOWN:
        message = "the protocol of the export is not known to this agent; upgrade it"
        return Failure(export.id, ErrorKind.UNSUPPORTED, "FlowProtocolUnknown", message)
    for bridge, protocol in places(export):
        if (bridge, protocol) in contested:
            message = (
                f"flows of bridge {bridge} are to be exported by {protocol.value} more than once, "
                "which Open vSwitch cannot do; take the bridge out of one of the exports"
            )
            return Failure(export.id, ErrorKind.INVALID, "ExportNotUnique", message)
    kept = {(bridge, protocol.value) for bridge, protocol in places(export)}
    stale = (
        clear_export(export.id, each, inventory)
        for each in inventory.exports.get(export.id, ())
        if (each.bridge, each.table) not in kept
    )
    return Draft(export.id, mend=Stage(ovsdb=tuple(stale)))


def clear_export(resource: str, placed: PlacedExport, inventory: Inventory) -> OvsdbOp:
    return ClearFlowExport(resource, placed.table, placed.bridge, inventory.mark(resource))


def export_steps(
    export: FlowExport,
    bridges: Container[str],
    there: Container[str],
    cleared: Container[tuple[str, str]],
    inventory: Inventory,
) -> Iterator[OvsdbOp | Failure]:
    """``bridges`` are all of ours that there will be, ``there`` those of them that are and stay;
    of ``cleared``, bridges and tables, the row that is there goes.
    """
    table = export.protocol.value
    wanted, failures = _wanted(export, table, inventory)
    yield from failures
    wrong: list[str] = []
    for name in export.bridges:
        observed = inventory.observed.bridges.get(name) if name in there else None
        row = None if observed is None else observed.exports.get(table)
        if name not in bridges:
            yield _bridge_missing(export, name)
        elif row is not None and not _may_replace(row, export, (name, table) in cleared, inventory):
            yield _taken(export, name, row, inventory)
        elif row is None or not _is_as(row, wanted):
            wrong.append(name)
    if wrong:
        yield SetFlowExport(export.id, table, tuple(wrong), wanted)


def _may_replace(
    row: OvsFlowExport, export: FlowExport, is_cleared: bool, inventory: Inventory
) -> bool:
    """One of ours that stands for another export only goes where this plan takes it away."""
    if row.external_ids.get(OWNER_KEY) != inventory.owner:
        return False
    return is_cleared or row.external_ids.get(ID_KEY) == export.id


def _wanted(
    export: FlowExport, table: str, inventory: Inventory
) -> tuple[OvsFlowExport, tuple[Failure, ...]]:
    wanted = wanted_columns(export.id, table, export.settings, inventory.observed)
    ids = {**wanted.external_ids, **inventory.mark(export.id)}
    return OvsFlowExport(_as_read(table, wanted.settings), ids), wanted.failures


def _as_read(table: str, settings: Settings) -> Settings:
    """A column at its default is not told of."""
    kinds = SETTABLE[table]
    columns = {n: atoms for n, atoms in settings.columns.items() if atoms != kinds[n].default}
    return Settings(columns, {name: keys for name, keys in settings.maps.items() if keys})


def _is_as(row: OvsFlowExport, wanted: OvsFlowExport) -> bool:
    ids = wanted.external_ids.items() <= row.external_ids.items()
    return ids and row.settings == wanted.settings


def _bridge_missing(export: FlowExport, name: str) -> Failure:
    message = (
        f"bridge {name}, of which flows are to be exported, is not there; what is wrong with it is "
        "told of the bridge itself, the other bridges export"
    )
    return Failure(export.id, ErrorKind.TRANSIENT, "BridgeMissing", message)


def _taken(export: FlowExport, name: str, row: OvsFlowExport, inventory: Inventory) -> Failure:
    table = export.protocol.value
    is_ours = row.external_ids.get(OWNER_KEY) == inventory.owner
    whose = row.external_ids.get(ID_KEY) if is_ours else ""
    message = (
        f"bridge {name} exports by {table} already, to {whose or 'somebody else'}'s targets; take "
        f"that off with ovs-vsctl clear bridge {name} {table.lower()}, or take the bridge out of "
        "the export"
    )
    return Failure(export.id, ErrorKind.CONFLICT, "ExportTaken", message)
