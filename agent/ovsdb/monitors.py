"""Writing mirrors and exports of flows: rows that go with the last bridge that refers to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.columns import SETTABLE, ColumnType
from agent.model import OWNER_KEY
from agent.ovsdb.batch import Batch, OutOfDateError
from agent.ovsdb.rows import Row, atoms_of, first, map_of
from agent.planner.monitoring_ops import mirror_columns
from agent.planner.plan import (
    AddMirror,
    ClearFlowExport,
    DeleteMirror,
    MirrorValue,
    SetFlowExport,
    SetMirror,
)

_PORTS = frozenset({"select_src_port", "select_dst_port", "output_port"})
_SCALARS = frozenset({"name", "select_all"})


def add_mirror(batch: Batch, op: AddMirror) -> None:
    ids = dict(op.mirror.external_ids)
    row = batch.insert("Mirror", external_ids=ids)
    columns = mirror_columns(op.mirror)
    _fill_mirror(batch, row, {name: value for name, value in columns.items() if value})
    batch.bridge(op.bridge).addvalue("mirrors", row)


def set_mirror(batch: Batch, op: SetMirror) -> None:
    row = _mirror(batch, op.bridge, op.external_ids)
    row.verify("external_ids")
    _fill_mirror(batch, row, op.columns)


def delete_mirror(batch: Batch, op: DeleteMirror) -> None:
    row = _mirror(batch, op.bridge, op.external_ids, op.name)
    row.verify("external_ids")
    batch.bridge(op.bridge).delvalue("mirrors", row)
    row.delete()


def set_flow_export(batch: Batch, op: SetFlowExport) -> None:
    """All of the bridges share the one row; another one of ours that a bridge has goes unused."""
    column, ids = op.table.lower(), op.row.external_ids
    row = _export(batch, op) or batch.insert(op.table)
    for name, kind in SETTABLE[op.table].items():
        if name in batch.replica.columns[op.table] and name != "external_ids":
            setattr(row, name, _wanted(op, name, kind))
    for key, value in ids.items():
        row.setkey("external_ids", key, value)
    for name in op.bridges:
        bridge = batch.bridge(name)
        if bridge._data is not None:  # noqa: SLF001 - None: this transaction makes it
            _refuse_foreign(batch, bridge, op, ids[OWNER_KEY])
            bridge.verify(column)
        setattr(bridge, column, [row])


def clear_flow_export(batch: Batch, op: ClearFlowExport) -> None:
    bridge, column = batch.bridge(op.bridge), op.table.lower()
    found = [_row(batch, op.table, uuid) for uuid in atoms_of(bridge, column)]
    if not any(row is not None and _bears(row, op.external_ids) for row in found):
        raise OutOfDateError(f"bridge {op.bridge} has another row in {column} by now")
    bridge.verify(column)
    setattr(bridge, column, [])


def _fill_mirror(batch: Batch, row: Row, columns: Mapping[str, MirrorValue]) -> None:
    for name, value in columns.items():
        atoms = sorted(value) if isinstance(value, frozenset) else [value]
        if name in _SCALARS:
            setattr(row, name, value)
        elif name in _PORTS:
            found = (batch.port(str(each)) for each in atoms if each is not None)
            setattr(row, name, [port for port in found if port is not None])
        else:
            setattr(row, name, [each for each in atoms if each is not None])


def _mirror(batch: Batch, bridge: str, marks: Mapping[str, str], name: str | None = None) -> Row:
    for uuid in atoms_of(batch.find("Bridge", bridge), "mirrors"):
        row = _row(batch, "Mirror", uuid)
        if row is not None and _bears(row, marks) and name in (None, first(row, "name")):
            return row
    raise OutOfDateError(f"the mirror on bridge {bridge} is gone")


def _export(batch: Batch, op: SetFlowExport) -> Row | None:
    rows = batch.replica.tables[op.table].rows.values()
    marked = (row for row in rows if row._data is not None)  # noqa: SLF001 - None: it is new
    found = [row for row in marked if _bears(row, op.row.external_ids)]
    return min(found, key=lambda row: row.uuid, default=None)


def _refuse_foreign(batch: Batch, bridge: Row, op: SetFlowExport, owner: str) -> None:
    for uuid in atoms_of(bridge, op.table.lower()):
        row = _row(batch, op.table, uuid)
        if row is not None and map_of(row, "external_ids").get(OWNER_KEY) != owner:
            raise OutOfDateError(f"a bridge has somebody else's {op.table} by now")


def _wanted(op: SetFlowExport, name: str, kind: ColumnType) -> Any:
    if kind is ColumnType.MAP:
        return dict(op.row.settings.maps.get(name, {}))
    atoms = op.row.settings.columns.get(name, kind.default)
    return atoms[0] if kind.is_scalar else list(atoms)


def _row(batch: Batch, table: str, uuid: Any) -> Row | None:
    return batch.replica.tables[table].rows.get(uuid)


def _bears(row: Row, marks: Mapping[str, str]) -> bool:
    return marks.items() <= map_of(row, "external_ids").items()
