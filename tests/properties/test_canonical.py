"""Canonical YAML says what was intended, to every reader, and applies to no change."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from controller.api.canonical import canonical, render
from controller.api.conversion import to_manifest
from controller.api.routes.kinds import COLLECTIONS
from controller.api.yaml_documents import read_documents
from controller.domain.intent import Manifest, Object
from tests.support.histories import Request, fleet_after, histories

_SHAPES = {of.kind: of.manifest for of in COLLECTIONS}

_ODD = """on|No|~|null|1e3|0x1f|0o7|1_0|12:30:00|02:00:00:00:00:01|- a|a: b|#|a #b|'|"|\\|[x]|{x}|&a
*a|!t|%|@|`|192.0.2.1/24|2001:db8::1|2026-01-01|.5|=|<<|---|...||>"""
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    _ODD.replace("\n", "|").split("|")
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_every_reader_finds_what_was_written(mapping: dict[str, Any]) -> None:
    text = render(mapping)
    assert read_documents(text).values == [mapping]
    older = YAML(typ="safe", pure=True)
    older.version = (1, 1)
    assert older.load(text) == mapping


def _manifest(found: Object) -> Manifest:
    (value,) = read_documents(canonical(found.ref, found.labels, found.spec)).values
    shape: Any = _SHAPES[found.kind].model_validate(value)
    return to_manifest(shape)


@given(histories)
def test_what_is_exported_applies_to_no_change(history: list[Request]) -> None:
    fleet = fleet_after(history)
    exported = [_manifest(found) for found in fleet.objects.values()]
    planned = fleet.commit(exported, [])
    assert planned.is_empty
    assert len(planned.unchanged) == len(exported)
    assert [m.labels for m in exported] == [dict(o.labels) for o in fleet.objects.values()]
