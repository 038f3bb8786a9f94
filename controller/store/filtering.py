"""What of a list's filter the database can answer. Owns nothing.

The condition holds for every object that the filter holds for, and maybe for more: what is found
must still be matched.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    Text,
    and_,
    func,
    or_,
    type_coerce,
)

from controller.domain.filtering import (
    Comparison,
    Every,
    Filter,
    Negation,
    Operator,
    Some,
    Value,
    spec_value,
)
from controller.domain.intent import Kind, SegmentSpec
from controller.domain.settings import BRIDGE_DEFAULTS, PORT_DEFAULTS
from controller.domain.status import Phase
from controller.store.phases import maybe_in, maybe_not_ready
from controller.store.tables import VERSIONED, PortRow

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
_PHASE = "status.phase"
_LISTS = frozenset({"vteps", "addresses", "zones"})
_DEFAULTS: Mapping[Kind, object] = {
    Kind.BRIDGE: BRIDGE_DEFAULTS,
    Kind.PORT: PORT_DEFAULTS,
    Kind.SEGMENT: SegmentSpec(),
}
"""What the documents of these kinds leave out."""


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
    if asked.field == _PHASE:
        return _in_phase(kind, asked)
    column = _column(kind, asked.field)
    if column is None:
        return _in_document(kind, asked)
    known = _compared(column, asked)
    if kind is Kind.PORT and asked.field == "spec.host":
        # A port that is on two hosts is found by either.
        return or_(known, _compared(PortRow.migrating_to, asked))
    return known


def _in_phase(kind: Kind, asked: Comparison) -> ColumnElement[bool] | None:
    if asked.operator is Operator.EQUAL and str(asked.value) in set(Phase):
        return maybe_in(kind, Phase(str(asked.value)))
    if asked.operator is Operator.DIFFERS and asked.value == Phase.READY:
        return maybe_not_ready(kind)
    return None


def _compared(column: SQLColumnExpression[Any], asked: Comparison) -> ColumnElement[bool]:
    if asked.operator is Operator.HAS:
        return type_coerce(column, Text).like(_pattern(str(asked.value)), escape="\\")
    if asked.operator is Operator.DIFFERS:
        return _typed(column, asked.value).is_distinct_from(asked.value)
    compare = _COMPARE[asked.operator]
    found: ColumnElement[bool] = compare(_typed(column, asked.value), asked.value)
    return found


def _in_document(kind: Kind, asked: Comparison) -> ColumnElement[bool] | None:
    """Ask the document that the row keeps its settings in, which leaves out what is at default."""
    path = asked.field.removeprefix(_SPEC).split(".")
    if kind not in _DEFAULTS or not asked.field.startswith(_SPEC) or path[0] in _LISTS:
        return None
    document = getattr(VERSIONED[kind], "settings")  # noqa: B009 - only these kinds have one
    default = spec_value(_DEFAULTS[kind], path)
    text = func.jsonb_extract_path_text(document, *path)
    found = func.coalesce(text, str(default)) if isinstance(default, str) else text
    match asked.operator:
        case Operator.EQUAL:
            return found.is_not_distinct_from(_as_text(asked.value))
        case Operator.DIFFERS:
            return found.is_distinct_from(_as_text(asked.value))
        case Operator.HAS:
            is_list = func.jsonb_typeof(func.jsonb_extract_path(document, *path)) == "array"
            return or_(is_list, found.like(_pattern(str(asked.value)), escape="\\"))
        case _:
            return None


def _as_text(value: Value) -> str | None:
    return None if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


def _typed(column: SQLColumnExpression[Any], value: Value) -> SQLColumnExpression[Any]:
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
