"""The replica of the database, with what the agent needs at hand as it changes.

:class:`Replica` belongs to the one thread that runs it. It keeps rows by name, and a frozen picture
of each port and bridge that is made again only when a row under it changed: a look at a host with
ten thousand ports costs what has changed since the last one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import ovs.db.idl

from agent.model import OvsBridge, OvsInterface, OvsPort
from agent.ovsdb.schema import TABLES, excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

Row: TypeAlias = Any
"""An ``ovs.db.idl.Row``; python-ovs has no types. It never leaves the thread."""

_ROOT = "Open_vSwitch"
_COUNTERS = frozenset({"next_cfg", "cur_cfg"})


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
        self.changes = 0
        self._names: dict[str, dict[str, Row]] = {table: {} for table in TABLES}
        self._ports: dict[UUID, OvsPort] = {}
        self._bridges: dict[UUID, OvsBridge] = {}
        self._parents: dict[UUID, UUID] = {}

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
            if self.find(table, row.name) is None:
                self._names[table].pop(row.name, None)
        else:
            self._names[table][row.name] = row

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
        return {row.name: self.bridge(row) for row in self.tables["Bridge"].rows.values()}

    def bridge(self, row: Row) -> OvsBridge:
        bridge = self._bridges.get(row.uuid)
        if bridge is None:
            ports: Sequence[Row] = row.ports
            self._parents.update({port.uuid: row.uuid for port in ports})
            bridge = self._bridges[row.uuid] = OvsBridge(
                name=row.name,
                ports=tuple(sorted(map(self.port, ports), key=lambda port: port.name)),
                datapath_type=row.datapath_type,
                fail_mode=_first(row.fail_mode),
                external_ids=dict(row.external_ids),
            )
        return bridge

    def port(self, row: Row) -> OvsPort:
        port = self._ports.get(row.uuid)
        if port is None:
            interfaces: Sequence[Row] = row.interfaces
            self._parents.update({interface.uuid: row.uuid for interface in interfaces})
            port = self._ports[row.uuid] = OvsPort(
                name=row.name,
                interfaces=tuple(map(freeze_interface, interfaces)),
                tag=_first(row.tag),
                trunks=frozenset(row.trunks),
                vlan_mode=_first(row.vlan_mode),
                protected=row.protected,
                external_ids=dict(row.external_ids),
            )
        return port


def freeze_interface(row: Row) -> OvsInterface:
    return OvsInterface(
        name=row.name,
        type=row.type,
        options=dict(row.options),
        mac=_first(row.mac),
        mtu_request=_first(row.mtu_request),
        external_ids=dict(row.external_ids),
        ofport=_first(row.ofport),
        error=_first(row.error),
    )


def _first(value: Iterable[Any]) -> Any:
    """An OVSDB optional is a set of at most one."""
    return next(iter(value), None)
