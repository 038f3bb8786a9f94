"""The replica of the database, with what the agent needs at hand as it changes.

:class:`Replica` belongs to the one thread that runs it. It keeps rows by name, and a frozen picture
of each port and bridge that is made again only when a row under it changed: a look at a host with
ten thousand ports costs what has changed since the last one.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection
from typing import Any
from uuid import UUID

import ovs.db.idl
import ovs.jsonrpc

from agent.columns import every_column
from agent.monitoring import EXPORT_TABLES, OvsFlowExport, OvsMirror, OvsQos, Stray
from agent.observed import OvsBridge, OvsPort
from agent.ovsdb.rows import (
    Row,
    atoms_of,
    first,
    freeze_export,
    freeze_interface,
    freeze_queue,
    map_of,
    pairs,
    referred,
    settings_of,
    stray,
)
from agent.ovsdb.schema import DATABASE, TABLES, columns_of, excerpt

_ROOT = "Open_vSwitch"
_PAUSE_MS = 1000
"""Between attempts to connect, however many failed: to try a socket of this host costs nothing."""
_COUNTERS = frozenset({"next_cfg", "cur_cfg"})
_NAMED = frozenset({"Bridge", "Port", "Interface"})
"""Tables whose rows have a name that no other row has."""
_GONE = 1000
"""How many deleted rows are remembered."""


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
        self._names: dict[str, dict[str, Row]] = {table: {} for table in _NAMED}
        self._gone: deque[tuple[str, str, UUID]] = deque(maxlen=_GONE)
        """Table, name and UUID of rows that were deleted, for those who ask by whom."""
        self._ports: dict[UUID, OvsPort] = {}
        self._bridges: dict[UUID, OvsBridge] = {}
        self._parents: dict[UUID, UUID] = {}
        self._users: dict[UUID, set[UUID]] = {}
        """Of rows that several others may refer to: those whose pictures they are in."""

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
        if table not in _NAMED:
            return
        if event == ovs.db.idl.ROW_DELETE:
            self._parents.pop(row.uuid, None)
            self._gone.append((table, first(row, "name"), row.uuid))
            if self.find(table, first(row, "name")) is None:
                self._names[table].pop(first(row, "name"), None)
        else:
            self._names[table][first(row, "name")] = row

    def _notify_root(self, event: str, updates: Row) -> None:
        if event != ovs.db.idl.ROW_UPDATE:
            # The root row appears anew exactly when the whole replica was loaded anew.
            for cache in (self._ports, self._bridges, self._parents, self._users):
                cache.clear()
            self.changes += 1
        elif any(hasattr(updates, column) for column in TABLES[_ROOT].keys() - _COUNTERS):
            self.changes += 1

    def _forget(self, uuid: UUID | None) -> None:
        while uuid is not None:
            self._ports.pop(uuid, None)
            self._bridges.pop(uuid, None)
            for user in self._users.pop(uuid, ()):
                self._forget(user)
            uuid = self._parents.get(uuid)

    def find(self, table: str, name: str) -> Row | None:
        """The row of that name; None also while the running transaction deletes it."""
        row = self._names[table].get(name)
        return row if row is not None and self.tables[table].rows.get(row.uuid) is row else None

    def rows_named(
        self, names: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], frozenset[str]]:
        """UUIDs of the rows that have these names in these tables, or had them lately."""
        found: dict[tuple[str, str], set[str]] = {name: set() for name in names}
        for table, name, uuid in self._gone:
            if (table, name) in found:
                found[table, name].add(str(uuid))
        for table, name in names:
            row = self.find(table, name)
            if row is not None:
                found[table, name].add(str(row.uuid))
        return {name: frozenset(uuids) for name, uuids in found.items()}

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
                name=first(row, "name"),
                ports=tuple(sorted(map(self.port, ports), key=lambda port: port.name)),
                datapath_type=first(row, "datapath_type"),
                fail_mode=first(row, "fail_mode"),
                external_ids=map_of(row, "external_ids"),
                settings=settings_of(row, "Bridge"),
                mirrors=self._mirrors(row),
                exports=self._exports(row),
            )
        return bridge

    def port(self, row: Row) -> OvsPort:
        port = self._ports.get(row.uuid)
        if port is None:
            interfaces = map(freeze_interface, self._referred(row, "interfaces", "Interface"))
            port = self._ports[row.uuid] = OvsPort(
                name=first(row, "name"),
                interfaces=tuple(sorted(interfaces, key=lambda each: each.name)),
                tag=first(row, "tag"),
                trunks=frozenset(atoms_of(row, "trunks")),
                vlan_mode=first(row, "vlan_mode"),
                protected=first(row, "protected"),
                external_ids=map_of(row, "external_ids"),
                settings=settings_of(row, "Port"),
                qos=self._qos(row),
            )
        return port

    def _referred(self, row: Row, column: str, table: str) -> list[Row]:
        """The rows that a column refers to, remembered as children of ``row``."""
        children = atoms_of(row, column)
        self._parents.update(dict.fromkeys(children, row.uuid))
        rows = self.tables[table].rows
        return [child for uuid in children if (child := rows.get(uuid)) is not None]

    def _used(self, user: Row, table: str, uuid: UUID) -> Row | None:
        """The row, remembered as one that ``user``'s picture shows."""
        self._users.setdefault(uuid, set()).add(user.uuid)
        return self.tables[table].rows.get(uuid)

    # --- what is shaped, mirrored and exported ---------------------------------------------------

    def _qos(self, port: Row) -> OvsQos | None:
        for uuid in referred(port, "qos"):
            if (row := self._used(port, "QoS", uuid)) is not None:
                return self.qos(row, port)
        return None

    def qos(self, row: Row, port: Row) -> OvsQos:
        queues = {
            number: freeze_queue(queue)
            for number, uuid in sorted(pairs(row, "queues").items())
            if (queue := self._used(port, "Queue", uuid)) is not None
        }
        ids = map_of(row, "external_ids")
        config = map_of(row, "other_config")
        return OvsQos(first(row, "type"), config, queues, ids, str(row.uuid))

    def _mirrors(self, bridge: Row) -> tuple[OvsMirror, ...]:
        found = (self._used(bridge, "Mirror", uuid) for uuid in referred(bridge, "mirrors"))
        mirrors = [self.mirror(row) for row in found if row is not None]
        return tuple(sorted(mirrors, key=lambda each: (each.name, sorted(each.external_ids))))

    def mirror(self, row: Row) -> OvsMirror:
        return OvsMirror(
            name=first(row, "name"),
            select_all=first(row, "select_all"),
            select_src_port=frozenset(self._port_names(row, "select_src_port")),
            select_dst_port=frozenset(self._port_names(row, "select_dst_port")),
            select_vlan=frozenset(atoms_of(row, "select_vlan")),
            output_port=next(iter(self._port_names(row, "output_port")), None),
            output_vlan=first(row, "output_vlan"),
            snaplen=first(row, "snaplen"),
            external_ids=map_of(row, "external_ids"),
        )

    def _port_names(self, mirror: Row, column: str) -> list[str]:
        ports = self.tables["Port"].rows
        found = (ports.get(uuid) for uuid in atoms_of(mirror, column))
        return [first(row, "name") for row in found if row is not None]

    def _exports(self, bridge: Row) -> dict[str, OvsFlowExport]:
        return {
            table: freeze_export(row, table)
            for table in EXPORT_TABLES
            for uuid in referred(bridge, table.lower())
            if (row := self._used(bridge, table, uuid)) is not None
        }

    def strays(self) -> frozenset[Stray]:
        """Of the rows that bear somebody's mark, those that nothing refers to."""
        shaped, queues = self.tables["QoS"].rows, self.tables["Queue"].rows
        if not shaped and not queues:
            return frozenset()
        used = {uuid for row in shaped.values() for uuid in pairs(row, "queues").values()}
        loose = [("QoS", row) for row in shaped.values() if not self._is_taken(row)]
        loose += [("Queue", row) for row in queues.values() if row.uuid not in used]
        return frozenset(found for table, row in loose if (found := stray(table, row)))

    def _is_taken(self, qos: Row) -> bool:
        """Whether a port refers to it, as of the last :meth:`bridges`."""
        ports = self.tables["Port"].rows
        users = (ports.get(uuid) for uuid in self._users.get(qos.uuid, ()))
        return any(row is not None and qos.uuid in referred(row, "qos") for row in users)
