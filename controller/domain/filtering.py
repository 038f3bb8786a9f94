"""Filters of lists as trees, which a database and a page can both be asked. Pure.

Fields are named by their paths in documents: ``metadata.name``, ``spec.host``, ``status.phase``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias


class Operator(enum.StrEnum):
    EQUAL = "="
    DIFFERS = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    HAS = ":"
    """A text is like the pattern, in which ``*`` stands for anything; a list has such an item."""


Value: TypeAlias = str | bool | int | datetime | None


@dataclass(frozen=True, slots=True)
class Comparison:
    field: str
    operator: Operator
    value: Value
    """None (``null``) only with ``=`` and ``!=``; a text with ``:``."""


@dataclass(frozen=True, slots=True)
class Negation:
    inner: Filter


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple[Filter, ...]


Filter: TypeAlias = Comparison | Negation | Every | Some

Found: TypeAlias = Value | tuple[str, ...]
"""What an object has in a field; a list as a tuple."""


def spec_value(spec: object, path: Iterable[str]) -> Found:
    """Return what a spec has at a path; settings are asked for as if they were fields of it."""
    found: Any = spec
    for name in path:
        if found is spec and not hasattr(found, name):
            found = getattr(found, "settings", None)
        found = getattr(found, name, None)
    return tuple(map(str, found)) if isinstance(found, tuple) else found


def holds(asked: Filter, value_of: Callable[[str], Found]) -> bool:
    """Whether it is so of an object, given what that has in each field."""
    match asked:
        case Comparison(field, operator, value):
            return _compare(value_of(field), operator, value)
        case Negation(inner):
            return not holds(inner, value_of)
        case Every(parts):
            return all(holds(part, value_of) for part in parts)
        case Some(parts):
            return any(holds(part, value_of) for part in parts)


def _compare(found: Found, operator: Operator, value: Value) -> bool:
    match operator:
        case Operator.EQUAL:
            return value in found if isinstance(found, tuple) else found == value
        case Operator.DIFFERS:
            return not _compare(found, Operator.EQUAL, value)
        case Operator.HAS:
            return _has(found, str(value))
        case _:
            return _is_ordered(found, operator, value)


def _has(found: Found, pattern: str) -> bool:
    like = re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)
    items = found if isinstance(found, tuple) else (found,)
    return any(isinstance(item, str) and like.fullmatch(item) is not None for item in items)


def _is_ordered(found: Found, operator: Operator, value: Value) -> bool:
    """What is not there is neither more nor less than anything."""
    if isinstance(found, datetime) and isinstance(value, datetime):
        difference = (found - value).total_seconds()
    elif isinstance(found, int) and isinstance(value, int):
        difference = found - value
    else:
        return False
    match operator:
        case Operator.LESS:
            return difference < 0
        case Operator.AT_MOST:
            return difference <= 0
        case Operator.MORE:
            return difference > 0
        case _:
            return difference >= 0
