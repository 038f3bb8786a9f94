"""`make demo` as a test: the README's promise, run as written there, set-up apart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.lab.lab import CONTROLLER, Lab

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_ROOT = Path(__file__).parents[2]
_DEMO = [sys.executable, "-m", "deploy.lab", "demo"]


def _run_demo() -> str:
    done = subprocess.run(
        _DEMO, cwd=_ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _leftovers() -> list[str]:
    """Namespaces and devices of a lab on this machine."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    links = json.loads(
        subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout
    )
    names = [*listed.stdout.split(), *(link["ifname"] for link in links)]
    return [name for name in names if name.startswith(("ovsf-h", "ovsf-u", "ovsf-m"))]


def test_the_demo_proves_every_claim_also_after_one_that_was_killed_in_the_middle() -> None:
    with subprocess.Popen(_DEMO, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        while "breaking things" not in (line := killed.stdout.readline()):
            assert line, "the demo ended before its middle"
        Lab().processes.get(CONTROLLER).kill()
        killed.send_signal(signal.SIGKILL)
    running = [process.pid for process in Lab().processes.alive()]
    assert running, "a demo that was killed leaves its hosts running"

    said = _run_demo()

    assert "FAILS" not in said
    assert not [pid for pid in running if os.path.exists(f"/proc/{pid}")]  # noqa: PTH110
    assert not _leftovers()
