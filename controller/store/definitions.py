"""Specs of definitions as the documents that their rows hold; see ``docs/adr/0012``.

What a document leaves out is at its default. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from controller.domain.intent import DEFINITIONS, Definition, Kind

_ADAPTERS: Mapping[Kind, TypeAdapter[Definition]] = {
    kind: TypeAdapter(spec) for kind, spec in DEFINITIONS.items()
}
_KINDS = {spec: kind for kind, spec in DEFINITIONS.items()}


def written(spec: Definition) -> dict[str, Any]:
    adapter = _ADAPTERS[_KINDS[type(spec)]]
    document: dict[str, Any] = adapter.dump_python(spec, mode="json", exclude_defaults=True)
    return document


def definition(kind: Kind, document: Mapping[str, Any]) -> Definition:
    return _ADAPTERS[kind].validate_python(document)
