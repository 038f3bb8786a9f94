"""When there is nothing of a mirror on its host, though it is intended.

Pure; the compiler leaves the mirror out then, and its status says so.
"""

from __future__ import annotations

from collections.abc import Collection

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import Kind, Ref
from controller.domain.validation.references import qualified


def nothing_to_mirror(spec: MirrorSpec, segments: Collection[Ref]) -> str:
    """Say what a mirror waits for on a host with ports on these segments; nothing, when there is
    something to copy. What it needs of an explicit bridge cannot go away."""
    if spec.bridge is not None:
        return ""
    if not segments:
        return _WAITS.format(f"host {spec.host!r} has no port on any segment", "a segment")
    wanted = {qualified(Kind.SEGMENT, words) for words in spec.select_segments}
    if wanted and wanted.isdisjoint(segments):
        names = ", ".join(sorted(spec.select_segments))
        return _WAITS.format(f"host {spec.host!r} has no port on {names}", "it")
    return ""


_WAITS = "{}: the mirror waits until it has one; put a port of {} there, or delete the mirror"
