"""``ovsfleet edit``: one object as canonical YAML in the person's editor, and back.

What the person wrote is lost only when it was taken: after any failure the file stays.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from controller.client.documents import Document
from controller.client.failures import CommandError
from controller.client.kinds import KindInfo
from controller.client.manifests import Manifests
from controller.client.output import say
from controller.client.rest import Api


def edit(api: Api, kind: KindInfo, name: str, project: str | None) -> None:
    found = api.object(kind.collection, name, project)
    what = f"{kind.word}/{found['metadata']['name']}"
    before = _canonical(api, found)
    path = _write(kind, before)
    try:
        _run_editor(path)
        after = path.read_text(encoding="utf-8")
        if after == before or not _differs(api, path, after):
            say(f"{what} unchanged")
        else:
            _replace(api, kind, found, after)
            say(f"{what} updated")
    except (CommandError, UnicodeDecodeError) as failure:
        raise _kept(failure, path) from failure
    path.unlink()


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
    from ruamel.yaml import YAML

    documents: list[Any] = [d for d in YAML(typ="safe", pure=True).load_all(text) if d]
    if len(documents) != 1:
        raise CommandError(f"There are {len(documents)} objects in the file, and not one.")
    api.replace(kind.collection, found, documents[0])


def _kept(failure: CommandError | UnicodeDecodeError, path: Path) -> CommandError:
    kept = f"What you wrote is kept in {path}."
    if not isinstance(failure, CommandError):
        return CommandError(f"{path} is not UTF-8 text.", hint=kept)
    failure.hint = f"{kept} {failure.hint}".rstrip()
    return failure
