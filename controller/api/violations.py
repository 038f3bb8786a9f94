"""Turns what pydantic found into violations that a person can act upon.

Each names the field, the offending value and the way out. Pure; owns nothing.
"""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from controller.domain.errors import Violation
from controller.domain.intent import Kind

Location = tuple[int | str, ...]

_KINDS = tuple(kind.value for kind in Kind)
_WRITTEN_BY_CONTROLLER = frozenset({"uid", "revision", "created_at", "updated_at", "status"})
_LONGEST_SHOWN = 80

_WANTED_TYPES = {
    "string_type": "a text",
    "string_unicode": "a text of valid Unicode",
    "int_type": "an integer",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "mtu_type": "an integer or the word auto",
    "inheritable_type": "an integer or the word inherit",
}
_NUMBERS = frozenset({"int_type", "mtu_type", "inheritable_type"})


def body_violations(model: type[BaseModel], found: Iterable[ErrorDetails]) -> tuple[Violation, ...]:
    """``found`` are the errors of validating a body against ``model``."""
    return tuple(_body_violation(model, error) for error in found)


def parameter_violations(found: Iterable[Mapping[str, Any]]) -> tuple[Violation, ...]:
    """Errors in the query or the headers; there is no place in the body to point at."""
    return tuple(_parameter_violation(error) for error in found)


def pointer(path: Iterable[int | str]) -> str:
    """RFC 6901. What no text of an answer can carry is escaped."""
    raw = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    return raw.encode("utf-8", "backslashreplace").decode()


def shown(value: object) -> str:
    """The value as JSON, cut where a person stops reading."""
    try:
        text = json.dumps(value, ensure_ascii=True, default=str)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def closest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)), None)


def _body_violation(model: type[BaseModel], error: ErrorDetails) -> Violation:
    path = _path(error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return _unknown_field(model, error["loc"], path)
        case "missing":
            return Violation(
                pointer(path),
                "missing_field",
                f"field {path[-1]} is required and missing",
                f"add {path[-1]}",
            )
        case "literal_error":
            return _unknown_value(path, error)
        case "union_tag_not_found" | "union_tag_invalid":
            return _unknown_kind(path, error)
        case wanted if wanted in _WANTED_TYPES:
            return _wrong_type(path, error)
        case other:
            return _other(path, other, error)


def _path(loc: Location) -> Location:
    """Where in the body: pydantic also names the member of a union and the key of a mapping."""
    steps = [step for step in loc if step != "[key]"]
    return tuple(
        step
        for i, step in enumerate(steps)
        if not (i > 0 and isinstance(steps[i - 1], int) and step in _KINDS)
    )


def _unknown_field(model: type[BaseModel], loc: Location, path: Location) -> Violation:
    name = str(path[-1])
    known = fields_at(model, loc[:-1])
    near = closest(name, known)
    if name in _WRITTEN_BY_CONTROLLER:
        fix = f"remove {name}; the controller writes it, callers cannot"
    elif near:
        fix = f"did you mean {near}?"
    else:
        fix = f"remove it; known fields here: {', '.join(known)}"
    return Violation(pointer(path), "unknown_field", f"unknown field {shown(name)}", fix)


def _unknown_value(path: Location, error: ErrorDetails) -> Violation:
    value, expected = error["input"], str(error.get("ctx", {}).get("expected", ""))
    words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    near = closest(value, words) if isinstance(value, str) else None
    fix = f"did you mean {near}?" if near else f"use one of: {', '.join(words)}"
    detail = f"{_name(path)} is {shown(value)}, which is not one of: {', '.join(words)}"
    return Violation(pointer(path), "unknown_value", detail, fix)


def _unknown_kind(path: Location, error: ErrorDetails) -> Violation:
    value = error["input"].get("kind") if isinstance(error["input"], Mapping) else None
    if value is None:
        fix = f"add kind, one of: {', '.join(_KINDS)}"
        return Violation(pointer((*path, "kind")), "missing_field", "field kind is missing", fix)
    near = closest(value, _KINDS) if isinstance(value, str) else None
    fix = f"did you mean {near}?" if near else f"use one of: {', '.join(_KINDS)}"
    detail = f"kind is {shown(value)}, which is not a kind of object"
    return Violation(pointer((*path, "kind")), "unknown_value", detail, fix)


def _wrong_type(path: Location, error: ErrorDetails) -> Violation:
    wanted = _WANTED_TYPES[error["type"]]
    value = error["input"]
    detail = f"{_name(path)} is {shown(value)}, but must be {wanted}"
    fix = f"give {wanted}"
    if error["type"] in _NUMBERS and isinstance(value, str) and value.isdecimal():
        fix = f"write {value} without quotes"
    if error["type"] == "string_type" and isinstance(value, int | float):
        fix = f'put it in quotes: "{shown(value)}"'
    return Violation(pointer(path), "wrong_type", detail, fix)


def _other(path: Location, code: str, error: ErrorDetails) -> Violation:
    detail = f"{_name(path)} is {shown(error['input'])}: {error['msg']}"
    return Violation(pointer(path), code, detail, f"change {_name(path)}")


def _parameter_violation(error: Mapping[str, Any]) -> Violation:
    place, *rest = error["loc"]
    name = ".".join(str(step) for step in rest)
    if error["type"] == "missing":
        detail = f"the {place} parameter {name} is required and missing"
    else:
        detail = f"the {place} parameter {name} is {shown(error.get('input'))}: {error['msg']}"
    return Violation("", str(error["type"]), detail, f"change the {place} parameter {name}")


def _name(path: Location) -> str:
    """The last word a person wrote, with the index of a list behind it."""
    words = [str(step) for step in path if isinstance(step, str)]
    if not path:
        return "the body"
    if isinstance(path[-1], int):
        return f"{words[-1] if words else 'item'}[{path[-1]}]"
    return words[-1]


def fields_at(model: type[BaseModel], loc: Location) -> Sequence[str]:
    """Names of the fields of the model that stands at ``loc`` under ``model``."""
    candidates: list[type[BaseModel]] = [model]
    for step in loc:
        if isinstance(step, int):
            continue
        if step in _KINDS:
            candidates = [each for each in candidates if each.__name__.startswith(step)]
            continue
        candidates = [
            inner
            for each in candidates
            if step in each.model_fields
            for inner in _models_in(each.model_fields[step].annotation)
        ]
    return sorted({name for each in candidates for name in each.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]
