"""The words in which steps describe what they change.

Shared by the OVSDB and the netlink steps; must not know either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from agent.columns import Atom
from agent.model import DEVICE_KEY, ID_KEY, OWNER_KEY

MARK_KEYS = frozenset({OWNER_KEY, ID_KEY, DEVICE_KEY})

ColumnValue: TypeAlias = str | int | bool | frozenset[int] | None
"""Value of a whole OVSDB column; None is the empty set of an optional column."""


def changes(
    columns: Mapping[str, ColumnValue], external_ids: Mapping[str, str], settings: str = ""
) -> str:
    """``settings`` are words already."""
    words = [f"{column} {_value(value)}" for column, value in sorted(columns.items())]
    words += [settings] if settings else []
    if external_ids.keys() & MARK_KEYS:
        words.append("ownership mark")
    others = sorted(external_ids.keys() - MARK_KEYS)
    words += [f"external_ids:{key} {external_ids[key]}" for key in others]
    return ", ".join(words)


def settings_words(
    columns: Mapping[str, tuple[Atom, ...]],
    keys: Mapping[str, Mapping[str, str]],
    without: Mapping[str, frozenset[str]],
) -> str:
    words = [f"{name} {_listed(atoms)}" for name, atoms in sorted(columns.items())]
    for column, wanted in sorted(keys.items()):
        words += [f"{column}:{key} {value}" for key, value in sorted(wanted.items())]
    for column, gone in sorted(without.items()):
        words += [f"{column}:{key} unset" for key in sorted(gone)]
    return ", ".join(words)


def _listed(atoms: tuple[Atom, ...]) -> str:
    return ",".join(str(atom).lower() for atom in atoms) or "unset"


def _value(value: ColumnValue) -> str:
    if value is None or value == frozenset():
        return "unset"
    return ",".join(map(str, sorted(value))) if isinstance(value, frozenset) else str(value)
