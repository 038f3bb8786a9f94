"""Rows of the replica as frozen pictures, as far as one row by itself tells.

Columns are read as they are committed, beside a row's attributes: those copy and convert each value
twice (half a second for a bridge of ten thousand ports), and inside a transaction they show what it
changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from agent.columns import NO_SETTINGS, SETTABLE, Atom, ColumnType, Settings
from agent.model import ID_KEY, IFACE_ID_KEY, OWNER_KEY
from agent.monitoring import OvsFlowExport, OvsQueue, Stray
from agent.observed import OvsInterface

Row: TypeAlias = Any
"""An ``ovs.db.idl.Row``; python-ovs has no types. It never leaves the thread."""

_SETTINGS = {
    table: [(name, kind) for name, kind in columns.items() if name != "external_ids"]
    for table, columns in SETTABLE.items()
}
"""The columns that a row's picture has no field of their own for."""


def freeze_interface(row: Row) -> OvsInterface:
    ids = map_of(row, "external_ids")
    return OvsInterface(
        name=first(row, "name"),
        type=first(row, "type"),
        options=map_of(row, "options"),
        mac=first(row, "mac"),
        mtu_request=first(row, "mtu_request"),
        external_ids=ids,
        ofport=first(row, "ofport"),
        error=first(row, "error"),
        settings=settings_of(row, "Interface"),
        row=str(row.uuid) if IFACE_ID_KEY in ids else "",
    )


def freeze_queue(row: Row) -> OvsQueue:
    config = map_of(row, "other_config")
    return OvsQueue(first(row, "dscp"), config, map_of(row, "external_ids"))


def freeze_export(row: Row, table: str) -> OvsFlowExport:
    return OvsFlowExport(settings_of(row, table), map_of(row, "external_ids"))


def stray(table: str, row: Row) -> Stray | None:
    """None for a row without a mark."""
    ids = map_of(row, "external_ids")
    return Stray(table, ids[OWNER_KEY], ids[ID_KEY]) if {OWNER_KEY, ID_KEY} <= ids.keys() else None


def _values(row: Row, column: str) -> dict[Any, Any]:
    values: dict[Any, Any] = row._data[column].values  # noqa: SLF001 - see the module
    return values


def referred(row: Row, column: str) -> list[Any]:
    """What a column that most rows leave empty refers to."""
    datum = row._data.get(column)  # noqa: SLF001 - see the module
    return [] if datum is None else [atom.value for atom in datum.values]


def atoms_of(row: Row, column: str) -> list[Any]:
    return [atom.value for atom in _values(row, column)]


def first(row: Row, column: str) -> Any:
    """A scalar, or the content of an optional column; None where that is unset."""
    return next((atom.value for atom in _values(row, column)), None)


def pairs(row: Row, column: str) -> dict[Any, Any]:
    return {key.value: value.value for key, value in _values(row, column).items()}


def map_of(row: Row, column: str) -> dict[str, str]:
    strings: dict[str, str] = pairs(row, column)
    return strings


def settings_of(row: Row, table: str) -> Settings:
    """Most rows have none: what a database did not tell is not looked at."""
    columns: dict[str, tuple[Atom, ...]] = {}
    maps: dict[str, Mapping[str, str]] = {}
    for name, kind in _SETTINGS[table]:
        datum = row._data.get(name)  # noqa: SLF001 - absent where it is the default
        if datum is None or not datum.values:
            continue
        if kind is ColumnType.MAP:
            maps[name] = map_of(row, name)
        elif (atoms := tuple(sorted(atoms_of(row, name)))) != kind.default:
            columns[name] = atoms
    return Settings(columns, maps) if columns or maps else NO_SETTINGS
