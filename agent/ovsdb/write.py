"""One OVSDB transaction made of the planner's operations.

Sets change by mutation, so that what others put beside our rows stays; only the interfaces of a
port are written as a whole, which must not be empty between what goes and what comes. Every
operation that rests on a row as it was is checked twice: against the replica here, and by the
server at commit (``verify``), so that a plan that is out of date changes nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, assert_never

import ovs.db.idl

from agent.columns import SETTABLE, Atom, Settings
from agent.model import BOUND_KEY, BOUND_MTU_KEY
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.ovsdb import monitors
from agent.ovsdb.batch import Batch, OutOfDateError
from agent.ovsdb.qos import QosWriter
from agent.ovsdb.replica import Replica
from agent.ovsdb.rows import Row, freeze_interface
from agent.planner.ownership import ownership
from agent.planner.plan import (
    AddBridge,
    AddInterface,
    AddMirror,
    AddPort,
    Amendment,
    BindPort,
    ClearFlowExport,
    ColumnValue,
    DeleteBridge,
    DeleteInterface,
    DeleteMirror,
    DeletePort,
    DeleteStrays,
    MonitoringOp,
    OvsdbOp,
    SetBridge,
    SetFlowExport,
    SetInterface,
    SetMirror,
    SetPort,
    SetQos,
    UnbindPort,
)

_PartOp: TypeAlias = (
    BindPort | UnbindPort | AddInterface | SetInterface | DeleteInterface | MonitoringOp
)


class Writer:
    """Fills one transaction; lives in the OVSDB thread between two runs of the replica."""

    def __init__(self, replica: Replica, comment: str) -> None:
        self._batch = Batch(replica, comment)
        self._replica, self._root = replica, self._batch.root
        self._qos = QosWriter(self._batch)
        self._deleted_ports: set[str] = set()

    @property
    def transaction(self) -> ovs.db.idl.Transaction:
        return self._batch.transaction

    def write(self, op: OvsdbOp) -> None:
        match op:
            case AddBridge():
                self._add_bridge(op)
            case SetBridge():
                self._set_bridge(op)
            case DeleteBridge():
                self._delete_bridge(op)
            case AddPort():
                self._add_port(op)
            case SetPort():
                self._set_port(op)
            case DeletePort():
                self._delete_port(op)
            case _:
                self._write_part(op)

    def _write_part(self, op: _PartOp) -> None:
        match op:
            case BindPort() | UnbindPort():
                self._bind(op)
            case AddInterface():
                self._add_interface(op)
            case SetInterface():
                self._set_interface(op)
            case DeleteInterface():
                self._delete_interface(op)
            case _:
                self._write_monitoring(op)

    def _write_monitoring(self, op: MonitoringOp) -> None:
        match op:
            case SetQos():
                self._qos.set(op)
            case DeleteStrays():
                self._qos.delete_strays(op)
            case AddMirror():
                monitors.add_mirror(self._batch, op)
            case SetMirror():
                monitors.set_mirror(self._batch, op)
            case DeleteMirror():
                monitors.delete_mirror(self._batch, op)
            case SetFlowExport():
                monitors.set_flow_export(self._batch, op)
            case ClearFlowExport():
                monitors.clear_flow_export(self._batch, op)
            case _:
                assert_never(op)

    def _add_bridge(self, op: AddBridge) -> None:
        marks = dict(op.external_ids)
        interface = self._batch.insert(
            "Interface", name=op.name, type="internal", external_ids=marks
        )
        port = self._batch.insert("Port", name=op.name, interfaces=[interface], external_ids=marks)
        self._batch.new_ports[op.name] = port
        bridge = self._batch.new_bridges[op.name] = self._batch.insert(
            "Bridge",
            name=op.name,
            datapath_type=op.datapath_type,
            fail_mode=[op.fail_mode],
            external_ids={**op.own_ids, **marks},
            **_all_of("Bridge", op.settings),
        )
        bridge.addvalue("ports", port)
        self._root.addvalue("bridges", bridge)

    def _set_bridge(self, op: SetBridge) -> None:
        row = self._batch.find("Bridge", op.name)
        current = self._replica.bridge(row)
        _verify(row, current, op.based_on, _touched(op.columns, external_ids=op.external_ids))
        _amend("Bridge", row, current, op)
        _write(row, op.columns, external_ids=op.external_ids)

    def _delete_bridge(self, op: DeleteBridge) -> None:
        row = self._batch.find("Bridge", op.name)
        current = self._replica.bridge(row)
        others = {port.name for port in current.ports} - {op.name} - self._deleted_ports
        if others:
            raise OutOfDateError(f"bridge {op.name} has other ports: {', '.join(sorted(others))}")
        _verify(row, current, op.based_on, ["external_ids"])
        row.verify("ports")
        self._root.delvalue("bridges", row)
        row.delete()

    def _add_port(self, op: AddPort) -> None:
        row = self._batch.new_ports[op.port.name] = self._insert_port(op.port)
        self._batch.bridge(op.bridge).addvalue("ports", row)

    def _insert_port(self, port: OvsPort) -> Row:
        return self._batch.insert(
            "Port",
            name=port.name,
            interfaces=[self._insert_interface(interface) for interface in port.interfaces],
            tag=_atoms(port.tag),
            trunks=_atoms(port.trunks),
            vlan_mode=_atoms(port.vlan_mode),
            protected=port.protected,
            external_ids=dict(port.external_ids),
            qos=[] if port.qos is None else self._qos.given(port.qos),
            **_all_of("Port", port.settings),
        )

    def _insert_interface(self, interface: OvsInterface) -> Row:
        return self._batch.insert(
            "Interface",
            name=interface.name,
            type=interface.type,
            options=dict(interface.options),
            mac=_atoms(interface.mac),
            mtu_request=_atoms(interface.mtu_request),
            external_ids=dict(interface.external_ids),
            **_all_of("Interface", interface.settings),
        )

    def _set_port(self, op: SetPort) -> None:
        row = self._batch.find("Port", op.name)
        current = self._replica.port(row)
        _verify(row, current, op.based_on, _touched(op.columns, external_ids=op.external_ids))
        _amend("Port", row, current, op)
        _write(row, op.columns, external_ids=op.external_ids)

    def _bind(self, op: BindPort | UnbindPort) -> None:
        """All that says which port it is and that its tag has the effect meant is verified."""
        row = self._placed(op.bridge, op.based_on.name)
        current = self._replica.port(row)
        if _names(current) != _names(op.based_on):
            raise OutOfDateError(f"port {op.based_on.name} has other interfaces than it had")
        row.verify("interfaces")
        _verify(row, current, op.based_on, ["tag", "trunks", "vlan_mode", "external_ids"])
        for there, before in zip(current.interfaces, op.based_on.interfaces, strict=True):
            interface = self._batch.find("Interface", there.name)
            _verify(interface, there, before, ["external_ids", "mtu_request"])
            if isinstance(op, UnbindPort):
                interface.mtu_request = _atoms(op.mtu or None)
            elif op.mtu:
                interface.mtu_request = [op.mtu]
        if isinstance(op, UnbindPort):
            row.delkey("external_ids", BOUND_KEY)
            row.delkey("external_ids", BOUND_MTU_KEY)
        else:
            row.setkey("external_ids", BOUND_KEY, op.mark)
            if op.mtu_before:
                row.setkey("external_ids", BOUND_MTU_KEY, str(op.mtu_before))
            elif op.mtu_before is not None:
                row.delkey("external_ids", BOUND_MTU_KEY)
        if op.tag is not None:
            row.tag = _atoms(op.tag or None)

    def _add_interface(self, op: AddInterface) -> None:
        row = self._placed(op.bridge, op.port)
        row.verify("interfaces")
        row.interfaces = [*row.interfaces, self._insert_interface(op.interface)]

    def _delete_interface(self, op: DeleteInterface) -> None:
        row, interface = (
            self._placed(op.bridge, op.port),
            self._batch.find("Interface", op.based_on.name),
        )
        if op.based_on.name not in _names(self._replica.port(row)):
            raise OutOfDateError(f"interface {op.based_on.name} is not in port {op.port}")
        _verify(interface, freeze_interface(interface), op.based_on, ["external_ids"])
        row.verify("interfaces")
        row.interfaces = [each for each in row.interfaces if each != interface]
        interface.delete()

    def _placed(self, bridge: str, port: str) -> Row:
        row = self._batch.find("Port", port)
        if self._replica.bridge_of(row) != self._batch.find("Bridge", bridge):
            raise OutOfDateError(f"port {port} is not in bridge {bridge}")
        return row

    def _set_interface(self, op: SetInterface) -> None:
        row = self._batch.find("Interface", op.name)
        maps = {"options": op.options, "external_ids": op.external_ids}
        named = maps | {"options": {**op.options, **dict.fromkeys(op.without, "")}}
        current = freeze_interface(row)
        _verify(row, current, op.based_on, _touched(op.columns, **named))
        _amend("Interface", row, current, op)
        _write(row, op.columns, **maps)
        for key in op.without:
            row.delkey("options", key)

    def _delete_port(self, op: DeletePort) -> None:
        bridge, row = self._batch.find("Bridge", op.bridge), self._placed(op.bridge, op.name)
        current = self._replica.port(row)
        if _names(current) != _names(op.based_on):
            raise OutOfDateError(f"port {op.name} has other interfaces than it had")
        _verify(row, current, op.based_on, ["external_ids"])
        row.verify("interfaces")
        self._deleted_ports.add(op.name)
        bridge.delvalue("ports", row)
        if self._qos.release(row, ownership(op.based_on.external_ids)):
            row.qos = []  # ovsdb-server counts references before it collects the port
        else:
            row.delete()


def _names(port: OvsPort) -> set[str]:
    return {interface.name for interface in port.interfaces}


def _touched(columns: Iterable[str], **maps: Mapping[str, str]) -> list[str]:
    return [*columns, *(name for name, keys in maps.items() if keys)]


def _verify(
    row: Row,
    current: OvsBridge | OvsPort | OvsInterface,
    based_on: OvsBridge | OvsPort | OvsInterface,
    columns: Sequence[str],
) -> None:
    for column in columns:
        if getattr(current, column) != getattr(based_on, column):
            raise OutOfDateError(f"{column} of {current.name} changed")
    for column in columns:
        row.verify(column)


def _write(row: Row, columns: Mapping[str, ColumnValue], **maps: Mapping[str, str]) -> None:
    for column, value in columns.items():
        whole = isinstance(value, str | bool) and column in ("datapath_type", "protected")
        setattr(row, column, value if whole else _atoms(value))
    for name, keys in maps.items():
        for key, value in keys.items():
            row.setkey(name, key, value)


def _atoms(value: ColumnValue) -> list[Any]:
    """A set column's content; an optional one is a set of at most one."""
    if value is None:
        return []
    return sorted(value) if isinstance(value, frozenset) else [value]


def _all_of(table: str, settings: Settings) -> dict[str, Any]:
    """For a row that is being made."""
    columns = {name: _column(table, name, atoms) for name, atoms in settings.columns.items()}
    return columns | {name: dict(keys) for name, keys in settings.maps.items()}


def _amend(
    table: str,
    row: Row,
    current: OvsBridge | OvsPort | OvsInterface,
    op: SetBridge | SetPort | SetInterface,
) -> None:
    changes: Amendment = op.settings
    for column in sorted(changes.touched()):
        if _setting(current, column) != _setting(op.based_on, column):
            raise OutOfDateError(f"{column} of {op.name} changed")
        row.verify(column)
    for column, atoms in changes.columns.items():
        setattr(row, column, _column(table, column, atoms))
    for column, gone in changes.without.items():
        for key in gone:
            row.delkey(column, key)
    for column, keys in changes.keys.items():
        for key, value in keys.items():
            row.setkey(column, key, value)


def _setting(row: OvsBridge | OvsPort | OvsInterface, column: str) -> Any:
    if column == "external_ids":
        return row.external_ids
    return row.settings.columns.get(column, row.settings.maps.get(column))


def _column(table: str, name: str, atoms: tuple[Atom, ...]) -> Any:
    """In python-ovs's words: a scalar by itself, a set as a list."""
    return atoms[0] if SETTABLE[table][name].is_scalar else list(atoms)
