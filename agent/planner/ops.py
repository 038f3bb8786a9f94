"""The steps of a plan that are written to OVSDB: ``agent.ovsdb`` executes them.

Each is a plain value as ``agent.planner.plan`` says. Set steps change only what they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from agent.columns import NO_SETTINGS, Atom, Settings
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.planner.monitoring_ops import MonitoringOp
from agent.planner.wording import ColumnValue, changes, settings_words


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


def _no_columns() -> Mapping[str, ColumnValue]:
    return MappingProxyType({})


def _no_atoms() -> Mapping[str, tuple[Atom, ...]]:
    return MappingProxyType({})


def _no_keys() -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType({})


def _no_names() -> Mapping[str, frozenset[str]]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Amendment:
    """What changes of a row's columns in ``agent.columns``.

    ``columns`` are written as a whole, of ``keys`` each by itself, and ``without`` names keys to
    take out; both by the name of their column.
    """

    columns: Mapping[str, tuple[Atom, ...]] = field(default_factory=_no_atoms)
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=_no_keys)
    without: Mapping[str, frozenset[str]] = field(default_factory=_no_names)

    def __bool__(self) -> bool:
        return bool(self.columns or self.keys or self.without)

    def touched(self) -> frozenset[str]:
        return frozenset({*self.columns, *self.keys, *self.without})

    def describe(self) -> str:
        return settings_words(self.columns, self.keys, self.without)


NO_AMENDMENT = Amendment()


@dataclass(frozen=True, slots=True)
class AddBridge:
    """Insert a Bridge with its local Port and Interface (type ``internal``), all of ``name``.

    ``external_ids`` go on all three rows, ``settings`` and ``own_ids``, which are external_ids too,
    on that of the Bridge. The bridge is appended to Open_vSwitch.bridges.
    """

    resource: str
    name: str
    datapath_type: str
    external_ids: Mapping[str, str]
    fail_mode: str = "standalone"
    settings: Settings = NO_SETTINGS
    own_ids: Mapping[str, str] = field(default_factory=_empty)

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
    settings: Amendment = NO_AMENDMENT

    def describe(self) -> str:
        words = changes(self.columns, self.external_ids, self.settings.describe())
        return f"change bridge {self.name}: {words}"


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
    """Insert a Port with its Interfaces into ``bridge``; one of the same name, unless it is a bond.

    ``port`` holds every column to write on both rows, the marks included; its ofport and error
    mean nothing here. ``bridge`` may be one that the same transaction creates.
    """

    resource: str
    bridge: str
    port: OvsPort

    def describe(self) -> str:
        interface = self.port.interfaces[0]
        names = ", ".join(each.name for each in self.port.interfaces)
        is_bond = names != self.port.name
        kind = "bond" if is_bond else interface.type or "system"
        where = f" to {interface.options['remote_ip']}" if "remote_ip" in interface.options else ""
        where = f" of {names}" if is_bond else where
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
    settings: Amendment = NO_AMENDMENT

    def describe(self) -> str:
        words = changes(self.columns, self.external_ids, self.settings.describe())
        return f"change port {self.name}: {words}"


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
    settings: Amendment = NO_AMENDMENT

    def describe(self) -> str:
        unset: dict[str, ColumnValue] = dict.fromkeys(self.without)
        named = {**self.columns, **self.options, **unset}
        words = changes(named, self.external_ids, self.settings.describe())
        return f"change interface {self.name}: {words}"


@dataclass(frozen=True, slots=True)
class BindPort:
    """Put somebody else's port into a VLAN: Port.tag, Interface.mtu_request and our mark on it.

    Must not be executed when what of the rows it rests on is not as in ``based_on`` any more: the
    bridge, the iface-id of the one interface, the tagging, the marks. ``tag`` 0 is none, ``mtu`` 0
    leaves the column alone.
    """

    resource: str
    bridge: str
    based_on: OvsPort
    tag: int
    mtu: int
    mark: str
    """Of ``BOUND_KEY``."""
    mtu_before: int | None = None
    """What mtu_request was before, to be kept beside the mark; 0: unset, None: leave that alone."""

    def describe(self) -> str:
        mtu = f", mtu_request {self.mtu}" if self.mtu else ""
        name = self.based_on.name
        return f"bind port {name}, which is not ours, on bridge {self.bridge}: tag {self.tag}{mtu}"


@dataclass(frozen=True, slots=True)
class UnbindPort:
    """Let go of a bound port: our mark goes, Port.tag and Interface.mtu_request become ``tag`` and
    ``mtu``.

    Rests on ``based_on`` as ``BindPort`` does; ``tag`` None leaves the column alone, ``mtu`` 0
    clears it.
    """

    resource: str
    bridge: str
    based_on: OvsPort
    tag: int | None
    mtu: int = 0

    def describe(self) -> str:
        where = "" if self.tag is None else f": into VLAN {self.tag}, where nobody else is"
        return f"let go of port {self.based_on.name} on bridge {self.bridge}{where}"


@dataclass(frozen=True, slots=True)
class AddInterface:
    """Insert an Interface into a Port that is there: one more member of a bond."""

    resource: str
    bridge: str
    port: str
    interface: OvsInterface

    def describe(self) -> str:
        return f"add interface {self.interface.name} to port {self.port}"


@dataclass(frozen=True, slots=True)
class DeleteInterface:
    """Take an Interface out of a Port that keeps others.

    Must not be executed when the Interface's external_ids are no longer those of ``based_on``.
    """

    resource: str
    bridge: str
    port: str
    based_on: OvsInterface

    def describe(self) -> str:
        return f"take interface {self.based_on.name} out of port {self.port}"


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
    AddBridge
    | SetBridge
    | DeleteBridge
    | AddPort
    | SetPort
    | BindPort
    | UnbindPort
    | AddInterface
    | SetInterface
    | DeleteInterface
    | DeletePort
    | MonitoringOp
)
