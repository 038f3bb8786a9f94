"""What of a document goes back to the controller. Pure."""

from __future__ import annotations

from controller.client.fleet.documents import AnyManifest, Json, Kind
from controller.client.fleet.operations import IF_MATCH

_NOT_WRITABLE = frozenset({"status", "warnings"})
_NOT_WRITABLE_METADATA = frozenset({"uid", "revision", "created_at", "updated_at"})


def manifest_of(document: AnyManifest, kind: Kind | None = None) -> Json:
    """Without what only the controller writes; whatever else is there, it checks."""
    manifest = {name: value for name, value in document.items() if name not in _NOT_WRITABLE}
    metadata = document["metadata"].items()
    manifest["metadata"] = {k: value for k, value in metadata if k not in _NOT_WRITABLE_METADATA}
    return manifest if kind is None else {**manifest, "kind": kind}


def if_match(revision: int | None) -> dict[str, str]:
    """The precondition of a change; None: whatever is there."""
    return {IF_MATCH: "*" if revision is None else f'"{revision}"'}
