"""The lab for end-to-end tests: four hosts, the controller and enrolled agents, for one module.

There is one lab per machine (namespaces have names); whatever an earlier run left is ended first,
and the test of the demo starts one of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab.lab import Lab


@pytest.fixture(scope="module")
def running_lab() -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.fail("the lab makes network namespaces: run the tests as root")
    lab = Lab()
    lab.clear()
    try:
        lab.up()
        lab.ovsfleet("wait", "host", *lab.plan.names, "--for=Ready", "--timeout=30")
        yield lab
    finally:
        lab.clear()


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
