"""The wheel as people install it: what is in it, and that it works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

# What the module shares is made once, also where tests run in parallel.
pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=_ROOT, check=True, capture_output=True, timeout=100)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_exactly_the_three_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"controller", "agent", "ovsfleet"}


def test_the_wheel_brings_migrations_dashboard_and_wire_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "controller/migrations/env.py" in names
    assert "controller/dashboard/dist/index.html" in names
    assert "ovsfleet/v1/agent_pb2.py" in names
    assert not [name for name in names if "node_modules" in name]


@pytest.mark.parametrize("module", ["controller.cli", "controller.client.cli", "agent.cli"])
def test_the_wheels_modules_import_without_the_checkout(wheel: Path, module: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(wheel)!r}); import {module} as m; print(m.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert str(wheel) in done.stdout
