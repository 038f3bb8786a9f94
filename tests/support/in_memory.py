"""Where tests put their files: into memory where the machine has plenty, else on the disk.

Each of a thousand tests has a database of its own, a copy of some hundred files. On a disk that
takes longer than most of the tests; what they prove is the same, because a process that is killed
leaves its files as they are in either place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 4 * 2**30


def use_memory_for_files() -> None:
    """For this process and those that it starts; whoever set TMPDIR knows better."""
    if "TMPDIR" not in os.environ and _has_room(_MEMORY) and _can_run_programs(_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _has_room(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    return min(shutil.disk_usage(folder).free, _available_memory()) >= _ENOUGH_BYTES


def _available_memory() -> int:
    """In bytes: the size of a file system in memory does not say how much of it there is."""
    available = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line
    )
    return int(available.split()[1]) * 1024


def _can_run_programs(folder: Path) -> bool:
    """Containers often forbid it there, and some tests start copies of programs."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        program = Path(own) / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)
        try:
            return subprocess.run([program], check=False).returncode == 0
        except OSError:
            return False
