"""The lab for end-to-end tests: four hosts, the controller and enrolled agents.

There is one lab per machine (namespaces have names); whatever an earlier run left is ended first.
The test of the demo starts one of its own, so it comes first; all others share one, which ends
with the last of them and not with the run: its daemons would slow the other tests down.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.lab.lab import Lab

_HERE = Path(__file__).parent
_running = ExitStack()
_labs: list[Lab] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path != _HERE / "test_demo.py")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if nextitem is None or nextitem.path.parent != _HERE:
        _running.close()


@pytest.fixture
def running_lab() -> Lab:
    if os.geteuid() != 0:
        pytest.fail("the lab makes network namespaces: run the tests as root")
    if not _labs:
        _labs.append(_start())
    return _labs[0]


def _start() -> Lab:
    lab = Lab()
    lab.clear()
    _running.callback(_labs.clear)
    _running.callback(lab.clear)
    lab.up()
    lab.ovsfleet("wait", "host", *lab.plan.names, "--for=Ready", "--timeout=30")
    return lab


@pytest.fixture
def lab(running_lab: Lab, tmp_path: Path) -> Iterator[Lab]:
    """The running lab; whatever intent a test leaves, but hosts, is deleted after it."""
    manifests = tmp_path / "left.yaml"
    yield running_lab
    left = [text for text in running_lab.ovsfleet("export").split("---\n") if text.strip()]
    others = [text for text in left if not text.startswith("kind: Host\n")]
    if others:
        manifests.write_text("---\n".join(others))
        running_lab.ovsfleet("delete", "--yes", "-f", str(manifests))
    running_lab.ovsfleet("wait", "host", *running_lab.plan.names, "--for=Ready", "--timeout=30")
