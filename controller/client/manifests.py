"""Manifest files of a person, joined into the one text that goes to the controller.

The text is sent as it was written: the controller reads it and numbers its lines, and ``Manifests``
knows which file and line stand behind each number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.client.failures import CommandError

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_STDIN = "-"


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    text: str
    first_line: int
    """Line of the joined text at which this source begins, counted from 1."""


@dataclass(slots=True)
class Manifests:
    """One request made of one or several files."""

    _sources: list[_Source] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _next_line: int = 1

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def add(self, name: str, text: str) -> None:
        if not text.endswith("\n"):
            text += "\n"
        if self._parts and not _opens_document(text):
            self._append("---\n")
        self._sources.append(_Source(name, text, self._next_line))
        self._append(text)

    def locate(self, line: int) -> str:
        """``fabric.yaml:7: vni: 99999999``, or nothing for a line that is in no file."""
        for source in reversed(self._sources):
            index = line - source.first_line
            if index >= 0:
                lines = source.text.splitlines()
                quoted = lines[index].strip() if index < len(lines) else ""
                return f"{source.name}:{index + 1}: {quoted}"
        return ""

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._next_line += text.count("\n")


def read(paths: Sequence[str]) -> Manifests:
    """Reads files, folders (their YAML and JSON files by name) and ``-``."""
    manifests = Manifests()
    for path in paths:
        if path == _STDIN:
            manifests.add("stdin", sys.stdin.read())
        else:
            for file in _files(Path(path)):
                manifests.add(str(file), _read_text(file))
    if not manifests.text.strip():
        raise CommandError(f"There is no manifest in {', '.join(paths)}.")
    return manifests


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    if not found:
        raise CommandError(
            f"The folder {path} holds no manifest.",
            hint=f"Manifests are files that end in {', '.join(sorted(_SUFFIXES))}.",
        )
    return found


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{path} is not UTF-8 text (byte {error.start}).", hint="Save the file as UTF-8."
        ) from error


def _opens_document(text: str) -> bool:
    """Whether the first line that means something is ``---``."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            return line.rstrip() == "---" or line.startswith("--- ")
    return False
