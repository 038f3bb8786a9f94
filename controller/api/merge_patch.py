"""JSON merge patches (RFC 7396) of one object's manifest. Pure.

A patch names labels and fields of the spec; ``null`` removes one, which is then its default again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from controller.api.schemas.documents import AnyDocument
from controller.api.violations import fields_at, pointer, shown
from controller.domain.errors import InvalidError, MalformedError, Violation

_METADATA = ("name", "project", "labels")
_ALWAYS_THERE = frozenset({("kind",), ("metadata",), ("metadata", "project"), ("spec",)})
"""Whatever null would make of them, it is not their default."""

_Fields: TypeAlias = Sequence[str]


def patched(document: AnyDocument, patch: Any) -> dict[str, Any]:
    """The manifest of an object as the patch leaves it, with whatever the patch adds to it."""
    manifest = _manifest(document)
    refused = [*_refused(type(document), manifest, patch)]
    if refused:
        raise InvalidError(refused[0].detail, refused)
    try:
        merged: dict[str, Any] = _merged(manifest, patch)
    except RecursionError as error:
        detail = "the body is nested too deeply"
        raise MalformedError(
            detail, [Violation("", "too_deep", detail, "correct the body")]
        ) from error
    return merged


def _manifest(document: AnyDocument) -> dict[str, Any]:
    """What a caller would have to send to get the object as it is."""
    stored = document.model_dump(mode="json", include={"kind", "metadata", "spec"})
    return {**stored, "metadata": {name: stored["metadata"][name] for name in _METADATA}}


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396, 2."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _refused(
    model: type[AnyDocument], manifest: Mapping[str, Any], patch: Any
) -> Iterator[Violation]:
    """What merging would pass over in silence: a patch that is none, and nulls without a field."""
    if not isinstance(patch, Mapping):
        detail = f"the body is {shown(patch)}, but must be a mapping"
        yield Violation("", "wrong_type", detail, "give a mapping")
        return
    known = {(): tuple(manifest), ("metadata",): _METADATA}
    yield from _lost_nulls((), patch, lambda path: known.get(path) or fields_at(model, path))


def _lost_nulls(
    path: tuple[str, ...], patch: Mapping[str, Any], fields: Callable[[tuple[str, ...]], _Fields]
) -> Iterator[Violation]:
    """Looks into fields alone: under any other key everything is refused, or means a key."""
    known = fields(path)
    for name, value in patch.items():
        place = (*path, name)
        if value is None and place in _ALWAYS_THERE:
            detail = f"null would remove {name}, which every object has"
            fix = "leave it out, or give null for what is to be removed of it"
            yield Violation(pointer(place), "missing_field", detail, fix)
        elif value is None and known and name not in known:
            yield Violation(
                pointer(place),
                "unknown_field",
                f"there is no field {shown(name)} that could be removed",
                f"leave it out; what can be patched here: {', '.join(known)}",
            )
        elif isinstance(value, Mapping) and name in known:
            yield from _lost_nulls(place, value, fields)
