"""An in-memory Open vSwitch database: rows as pictures, changed by the planner's operations.

Belongs to ``tests.support.switch``. As ovsdb-server does, it drops what equals a column's default
and refuses a transaction that rests on rows which are not there any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from agent.columns import SETTABLE, Atom, Settings
from agent.model import BOUND_KEY, BOUND_MTU_KEY, ID_KEY, OWNER_KEY
from agent.monitoring import Stray
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.planner.ownership import ownership
from agent.planner.plan import (
    AddBridge,
    AddInterface,
    AddMirror,
    AddPort,
    Amendment,
    BindPort,
    ClearFlowExport,
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
from tests.support.monitoring_rows import (
    exporting,
    known_ports,
    left_behind,
    mirrored,
    not_exporting,
    shaped,
    unmirrored,
)

_PartOp: TypeAlias = (
    BindPort | UnbindPort | AddInterface | SetInterface | DeleteInterface | MonitoringOp
)


class OutOfDateError(Exception):
    """The rows are not what the plan was made from: nothing of the transaction is written."""


class Rows:
    """``bridges`` may be changed by hand at any time."""

    def __init__(
        self, bridges: Mapping[str, OvsBridge], strays: frozenset[Stray] = frozenset()
    ) -> None:
        self.bridges = dict(bridges)
        self.strays = strays

    def write(self, op: OvsdbOp) -> None:
        match op:
            case AddBridge():
                self._add_bridge(op)
            case SetBridge():
                row = self._bridge(op.name)
                marks = {**_amended_ids(row.external_ids, op.settings), **op.external_ids}
                settings = amended("Bridge", row.settings, op.settings)
                self.bridges[op.name] = replace(
                    row,
                    **op.columns,  # type: ignore[arg-type]
                    external_ids=marks,
                    settings=settings,
                )
            case DeleteBridge():
                _expect([port.name for port in self._bridge(op.name).ports] in ([op.name], []), op)
                del self.bridges[op.name]
            case AddPort():
                self._add_port(op)
            case SetPort():
                self._set_port(op)
            case DeletePort():
                port = self._port(op.bridge, op.name)
                _expect(_same_row(port, op.based_on), op)
                self.strays |= {*left_behind(port.qos, ownership(port.external_ids))}
                self._keep_ports(op.bridge, lambda port: port.name != op.name)
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
                port = self._port(op.bridge, op.port)
                self.strays |= {*left_behind(port.qos, op.external_ids)}
                self.put_port(op.bridge, shaped(port, op))
            case DeleteStrays():
                gone = (op.external_ids[OWNER_KEY], op.external_ids[ID_KEY])
                self.strays = frozenset(s for s in self.strays if (s.owner, s.resource) != gone)
            case AddMirror():
                row = self._bridge(op.bridge)
                self.bridges[op.bridge] = replace(row, mirrors=(*row.mirrors, op.mirror))
            case SetMirror():
                self.bridges[op.bridge] = mirrored(self._bridge(op.bridge), op)
            case DeleteMirror():
                self.bridges[op.bridge] = unmirrored(self._bridge(op.bridge), op)
            case SetFlowExport():
                changed = {name: exporting(self._bridge(name), op) for name in op.bridges}
                self.bridges.update(changed)
            case ClearFlowExport():
                self.bridges[op.bridge] = not_exporting(self._bridge(op.bridge), op)

    def forget_references(self) -> None:
        """To ports that are gone."""
        self.bridges.update({name: known_ports(row) for name, row in self.bridges.items()})

    def put_port(self, bridge: str, changed: OvsPort) -> None:
        ports = (
            changed if port.name == changed.name else port for port in self._bridge(bridge).ports
        )
        self.bridges[bridge] = replace(self.bridges[bridge], ports=tuple(ports))

    def interfaces(self) -> Iterator[tuple[OvsBridge, OvsInterface]]:
        for bridge in self.bridges.values():
            for port in bridge.ports:
                yield from ((bridge, interface) for interface in port.interfaces)

    def _add_bridge(self, op: AddBridge) -> None:
        _expect(op.name not in self._names(), op)
        interface = OvsInterface(op.name, type="internal", external_ids=op.external_ids)
        local = OvsPort(op.name, (interface,), external_ids=op.external_ids)
        self.bridges[op.name] = OvsBridge(
            op.name,
            (local,),
            op.datapath_type,
            op.fail_mode,
            {**op.own_ids, **op.external_ids},
            stored("Bridge", op.settings),
        )

    def _add_port(self, op: AddPort) -> None:
        interfaces = tuple(_stored_interface(each) for each in op.port.interfaces)
        _expect(not {op.port.name, *(each.name for each in interfaces)} & self._names(), op)
        made = replace(op.port, interfaces=interfaces, settings=stored("Port", op.port.settings))
        row = self._bridge(op.bridge)
        self.bridges[op.bridge] = replace(row, ports=(*row.ports, made))
        # Somebody else's QoS that the port had before: it is the same row, and in use again.
        self.strays -= {*left_behind(op.port.qos, ownership(op.port.external_ids))}

    def _set_port(self, op: SetPort) -> None:
        row = self._port(op.bridge, op.name)
        changed = replace(
            row,
            **op.columns,  # type: ignore[arg-type]
            external_ids={**_amended_ids(row.external_ids, op.settings), **op.external_ids},
            settings=amended("Port", row.settings, op.settings),
        )
        self.put_port(op.bridge, changed)

    def _bind(self, op: BindPort | UnbindPort) -> None:
        row = self._port(op.bridge, op.based_on.name)
        _expect(_same_row(row, op.based_on) and _tagging(row) == _tagging(op.based_on), op)
        (interface,) = row.interfaces
        (before,) = op.based_on.interfaces
        _expect(interface.external_ids == before.external_ids, op)
        ids = {key: value for key, value in row.external_ids.items() if key != BOUND_KEY}
        if isinstance(op, UnbindPort) or op.mtu_before is not None:
            ids.pop(BOUND_MTU_KEY, None)
        if isinstance(op, BindPort):
            ids[BOUND_KEY] = op.mark
            if op.mtu_before:
                ids[BOUND_MTU_KEY] = str(op.mtu_before)
            interface = replace(interface, mtu_request=op.mtu or interface.mtu_request)
        else:
            interface = replace(interface, mtu_request=op.mtu or None)
        tag = row.tag if op.tag is None else op.tag or None
        self.put_port(op.bridge, replace(row, interfaces=(interface,), tag=tag, external_ids=ids))

    def _add_interface(self, op: AddInterface) -> None:
        _expect(op.interface.name not in self._names(), op)
        row = self._port(op.bridge, op.port)
        made = _stored_interface(op.interface)
        self.put_port(op.bridge, replace(row, interfaces=(*row.interfaces, made)))

    def _delete_interface(self, op: DeleteInterface) -> None:
        row = self._port(op.bridge, op.port)
        kept = tuple(each for each in row.interfaces if each.name != op.based_on.name)
        _expect(bool(kept) and len(kept) < len(row.interfaces), op)
        self.put_port(op.bridge, replace(row, interfaces=kept))

    def _set_interface(self, op: SetInterface) -> None:
        for bridge in tuple(self.bridges.values()):
            for port in bridge.ports:
                if any(row.name == op.name for row in port.interfaces):
                    rows = (
                        _changed(row, op) if row.name == op.name else row for row in port.interfaces
                    )
                    self.put_port(bridge.name, replace(port, interfaces=tuple(rows)))
                    return
        raise OutOfDateError(op.describe())

    def _bridge(self, name: str) -> OvsBridge:
        if name not in self.bridges:
            raise OutOfDateError(f"bridge {name} is gone")
        return self.bridges[name]

    def _port(self, bridge: str, name: str) -> OvsPort:
        for port in self._bridge(bridge).ports:
            if port.name == name:
                return port
        raise OutOfDateError(f"port {name} is gone")

    def _keep_ports(self, bridge: str, keeps: Callable[[OvsPort], bool]) -> None:
        row = self._bridge(bridge)
        self.bridges[bridge] = replace(row, ports=tuple(port for port in row.ports if keeps(port)))

    def _names(self) -> set[str]:
        return {
            name
            for bridge in self.bridges.values()
            for port in bridge.ports
            for name in (bridge.name, port.name, *(each.name for each in port.interfaces))
        }


def _changed(row: OvsInterface, op: SetInterface) -> OvsInterface:
    kept = {key: value for key, value in row.options.items() if key not in op.without}
    return replace(
        row,
        **op.columns,  # type: ignore[arg-type]
        options={**kept, **op.options},
        external_ids={**_amended_ids(row.external_ids, op.settings), **op.external_ids},
        settings=amended("Interface", row.settings, op.settings),
    )


def _stored_interface(row: OvsInterface) -> OvsInterface:
    return replace(row, settings=stored("Interface", row.settings))


def stored(table: str, settings: Settings) -> Settings:
    """What can be read back: not the columns that are at their default."""
    columns: dict[str, tuple[Atom, ...]] = {
        name: tuple(sorted(set(atoms)))
        for name, atoms in settings.columns.items()
        if atoms != SETTABLE[table][name].default
    }
    maps = {name: dict(keys) for name, keys in settings.maps.items() if keys}
    return Settings(columns, maps)


def amended(table: str, have: Settings, change: Amendment) -> Settings:
    maps = {name: dict(keys) for name, keys in have.maps.items()}
    for name, keys in change.keys.items():
        maps[name] = {**maps.get(name, {}), **keys}
    for name, gone in change.without.items():
        maps[name] = {k: v for k, v in maps.get(name, {}).items() if k not in gone}
    maps.pop("external_ids", None)
    return stored(table, Settings({**have.columns, **change.columns}, maps))


def _amended_ids(external_ids: Mapping[str, str], change: Amendment) -> dict[str, str]:
    gone = change.without.get("external_ids", frozenset())
    return {key: value for key, value in external_ids.items() if key not in gone}


def _same_row(row: OvsPort, based_on: OvsPort) -> bool:
    names = ({each.name for each in port.interfaces} for port in (row, based_on))
    return row.external_ids == based_on.external_ids and next(names) == next(names)


def _tagging(row: OvsPort) -> tuple[object, ...]:
    return row.tag, row.trunks, row.vlan_mode


def _expect(holds: bool, op: OvsdbOp) -> None:
    if not holds:
        raise OutOfDateError(op.describe())
