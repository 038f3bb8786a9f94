"""Objects as the one YAML that stands for their intent: what to keep in files and to compare.

Pure. No uid, revision or status, nothing that has its default value; numbers and addresses that the
controller gave are kept, so that the text means the same in any fleet, and applies to no change.
Written here and not by a library, because it has to be quick for a hundred thousand objects and
mean the same to readers of YAML 1.1, to whom ``on`` is a truth and some MAC addresses are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from controller.api.conversion import spec_fields
from controller.api.routes.kinds import COLLECTIONS
from controller.domain.intent import DEFAULT_PROJECT, PortSpec, PortType, Ref, Spec

_SHAPES: Mapping[str, type[BaseModel]] = {of.kind: of.manifest for of in COLLECTIONS}

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_INDENT = "  "


def canonical(ref: Ref, labels: Mapping[str, str], spec: Spec) -> str:
    """One YAML document, with the line that begins it."""
    shape = _SHAPES[ref.kind].model_validate(
        {
            "metadata": {
                "name": ref.name,
                "project": None if ref.project == DEFAULT_PROJECT else ref.project,
                "labels": dict(sorted(labels.items())),
            },
            "spec": spec_fields(_without_places(spec)),
        }
    )
    said = shape.model_dump(mode="json", exclude_defaults=True)
    return "---\n" + render({"kind": ref.kind.value, **said})


def _without_places(spec: Spec) -> Spec:
    """Where a bound port is is no intent: agents tell it, in this fleet and now."""
    if isinstance(spec, PortSpec) and spec.type is PortType.BOUND:
        return replace(spec, host=None, migrating_to=None)
    return spec


def render(mapping: Mapping[str, Any]) -> str:
    """A mapping of plain values in block style."""
    return "".join(f"{line}\n" for line in _mapping(mapping, ""))


def _mapping(mapping: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in mapping.items():
        yield from _entry(f"{indent}{_scalar(key)}:", value, indent + _INDENT)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    """``head`` is the key or the dash that the value stands behind, or under."""
    if not value or not isinstance(value, dict | list):
        yield f"{head} {_scalar(value)}"
        return
    yield head
    if isinstance(value, dict):
        yield from _mapping(value, indent)
    else:
        for item in value:
            yield from _item(item, indent)


def _item(item: Any, indent: str) -> Iterator[str]:
    if not item or not isinstance(item, dict):
        yield from _entry(f"{indent}-", item, indent + _INDENT)
        return
    first, *others = _mapping(item, indent + _INDENT)
    yield f"{indent}- {first.lstrip()}"
    yield from others


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case dict():
            return "{}"
        case list():
            return "[]"
        case _:
            return str(value)


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08X}"
