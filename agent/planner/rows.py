"""The difference between a row of OVSDB and what it shall be, as the ops that mend it.

Three-way by construction: only the columns that the caller names and only the keys of the wanted
maps are compared and written; whatever else somebody put into a row of ours stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent.columns import Release
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.plan import ColumnValue, OvsdbOp, SetBridge, SetInterface, SetPort
from agent.planner.qos import mend_qos
from agent.planner.releases import amend, changed_keys

PORT_COLUMNS = ("tag", "trunks", "vlan_mode", "protected")
INTERFACE_COLUMNS = ("mac", "mtu_request")


def mend_bridge(
    resource: str,
    row: OvsBridge,
    wanted: OvsBridge,
    marks: Mapping[str, str],
    released: Collection[Release] = (),
) -> tuple[OvsdbOp, ...]:
    """``marks`` are those of the local port; ``released`` is to be given back."""
    columns = _changed_columns(row, wanted, ("datapath_type", "fail_mode"))
    if _datapath_type(row) == _datapath_type(wanted):
        columns.pop("datapath_type", None)
    ids = changed_keys(row.external_ids, wanted.external_ids)
    settings = amend("Bridge", row, wanted, released)
    ops: list[OvsdbOp] = []
    if columns or ids or settings:
        ops.append(SetBridge(resource, row.name, row, columns, ids, settings))
    for port in row.ports:
        if port.name == row.name:
            ops += _mend_local_port(resource, PlacedPort(row.name, port), marks)
    return tuple(ops)


def mend_port(
    resource: str,
    placed: PlacedPort,
    wanted: OvsPort,
    *,
    interface_columns: tuple[str, ...] = INTERFACE_COLUMNS,
    unset: frozenset[str] = frozenset(),
    inventory: Inventory | None = None,
    interface_released: Collection[Release] = (),
) -> tuple[OvsdbOp, ...]:
    """``unset`` names options of the interfaces that they shall not have.

    Interfaces count by their names; what ``inventory`` knows as released is given back, and
    ``interface_released`` by every interface.
    """
    row = placed.port
    released = inventory.released(resource, "Port", row.name) if inventory else ()
    columns = _changed_columns(row, wanted, PORT_COLUMNS)
    marks = changed_keys(row.external_ids, wanted.external_ids)
    settings = amend("Port", row, wanted, released)
    ops: list[OvsdbOp] = []
    if columns or marks or settings:
        ops.append(SetPort(resource, placed.bridge, row.name, row, columns, marks, settings))
    ops += mend_qos(resource, placed, wanted)
    wishes = {each.name: each for each in wanted.interfaces}
    for interface in row.interfaces:
        if wish := wishes.get(interface.name):
            given = interface_released
            if inventory is not None:
                given = inventory.released(resource, "Interface", interface.name)
            ops += _mend_interface(
                resource, interface, wish, interface_columns, unset=unset, released=given
            )
    return tuple(ops)


def _mend_local_port(
    resource: str, placed: PlacedPort, marks: Mapping[str, str]
) -> tuple[OvsdbOp, ...]:
    row = placed.port
    ops: list[OvsdbOp] = []
    if missing := changed_keys(row.external_ids, marks):
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
    *,
    unset: frozenset[str] = frozenset(),
    released: Collection[Release] = (),
) -> tuple[OvsdbOp, ...]:
    columns = _changed_columns(row, wanted, names)
    options = changed_keys(row.options, wanted.options)
    marks = changed_keys(row.external_ids, wanted.external_ids)
    without = unset & row.options.keys()
    settings = amend("Interface", row, wanted, released)
    if not (columns or options or marks or without or settings):
        return ()
    return (SetInterface(resource, row.name, row, columns, options, marks, without, settings),)


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


def _datapath_type(bridge: OvsBridge) -> str:
    """Open vSwitch reads an empty datapath_type as ``system``."""
    return bridge.datapath_type or "system"
