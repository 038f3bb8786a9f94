"""The replica of the database, with what the agent needs at hand as it changes.

:class:`Replica` belongs to the one thread that runs it. It keeps rows by name, and a frozen picture
of each port and bridge that is made again only when a row under it changed: a look at a host with
ten thousand ports costs what has changed since the last one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias
from uuid import UUID

import ovs.db.idl
import ovs.jsonrpc

from agent.columns import NO_SETTINGS, SETTABLE, Atom, ColumnType, Settings, every_column
from agent.model import OvsBridge, OvsInterface, OvsPort
from agent.ovsdb.schema import DATABASE, TABLES, columns_of, excerpt

Row: TypeAlias = Any
"""An ``ovs.db.idl.Row``; python-ovs has no types. It never leaves the thread."""

_ROOT = "Open_vSwitch"
_PAUSE_MS = 1000
"""Between attempts to connect, however many failed: to try a socket of this host costs nothing."""
_COUNTERS = frozenset({"next_cfg", "cur_cfg"})
_SETTINGS = {
    table: [(name, kind) for name, kind in columns.items() if name != "external_ids"]
    for table, columns in SETTABLE.items()
}
"""The columns that a row's picture has no field of their own for."""


class Replica(ovs.db.idl.Idl):  # type: ignore[misc]
    """An Idl of exactly the columns in ``schema``.

    ``changes`` counts what the agent may have to react to; the configuration counters, which move
    with everybody's every transaction, are not among it.
    """

    def __init__(self, remote: str) -> None:
        helper = ovs.db.idl.SchemaHelper(schema_json=excerpt())
        for table, columns in TABLES.items():
            helper.register_columns(table, list(columns))
        super().__init__(remote, helper, leader_only=False)
        self._session.reconnect.set_backoff(_PAUSE_MS, _PAUSE_MS)
        self.changes = 0
        self.columns = every_column()
        """By table, which of the columns that intent may set the database has."""
        self._names: dict[str, dict[str, Row]] = {table: {} for table in TABLES}
        self._ports: dict[UUID, OvsPort] = {}
        self._bridges: dict[UUID, OvsBridge] = {}
        self._parents: dict[UUID, UUID] = {}

    def send_request(self, request: ovs.jsonrpc.Message) -> Any:
        """Ask to monitor no column that the database lacks: ovsdb-server would refuse them all."""
        if request.method.startswith("monitor") and request.params[0] == DATABASE:
            self._leave_out_unknown(request.params[2])
        return super().send_request(request)

    def _leave_out_unknown(self, monitored: dict[str, list[dict[str, Any]]]) -> None:
        known = self._known_columns()
        if known is None:
            return
        for table, requests in monitored.items():
            there = known.get(table, frozenset())
            for each in requests:
                each["columns"] = [column for column in each["columns"] if column in there]
        self.columns = {
            table: columns & known.get(table, frozenset())
            for table, columns in every_column().items()
        }

    def _known_columns(self) -> dict[str, frozenset[str]] | None:
        """As the server's own database says; None where it has none (before version 2.9)."""
        if not self.server_tables:
            return None
        for row in self.server_tables["Database"].rows.values():
            if row.name == DATABASE and row.schema:
                return columns_of(json.loads(row.schema[0]))
        return None

    @property
    def monitoring(self) -> bool:
        """Whether the replica is complete and follows the database right now."""
        return bool(self.state == self.IDL_S_MONITORING and self._session.is_connected())

    @property
    def root(self) -> Row | None:
        return next(iter(self.tables[_ROOT].rows.values()), None)

    def notify(self, event: str, row: Row, updates: Row = None) -> None:
        table: str = row._table.name  # noqa: SLF001 - the hook is given nothing else to tell it
        if table == _ROOT:
            self._notify_root(event, updates)
            return
        self.changes += 1
        self._forget(row.uuid)
        if event == ovs.db.idl.ROW_DELETE:
            self._parents.pop(row.uuid, None)
            if self.find(table, _first(row, "name")) is None:
                self._names[table].pop(_first(row, "name"), None)
        else:
            self._names[table][_first(row, "name")] = row

    def _notify_root(self, event: str, updates: Row) -> None:
        if event != ovs.db.idl.ROW_UPDATE:
            # The root row appears anew exactly when the whole replica was loaded anew.
            for cache in (self._ports, self._bridges, self._parents):
                cache.clear()
            self.changes += 1
        elif any(hasattr(updates, column) for column in TABLES[_ROOT].keys() - _COUNTERS):
            self.changes += 1

    def _forget(self, uuid: UUID | None) -> None:
        while uuid is not None:
            self._ports.pop(uuid, None)
            self._bridges.pop(uuid, None)
            uuid = self._parents.get(uuid)

    def find(self, table: str, name: str) -> Row | None:
        """The row of that name; None also while the running transaction deletes it."""
        row = self._names[table].get(name)
        return row if row is not None and self.tables[table].rows.get(row.uuid) is row else None

    def bridge_of(self, port: Row) -> Row | None:
        """The bridge that holds the port as of the last :meth:`bridges`."""
        parent = self._parents.get(port.uuid)
        return None if parent is None else self.tables["Bridge"].rows.get(parent)

    def bridges(self) -> dict[str, OvsBridge]:
        rows = self.tables["Bridge"].rows.values()
        return {bridge.name: bridge for bridge in map(self.bridge, rows)}

    def bridge(self, row: Row) -> OvsBridge:
        bridge = self._bridges.get(row.uuid)
        if bridge is None:
            ports = self._referred(row, "ports", "Port")
            bridge = self._bridges[row.uuid] = OvsBridge(
                name=_first(row, "name"),
                ports=tuple(sorted(map(self.port, ports), key=lambda port: port.name)),
                datapath_type=_first(row, "datapath_type"),
                fail_mode=_first(row, "fail_mode"),
                external_ids=_map(row, "external_ids"),
                settings=_settings(row, "Bridge"),
            )
        return bridge

    def port(self, row: Row) -> OvsPort:
        port = self._ports.get(row.uuid)
        if port is None:
            interfaces = map(freeze_interface, self._referred(row, "interfaces", "Interface"))
            port = self._ports[row.uuid] = OvsPort(
                name=_first(row, "name"),
                interfaces=tuple(sorted(interfaces, key=lambda each: each.name)),
                tag=_first(row, "tag"),
                trunks=frozenset(_atoms(row, "trunks")),
                vlan_mode=_first(row, "vlan_mode"),
                protected=_first(row, "protected"),
                external_ids=_map(row, "external_ids"),
                settings=_settings(row, "Port"),
            )
        return port

    def _referred(self, row: Row, column: str, table: str) -> list[Row]:
        """The rows that a column refers to, remembered as children of ``row``."""
        children = _atoms(row, column)
        self._parents.update(dict.fromkeys(children, row.uuid))
        rows = self.tables[table].rows
        return [child for uuid in children if (child := rows.get(uuid)) is not None]


def freeze_interface(row: Row) -> OvsInterface:
    return OvsInterface(
        name=_first(row, "name"),
        type=_first(row, "type"),
        options=_map(row, "options"),
        mac=_first(row, "mac"),
        mtu_request=_first(row, "mtu_request"),
        external_ids=_map(row, "external_ids"),
        ofport=_first(row, "ofport"),
        error=_first(row, "error"),
        settings=_settings(row, "Interface"),
    )


# Columns are read as they are committed, beside a row's attributes: those copy and convert each
# value twice (half a second for a bridge of ten thousand ports), and inside a transaction they show
# what it changes.


def _values(row: Row, column: str) -> dict[Any, Any]:
    values: dict[Any, Any] = row._data[column].values  # noqa: SLF001 - see above
    return values


def _atoms(row: Row, column: str) -> list[Any]:
    return [atom.value for atom in _values(row, column)]


def _first(row: Row, column: str) -> Any:
    """A scalar, or the content of an optional column; None where that is unset."""
    return next((atom.value for atom in _values(row, column)), None)


def _map(row: Row, column: str) -> dict[str, str]:
    return {key.value: value.value for key, value in _values(row, column).items()}


def _settings(row: Row, table: str) -> Settings:
    """Most rows have none: what a database did not tell is not looked at."""
    columns: dict[str, tuple[Atom, ...]] = {}
    maps: dict[str, Mapping[str, str]] = {}
    for name, kind in _SETTINGS[table]:
        datum = row._data.get(name)  # noqa: SLF001 - see above; absent where it is the default
        if datum is None or not datum.values:
            continue
        if kind is ColumnType.MAP:
            maps[name] = _map(row, name)
        elif (atoms := tuple(sorted(_atoms(row, name)))) != kind.default:
            columns[name] = atoms
    return Settings(columns, maps) if columns or maps else NO_SETTINGS
