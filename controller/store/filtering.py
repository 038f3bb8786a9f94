"""What of a list's filter the database can answer. Owns nothing.

The condition holds for every object that the filter holds for, and maybe for more: what is found
must still be matched.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, and_, func, or_, type_coerce

from controller.domain.filtering import (
    Comparison,
    Every,
    Filter,
    Negation,
    Operator,
    Some,
    Value,
)
from controller.domain.intent import Kind
from controller.store.tables import VERSIONED

_METADATA = {
    "metadata.name": "name",
    "metadata.project": "project",
    "metadata.revision": "valid_from",
    "metadata.created_at": "created_at",
    "metadata.updated_at": "updated_at",
}
_COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
_LABELS = "metadata.labels."
_SPEC = "spec."
_LISTS = frozenset({"vteps", "addresses", "zones"})


def condition(kind: Kind, asked: Filter) -> ColumnElement[bool] | None:
    """None when the database knows nothing of it."""
    match asked:
        case Comparison():
            return _comparison(kind, asked)
        case Negation():
            # More than what holds, negated, would be less than what does not.
            return None
        case Every(parts):
            known = [found for part in parts if (found := condition(kind, part)) is not None]
            return and_(*known) if known else None
        case Some(parts):
            known = [found for part in parts if (found := condition(kind, part)) is not None]
            return or_(*known) if len(known) == len(parts) else None


def _comparison(kind: Kind, asked: Comparison) -> ColumnElement[bool] | None:
    column = _column(kind, asked.field)
    if column is None:
        return None
    if asked.operator is Operator.HAS:
        return type_coerce(column, Text).like(_pattern(str(asked.value)), escape="\\")
    if asked.operator is Operator.DIFFERS:
        return _typed(column, asked.value).is_distinct_from(asked.value)
    compare = _COMPARE[asked.operator]
    found: ColumnElement[bool] = compare(_typed(column, asked.value), asked.value)
    return found


def _typed(column: ColumnElement[Any], value: Value) -> ColumnElement[Any]:
    """So that a value that no row can have is found in none, and not refused."""
    if isinstance(value, str):
        return type_coerce(column, Text)
    return type_coerce(column, BigInteger) if isinstance(value, int) else column


def _pattern(words: str) -> str:
    for special in ("\\", "%", "_"):
        words = words.replace(special, f"\\{special}")
    return words.replace("*", "%")


def _column(kind: Kind, field: str) -> ColumnElement[Any] | None:
    row = VERSIONED[kind]
    if field.startswith(_LABELS):
        return func.jsonb_extract_path_text(row.labels, field.removeprefix(_LABELS))
    name = _METADATA.get(field, field.removeprefix(_SPEC) if field.startswith(_SPEC) else "")
    if name in _LISTS:
        return None
    column: ColumnElement[Any] | None = getattr(row, name, None) if name else None
    return column
