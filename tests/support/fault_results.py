"""What the fault suite measured, in ``build/faults``: each figure with the commit and the time that
it is of, so that the page of promises passes nothing off as measured that is not.

``NAME.json`` has the figures of a test, ``rounds.jsonl`` and ``on_trial.jsonl`` a line for each
round, ``outcomes.jsonl`` a line for each test that ended. ``make test-faults`` begins with an empty
folder; with ARGS it goes on with the one that is there.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

Result: TypeAlias = Mapping[str, Any]

ROOT: Final = Path(__file__).parents[2]
ROUNDS: Final = "rounds.jsonl"
ON_TRIAL: Final = "on_trial.jsonl"
_OUTCOMES: Final = "outcomes.jsonl"
_WHY_CHARS = 500


def directory_of_results() -> Path:
    path = ROOT / "build/faults"
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_result(name: str, figures: Mapping[str, object]) -> None:
    """Figures of a test."""
    text = json.dumps({"test": name, **figures, **provenance()}, sort_keys=True)
    (directory_of_results() / f"{name}.json").write_text(text + "\n")
    print(text)


def write_outcome(test: str, outcome: str, why: str) -> None:
    """``test`` as pytest names it; ``outcome`` is passed or failed."""
    line = {"test": test, "outcome": outcome, "why": why[:_WHY_CHARS], **provenance()}
    with (directory_of_results() / _OUTCOMES).open("a") as lines:
        print(json.dumps(line, sort_keys=True), file=lines)


def provenance() -> dict[str, str]:
    """What is measured, and when."""
    return {"commit": _commit(), "at": datetime.now(UTC).isoformat(timespec="seconds")}


@cache
def _commit() -> str:
    """With ``+`` where what is measured differs from it; its documents are not measured. Empty
    where there is no repository, as in what was unpacked from an archive."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return head + ("+" if changed else "")


def _git(*words: str) -> str:
    # As root, git would not look at a folder that is somebody else's.
    command = ["git", "-c", f"safe.directory={ROOT}", *words]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return "" if done.returncode else done.stdout.strip()


def read_results(directory: Path) -> dict[str, Result]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))}


def read_rounds(directory: Path, name: str = ROUNDS) -> list[Result]:
    return _lines(directory / name)


def read_outcomes(directory: Path) -> list[Result]:
    """The last one of each test that ended."""
    return list({each["test"]: each for each in _lines(directory / _OUTCOMES)}.values())


def _lines(path: Path) -> list[Result]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
