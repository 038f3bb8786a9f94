"""The difference between a row of OVSDB and what it shall be, as the ops that mend it.

Three-way by construction: only the columns that the caller names and only the keys of the wanted
maps are compared and written; whatever else somebody put into a row of ours stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.model import OvsBridge, OvsInterface, OvsPort
from agent.planner.inventory import PlacedPort
from agent.planner.plan import ColumnValue, OvsdbOp, SetBridge, SetInterface, SetPort

PORT_COLUMNS = ("tag", "trunks", "vlan_mode", "protected")
INTERFACE_COLUMNS = ("mac", "mtu_request")


def mend_bridge(resource: str, row: OvsBridge, wanted: OvsBridge) -> tuple[OvsdbOp, ...]:
    """``wanted`` counts with its columns; its ports hold the marks of the local port."""
    columns = _changed_columns(row, wanted, ("datapath_type", "fail_mode"))
    if _datapath_type(row) == _datapath_type(wanted):
        columns.pop("datapath_type", None)
    marks = _changed_keys(row.external_ids, wanted.external_ids)
    ops: list[OvsdbOp] = []
    if columns or marks:
        ops.append(SetBridge(resource, row.name, row, columns, marks))
    for port in row.ports:
        if port.name == row.name:
            ops += _mend_local_port(resource, PlacedPort(row.name, port), wanted.external_ids)
    return tuple(ops)


def mend_port(
    resource: str,
    placed: PlacedPort,
    wanted: OvsPort,
    interface_columns: tuple[str, ...] = INTERFACE_COLUMNS,
    unset: frozenset[str] = frozenset(),
) -> tuple[OvsdbOp, ...]:
    """``unset`` names options of the interface that it shall not have."""
    row = placed.port
    columns = _changed_columns(row, wanted, PORT_COLUMNS)
    marks = _changed_keys(row.external_ids, wanted.external_ids)
    ops: list[OvsdbOp] = []
    if columns or marks:
        ops.append(SetPort(resource, placed.bridge, row.name, row, columns, marks))
    ops += _mend_interface(
        resource, row.interfaces[0], wanted.interfaces[0], interface_columns, unset
    )
    return tuple(ops)


def _mend_local_port(
    resource: str, placed: PlacedPort, marks: Mapping[str, str]
) -> tuple[OvsdbOp, ...]:
    row = placed.port
    ops: list[OvsdbOp] = []
    if missing := _changed_keys(row.external_ids, marks):
        ops.append(SetPort(resource, placed.bridge, row.name, row, external_ids=missing))
    for interface in row.interfaces:
        if interface.name == row.name:
            wanted = OvsInterface(interface.name, external_ids=marks)
            ops += _mend_interface(resource, interface, wanted, ())
    return tuple(ops)


def _mend_interface(
    resource: str,
    row: OvsInterface,
    wanted: OvsInterface,
    names: tuple[str, ...],
    unset: frozenset[str] = frozenset(),
) -> tuple[OvsdbOp, ...]:
    columns = _changed_columns(row, wanted, names)
    options = _changed_keys(row.options, wanted.options)
    marks = _changed_keys(row.external_ids, wanted.external_ids)
    without = unset & row.options.keys()
    if not (columns or options or marks or without):
        return ()
    return (SetInterface(resource, row.name, row, columns, options, marks, without),)


def _changed_columns(
    row: OvsBridge | OvsPort | OvsInterface,
    wanted: OvsBridge | OvsPort | OvsInterface,
    names: tuple[str, ...],
) -> dict[str, ColumnValue]:
    return {
        name: getattr(wanted, name) for name in names if _read(row, name) != _read(wanted, name)
    }


def _read(row: OvsBridge | OvsPort | OvsInterface, name: str) -> ColumnValue:
    value: ColumnValue = getattr(row, name)
    return value.lower() if name == "mac" and isinstance(value, str) else value


def _changed_keys(row: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in wanted.items() if row.get(key) != value}


def _datapath_type(bridge: OvsBridge) -> str:
    """Open vSwitch reads an empty datapath_type as ``system``."""
    return bridge.datapath_type or "system"
