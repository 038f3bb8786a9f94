"""The steps of a plan that are written to OVSDB: ``agent.ovsdb`` executes them.

Each is a plain value as ``agent.planner.plan`` says. Set steps change only what they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from agent.model import OvsBridge, OvsInterface, OvsPort
from agent.planner.wording import ColumnValue, changes


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


def _no_columns() -> Mapping[str, ColumnValue]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AddBridge:
    """Insert a Bridge with its local Port and Interface (type ``internal``), all of ``name``.

    ``external_ids`` go on all three rows. The bridge is appended to Open_vSwitch.bridges.
    """

    resource: str
    name: str
    datapath_type: str
    external_ids: Mapping[str, str]
    fail_mode: str = "standalone"

    def describe(self) -> str:
        return f"create bridge {self.name} (datapath_type {self.datapath_type})"


@dataclass(frozen=True, slots=True)
class SetBridge:
    """Write whole ``columns`` (datapath_type, fail_mode) and the keys of ``external_ids``.

    ``based_on`` is the row as it was when the plan was made: where the named columns read
    differently now, the plan is out of date. The same holds for the other Set steps.
    """

    resource: str
    name: str
    based_on: OvsBridge
    columns: Mapping[str, ColumnValue] = field(default_factory=_no_columns)
    external_ids: Mapping[str, str] = field(default_factory=_empty)

    def describe(self) -> str:
        return f"change bridge {self.name}: {changes(self.columns, self.external_ids)}"


@dataclass(frozen=True, slots=True)
class DeleteBridge:
    """Delete a Bridge; its local port goes with it. Every other port of ours has a DeletePort.

    Must not be executed when the bridge has other ports than its local one by then, or when its
    external_ids are no longer those of ``based_on``.
    """

    resource: str
    name: str
    based_on: OvsBridge

    def describe(self) -> str:
        return f"delete bridge {self.name}"


@dataclass(frozen=True, slots=True)
class AddPort:
    """Insert a Port with its one Interface, of the same name, into ``bridge``.

    ``port`` holds every column to write on both rows, the marks included; its ofport and error
    mean nothing here. ``bridge`` may be one that the same transaction creates.
    """

    resource: str
    bridge: str
    port: OvsPort

    def describe(self) -> str:
        interface = self.port.interfaces[0]
        kind = interface.type or "system"
        where = f" to {interface.options['remote_ip']}" if "remote_ip" in interface.options else ""
        tag = "" if self.port.tag is None else f", tag {self.port.tag}"
        return f"add {kind} port {self.port.name}{where} to bridge {self.bridge}{tag}"


@dataclass(frozen=True, slots=True)
class SetPort:
    """Write whole ``columns`` (tag, trunks, vlan_mode, protected) and keys of external_ids."""

    resource: str
    bridge: str
    name: str
    based_on: OvsPort
    columns: Mapping[str, ColumnValue] = field(default_factory=_no_columns)
    external_ids: Mapping[str, str] = field(default_factory=_empty)

    def describe(self) -> str:
        return f"change port {self.name}: {changes(self.columns, self.external_ids)}"


@dataclass(frozen=True, slots=True)
class SetInterface:
    """Write whole ``columns`` (mac, mtu_request), and keys of options and external_ids.

    ``without`` names keys to take out of options.
    """

    resource: str
    name: str
    based_on: OvsInterface
    columns: Mapping[str, ColumnValue] = field(default_factory=_no_columns)
    options: Mapping[str, str] = field(default_factory=_empty)
    external_ids: Mapping[str, str] = field(default_factory=_empty)

    without: frozenset[str] = frozenset()

    def describe(self) -> str:
        unset: dict[str, ColumnValue] = dict.fromkeys(self.without)
        words = changes({**self.columns, **self.options, **unset}, self.external_ids)
        return f"change interface {self.name}: {words}"


@dataclass(frozen=True, slots=True)
class DeletePort:
    """Take a Port and its Interfaces out of ``bridge``.

    Must not be executed when the row's external_ids or set of interfaces are no longer those of
    ``based_on``.
    """

    resource: str
    bridge: str
    name: str
    based_on: OvsPort

    def describe(self) -> str:
        return f"delete port {self.name} from bridge {self.bridge}"


OvsdbOp: TypeAlias = (
    AddBridge | SetBridge | DeleteBridge | AddPort | SetPort | SetInterface | DeletePort
)
