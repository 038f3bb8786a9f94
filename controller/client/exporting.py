"""``ovsfleet export``: canonical manifests to stdout, or into a folder, a file for each kind."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from controller.client.failures import CommandError
from controller.client.kinds import BY_NAME, KINDS, KindInfo
from controller.client.output import say
from controller.client.rest import Api

_BEGIN = "---"
_KIND = "kind: "


@dataclass(frozen=True, slots=True)
class Question:
    kind: KindInfo | None
    selector: str | None
    project: str | None


def print_manifests(api: Api, question: Question) -> None:
    for line in _lines(api, question):
        sys.stdout.write(line)


def write_files(api: Api, question: Question, folder: Path) -> None:
    """A file is replaced once everything has come; one of a kind without objects goes."""
    wanted = [question.kind] if question.kind else list(KINDS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        counts = _write_parts(api, question, folder)
        for kind in wanted:
            target = _target(folder, kind)
            if kind in counts:
                _part(folder, kind).replace(target)
            else:
                target.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"Cannot write to {folder}: {error.strerror}.") from error
    for kind, count in counts.items():
        say(f"{_target(folder, kind)}: {count} {kind.collection if count > 1 else kind.word}")


def _write_parts(api: Api, question: Question, folder: Path) -> dict[KindInfo, int]:
    """Answers how many objects of each kind there are."""
    files: dict[KindInfo, TextIO] = {}
    counts: Counter[KindInfo] = Counter()
    with ExitStack() as opened:
        lines = _lines(api, question)
        for line in lines:
            if line.startswith(_BEGIN):
                # The canonical form begins every document with its kind.
                head = next(lines)
                kind = BY_NAME[head.removeprefix(_KIND).strip()]
                if kind not in files:
                    part = _part(folder, kind)
                    files[kind] = opened.enter_context(part.open("w", encoding="utf-8"))
                counts[kind] += 1
                files[kind].write(line + head)
            else:
                files[kind].write(line)
    return counts


def _target(folder: Path, kind: KindInfo) -> Path:
    return folder / f"{kind.collection}.yaml"


def _part(folder: Path, kind: KindInfo) -> Path:
    return folder / f"{kind.collection}.yaml.part"


def _lines(api: Api, question: Question) -> Iterator[str]:
    return api.lines(
        "/v1/export",
        kind=question.kind.name if question.kind else None,
        label_selector=question.selector,
        project=question.project,
    )
