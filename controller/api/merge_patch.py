"""JSON merge patches (RFC 7396) of one object's manifest. Pure.

A patch names labels and fields of the spec; ``null`` removes one, which is then its default again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.api.schemas.documents import AnyDocument
from controller.api.violations import pointer, shown
from controller.domain.errors import InvalidError, MalformedError, Violation

_METADATA = ("name", "project", "labels")


def patched(document: AnyDocument, patch: Any) -> dict[str, Any]:
    """The manifest of an object as the patch leaves it, with whatever the patch adds to it."""
    manifest = _manifest(document)
    refused = [*_refused(manifest, patch)]
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


def _refused(manifest: Mapping[str, Any], patch: Any) -> Iterator[Violation]:
    """What merging would pass over in silence: a patch that is none, and nulls without a field."""
    if not isinstance(patch, Mapping):
        detail = f"the body is {shown(patch)}, but must be a mapping"
        yield Violation("", "wrong_type", detail, "give a mapping")
        return
    yield from _unknown_nulls((), manifest, patch)
    for part in ("metadata", "spec"):
        inner = patch.get(part)
        if isinstance(inner, Mapping):
            yield from _unknown_nulls((part,), manifest[part], inner)


def _unknown_nulls(
    path: tuple[str, ...], known: Mapping[str, Any], patch: Mapping[str, Any]
) -> Iterator[Violation]:
    for name, value in patch.items():
        if value is None and name not in known:
            yield Violation(
                pointer((*path, name)),
                "unknown_field",
                f"there is no field {shown(name)} that could be removed",
                f"leave it out; what can be patched here: {', '.join(known)}",
            )
