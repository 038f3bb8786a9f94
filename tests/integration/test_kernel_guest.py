"""The guest that has the kernel's own Open vSwitch datapath, and all of tests/kernel in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(450)]

GUEST = Path(__file__).resolve().parents[2] / "deploy" / "guest"


def run(tool: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (str(GUEST / tool), *arguments),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def guests_files() -> Iterator[Path]:
    """A folder that the guest has, too: what this machine has in memory it does not see."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_segments_work_on_the_kernels_own_datapath() -> None:
    done = run("test", PYTHON=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_guest_gives_the_commands_output_and_status_and_keeps_what_it_writes(
    guests_files: Path,
) -> None:
    left = guests_files / "left"
    done = run("run", "sh", "-c", f"echo x >{left} && cat {left} && echo error >&2 && exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "x\nerror\n", "")
    assert not left.exists()


def test_a_guest_ends_at_its_limit_with_all_its_processes() -> None:
    mark = str(uuid.uuid4())
    done = run("run", "-s", "3", "sleep", "60", OVSFLEET_TEST=mark)
    assert done.returncode == 124
    assert "its limit of 3 s" in done.stderr
    assert descendants(mark) == []


def descendants(mark: str) -> list[str]:
    """The commands of all processes whose environment has the mark."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # of a process that ended meanwhile
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
    return found
