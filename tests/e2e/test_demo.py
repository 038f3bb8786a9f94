"""`make demo` as a test: the README's promise, run as written there, set-up apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_ROOT = Path(__file__).parents[2]


def test_the_demo_proves_every_claim() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.lab", "demo"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILS" not in done.stdout
