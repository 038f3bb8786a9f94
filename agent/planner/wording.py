"""The words in which steps describe what they change.

Shared by the OVSDB and the netlink steps; must not know either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

ColumnValue: TypeAlias = str | int | bool | frozenset[int] | None
"""Value of a whole OVSDB column; None is the empty set of an optional column."""


def changes(columns: Mapping[str, ColumnValue], external_ids: Mapping[str, str]) -> str:
    words = [f"{column} {_value(value)}" for column, value in sorted(columns.items())]
    if external_ids:
        words.append("ownership mark")
    return ", ".join(words)


def _value(value: ColumnValue) -> str:
    if value is None or value == frozenset():
        return "unset"
    return ",".join(map(str, sorted(value))) if isinstance(value, frozenset) else str(value)
