"""``ovsfleet diff``: what manifests would change, object by object, as the controller sees it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from controller.client.documents import Document, plain
from controller.client.kinds import word_of
from controller.client.manifests import Manifests
from controller.client.rest import Api
from controller.client.tables import console

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def print_differences(api: Api, wanted: Manifests) -> bool:
    """Whether there is any. What could not be applied is refused as applying would be."""
    from rich.text import Text

    answer = api.post_yaml("/v1/diff", wanted.text, dry_run=False, locate=wanted.locate)
    out = console()
    for item in answer["items"]:
        for line in difference(item, answer["revision"]):
            out.print(Text(plain(line), style=_STYLES.get(line[0], "")))
    return bool(answer["items"])


def difference(item: Document, revision: int) -> Iterator[str]:
    """A unified diff of the object's canonical YAML."""
    name = f"{word_of(item['kind'])}/{item['name']}"
    return unified_diff(
        _body(item["before"]),
        _body(item["after"]),
        f"{name} at revision {revision}" if item["before"] else "/dev/null",
        f"{name} as in the manifest",
        lineterm="",
    )


def _body(text: str) -> list[str]:
    """Without the line that begins a document: it is never the difference."""
    return text.splitlines()[1:]
