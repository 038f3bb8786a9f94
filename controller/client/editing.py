"""``ovsfleet edit``: one object as canonical YAML in the person's editor, and back.

What the person wrote is lost only when it was taken: after any failure the file stays.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.client.documents import Document
from controller.client.failures import CommandError, RefusedError
from controller.client.kinds import KindInfo
from controller.client.manifests import Manifests
from controller.client.output import say
from controller.client.rest import Api

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_COMPLAINT = "#! "
_TO_BE_MENDED = frozenset({400, 409, 422})


def edit(api: Api, kind: KindInfo, name: str, project: str | None) -> None:
    """Opens the editor again, with what is wrong above the text, until the controller takes it.

    Who saves it as it was, or empties it, gives up."""
    found = api.object(kind.collection, name, project)
    what = f"{kind.word}/{found['metadata']['name']}"
    before = _canonical(api, found)
    path = _write(kind, before)
    try:
        done = _edited(api, kind, found, path, before)
    except (CommandError, UnicodeDecodeError) as failure:
        raise _kept(failure, path) from failure
    path.unlink()
    say(f"{what} {'updated' if done else 'unchanged'}")


def _edited(api: Api, kind: KindInfo, found: Document, path: Path, before: str) -> bool:
    """Whether there was something to write, and it was taken."""
    refused = ""
    while True:
        _run_editor(path)
        after = _without_complaints(path.read_text(encoding="utf-8"))
        if after == before or not after.strip():
            return False
        path.write_text(after, encoding="utf-8")
        try:
            return _take(api, kind, found, path, after)
        except RefusedError as refusal:
            is_his = refusal.status in _TO_BE_MENDED and sys.stdin.isatty()
            if not is_his or after == refused:
                raise
            refused = after
            path.write_text(_complaints(refusal) + after, encoding="utf-8")


def _take(api: Api, kind: KindInfo, found: Document, path: Path, text: str) -> bool:
    if differs := _differs(api, path, text):
        _replace(api, kind, found, text)
    return differs


def _complaints(refusal: CommandError) -> str:
    lines = [refusal.message, *refusal.lines, "Save it unchanged, or empty, to give up."]
    return "".join(f"{_COMPLAINT}{line}\n" for line in lines)


def _without_complaints(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(_COMPLAINT))


def _canonical(api: Api, found: Document) -> str:
    metadata = found["metadata"]
    scope = {"kind": found["kind"], "name": metadata["name"], "project": metadata["project"]}
    return "".join(api.lines("/v1/export", **scope))


def _write(kind: KindInfo, text: str) -> Path:
    descriptor, path = tempfile.mkstemp(prefix=f"ovsfleet-{kind.word}-", suffix=".yaml")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(path)


def _run_editor(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)
    except OSError as error:
        raise CommandError(
            f"Cannot start the editor {editor!r}: {error.strerror}.",
            hint="Set EDITOR to the command of your editor.",
        ) from error
    if done.returncode:
        raise CommandError(f"The editor {editor!r} ended with code {done.returncode}.")


def _differs(api: Api, path: Path, text: str) -> bool:
    """Lets the controller check the text first: its line numbers are the file's."""
    wanted = Manifests()
    wanted.add(str(path), text)
    answer = api.post_yaml("/v1/diff", wanted.text, dry_run=False, locate=wanted.locate)
    return bool(answer["items"])


def _replace(api: Api, kind: KindInfo, found: Document, text: str) -> None:
    documents: list[Any] = [d for d in _yaml().load_all(text) if d]
    if len(documents) != 1:
        raise CommandError(f"There are {len(documents)} objects in the file, and not one.")
    api.replace(kind.collection, found, documents[0])


def _yaml() -> YAML:
    """Reads as the controller does, to which a date is a text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor

    class Constructor(SafeConstructor):
        pass

    Constructor.add_constructor("tag:yaml.org,2002:timestamp", Constructor.construct_yaml_str)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    return yaml


def _kept(failure: CommandError | UnicodeDecodeError, path: Path) -> CommandError:
    kept = f"What you wrote is kept in {path}."
    if not isinstance(failure, CommandError):
        return CommandError(f"{path} is not UTF-8 text.", hint=kept)
    failure.hint = f"{kept} {failure.hint}".rstrip()
    return failure
