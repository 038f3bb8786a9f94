"""The columns of Open vSwitch's database that intent may set, and what is said about them.

Which columns of ovs-vswitchd.conf.db(5) these are, their types and defaults, is stated once, here:
the replica asks the database for them, the planner compares them. Columns that the planner decides
on by itself (tag, mac, options) are not among them. Pure values; holds no state.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

Atom: TypeAlias = str | int | bool


class ColumnType(enum.Enum):
    """A scalar is its one atom, a set all of its atoms, sorted."""

    BOOLEAN = "a boolean"
    INTEGER = "an integer"
    OPTIONAL_INTEGER = "an integer or nothing"
    TEXT = "a string"
    INTEGERS = "integers"
    TEXTS = "strings"
    MAP = "a map of strings"

    @property
    def default(self) -> tuple[Atom, ...]:
        """What a column holds that nobody ever wrote."""
        return _DEFAULTS.get(self, ())

    @property
    def is_scalar(self) -> bool:
        """Whether the column always holds exactly one atom."""
        return self in _DEFAULTS

    def accepts(self, atoms: tuple[Atom, ...]) -> bool:
        """Whether the types are right and as many as there may be; values are the database's."""
        if self is ColumnType.MAP or (self.is_scalar and len(atoms) != 1):
            return False
        if self in _OPTIONAL and len(atoms) > 1:
            return False
        return all(type(atom) is _ATOMS.get(self) for atom in atoms)

    def normal(self, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """Accepted atoms as they are read back: those of a set sorted, each once."""
        return atoms if self.is_scalar else tuple(sorted(set(atoms)))


_DEFAULTS: Final[dict[ColumnType, tuple[Atom, ...]]] = {
    ColumnType.BOOLEAN: (False,),
    ColumnType.INTEGER: (0,),
}
_OPTIONAL: Final = frozenset({ColumnType.OPTIONAL_INTEGER, ColumnType.TEXT})
_ATOMS: Final[dict[ColumnType, type[Atom]]] = {
    ColumnType.BOOLEAN: bool,
    ColumnType.INTEGER: int,
    ColumnType.OPTIONAL_INTEGER: int,
    ColumnType.TEXT: str,
    ColumnType.INTEGERS: int,
    ColumnType.TEXTS: str,
}

SETTABLE: Final[Mapping[str, Mapping[str, ColumnType]]] = {
    "Bridge": {
        "stp_enable": ColumnType.BOOLEAN,
        "rstp_enable": ColumnType.BOOLEAN,
        "mcast_snooping_enable": ColumnType.BOOLEAN,
        "protocols": ColumnType.TEXTS,
        "other_config": ColumnType.MAP,
        "external_ids": ColumnType.MAP,
    },
    "Port": {
        "bond_mode": ColumnType.TEXT,
        "lacp": ColumnType.TEXT,
        "bond_updelay": ColumnType.INTEGER,
        "bond_downdelay": ColumnType.INTEGER,
        "cvlans": ColumnType.INTEGERS,
        "other_config": ColumnType.MAP,
        "external_ids": ColumnType.MAP,
    },
    "Interface": {
        "ingress_policing_rate": ColumnType.INTEGER,
        "ingress_policing_burst": ColumnType.INTEGER,
        "ingress_policing_kpkts_rate": ColumnType.INTEGER,
        "ingress_policing_kpkts_burst": ColumnType.INTEGER,
        "bfd": ColumnType.MAP,
        "lldp": ColumnType.MAP,
        "other_config": ColumnType.MAP,
        "external_ids": ColumnType.MAP,
    },
    "NetFlow": {
        "targets": ColumnType.TEXTS,
        "engine_type": ColumnType.OPTIONAL_INTEGER,
        "engine_id": ColumnType.OPTIONAL_INTEGER,
        "add_id_to_interface": ColumnType.BOOLEAN,
        "active_timeout": ColumnType.INTEGER,
        "external_ids": ColumnType.MAP,
    },
    "sFlow": {
        "targets": ColumnType.TEXTS,
        "sampling": ColumnType.OPTIONAL_INTEGER,
        "polling": ColumnType.OPTIONAL_INTEGER,
        "header": ColumnType.OPTIONAL_INTEGER,
        "agent": ColumnType.TEXT,
        "external_ids": ColumnType.MAP,
    },
    "IPFIX": {
        "targets": ColumnType.TEXTS,
        "sampling": ColumnType.OPTIONAL_INTEGER,
        "obs_domain_id": ColumnType.OPTIONAL_INTEGER,
        "obs_point_id": ColumnType.OPTIONAL_INTEGER,
        "cache_active_timeout": ColumnType.OPTIONAL_INTEGER,
        "cache_max_flows": ColumnType.OPTIONAL_INTEGER,
        "other_config": ColumnType.MAP,
        "external_ids": ColumnType.MAP,
    },
}
ALWAYS_SET: Final[Mapping[str, ColumnType]] = {
    "fail_mode": ColumnType.TEXT,
    "protected": ColumnType.BOOLEAN,
}
"""Columns that the planner sets on every row of ours, with or without a word of intent: they are
never given back."""


def _nothing() -> Mapping[str, tuple[Atom, ...]]:
    return MappingProxyType({})


def _no_maps() -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Settings:
    """Columns of one row. Desired: what they shall be. Observed: those that are not at their
    default, without the columns that have a field of their own in the row's picture.
    """

    columns: Mapping[str, tuple[Atom, ...]] = field(default_factory=_nothing)
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=_no_maps)


NO_SETTINGS: Final = Settings()


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """Something that intent set on a row of a resource and does not set any more.

    It is given back only while the row holds ``value``: what intent named may never have got there,
    and what somebody else wrote instead is his. ``key`` is None for a whole column, whose atoms
    ``value`` has; that of a key is one string.
    """

    resource: str
    table: str
    row: str
    column: str
    key: str | None
    value: tuple[Atom, ...]

    @property
    def place(self) -> tuple[str, str]:
        """The row and the column, whoever is to give it back."""
        return self.row, self.column


def every_column() -> Mapping[str, frozenset[str]]:
    """By table, as a database of a recent version has them."""
    return {table: frozenset(columns) for table, columns in SETTABLE.items()}
