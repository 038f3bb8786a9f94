"""Segments as their rows: what is compared or referred to in columns, the rest in one document.

See ``docs/adr/0012``; what a document leaves out is at its default. Owns nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping

from controller.domain.intent import SegmentSpec
from controller.domain.validation.references import hosts_of_topology

_ADAPTER = TypeAdapter(SegmentSpec)
_DOCUMENT = frozenset(
    {
        "topology",
        "hubs",
        "links",
        "arp_mode",
        "external_vteps",
        "subnets",
        "provider_loop_safe",
    }
)
_COLUMNS = tuple(name for name in SegmentSpec.__dataclass_fields__ if name not in _DOCUMENT)
_DEFAULT = SegmentSpec()


def segment_columns(spec: SegmentSpec) -> dict[str, Any]:
    return {
        **{name: getattr(spec, name) for name in _COLUMNS},
        "settings": _written(spec),
        "mentions": sorted({*hosts_of_topology(spec), *spec.external_vteps}) or None,
    }


def _written(spec: SegmentSpec) -> dict[str, Any]:
    # Most segments say nothing, and thousands are written and read at a time.
    if all(getattr(spec, name) == getattr(_DEFAULT, name) for name in _DOCUMENT):
        return {}
    document: dict[str, Any] = _ADAPTER.dump_python(
        spec, mode="json", exclude_defaults=True, include=set(_DOCUMENT)
    )
    return document


def segment_spec(row: RowMapping) -> SegmentSpec:
    columns = {name: row[name] for name in _COLUMNS}
    if not row["settings"]:
        return SegmentSpec(**columns)
    return replace(_ADAPTER.validate_python(row["settings"]), **columns)
