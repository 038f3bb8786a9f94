"""``fields=``: documents with nothing but the fields that were asked for (AIP-157). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel

from controller.domain.errors import InvalidError, Violation

Tree: TypeAlias = dict[str, "Tree"]
"""Names of fields to what of each is wanted; all of it, where that is empty."""


def parse_fields(text: str, document: type[BaseModel]) -> Tree | None:
    """None for all fields; InvalidError that names each path that there is not."""
    paths = [path.strip() for path in text.split(",") if path.strip()]
    if unknown := [path for path in paths if not _exists(path.split("."), document)]:
        raise InvalidError(*_refusal(unknown, document))
    wanted: Tree = {}
    # The shortest first: who asks for metadata has asked for metadata.name.
    for path in sorted(paths, key=len):
        _add(wanted, path.split("."))
    return wanted or None


def pick(document: Mapping[str, Any], wanted: Tree) -> dict[str, Any]:
    return {
        name: pick(document[name], inner)
        if inner and isinstance(document[name], dict)
        else document[name]
        for name, inner in wanted.items()
        if name in document
    }


def _add(wanted: Tree, steps: list[str]) -> None:
    for step in steps:
        if step in wanted and not wanted[step]:
            return
        wanted = wanted.setdefault(step, {})


def _exists(steps: list[str], model: type[BaseModel] | None) -> bool:
    if model is None or steps[0] not in model.model_fields:
        return False
    field = model.model_fields[steps[0]].annotation
    if len(steps) == 2 and field == dict[str, str]:
        return bool(steps[1])
    return len(steps) == 1 or _exists(steps[1:], next(_models(field), None))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The model that a field is, if it is one or nothing; items of lists have no paths."""
    if get_origin(annotation) is list:
        return
    for choice in (annotation, *get_args(annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            yield choice


def _refusal(unknown: list[str], document: type[BaseModel]) -> tuple[str, list[Violation]]:
    sections = [f"{name}.…" for name in document.model_fields if name != "kind"]
    fix = f"name fields as documents have them: kind, {', '.join(sections)}, joined by commas"
    violations = [
        Violation("", "fields", f"fields: there is no field {path!r} in this kind", fix)
        for path in unknown
    ]
    return violations[0].detail, violations
