"""Every file in docs/examples is applied to the lab and becomes Ready, so that none can rot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.lab.lab import Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.shell import in_netns, run, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

_EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples").glob("*.yaml"))


def _specs(path: Path) -> list[dict[str, Any]]:
    return [doc.get("spec", {}) for doc in YAML(typ="safe").load_all(path.read_text()) if doc]


def _cards(path: Path, lab: Lab) -> list[tuple[str, str]]:
    """Namespace and name of the devices that a host has to have for the example."""
    specs = [spec for spec in _specs(path) if "bond" in spec]
    return [(lab.host(s["host"]).netns, name) for s in specs for name in s["bond"]["members"]]


@pytest.fixture(params=_EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Path]:
    """An example's path; the namespaces and devices that it names exist while the test runs."""
    path: Path = request.param
    peers = [spec["peer"] for spec in _specs(path) if "peer" in spec]
    names = sorted({peer["netns"] for peer in peers})
    for name in names:
        add_workload_netns(name)
    for netns, card in _cards(path, lab):
        run("ip", "-n", netns, "link", "add", card, "type", "veth", "peer", "name", f"{card}-far")
    yield path
    for name in names:
        run("ip", "netns", "delete", name)


def test_an_example_is_realized_and_applying_it_again_changes_nothing(
    lab: Lab, example: Path
) -> None:
    lab.ovsfleet("apply", "-f", str(example), "--wait", "--timeout=40")
    again = lab.ovsfleet("apply", "-f", str(example), "-o", "json")
    assert '"created"' not in again
    assert '"updated"' not in again


def test_the_first_segment_carries_traffic_as_the_readme_says(lab: Lab) -> None:
    path = next(path for path in _EXAMPLES if path.name == "first-segment.yaml")
    for name in ("vm-a", "vm-b"):
        add_workload_netns(name)
    try:
        lab.ovsfleet("apply", "--wait", "-f", str(path))
        ping = ("ping", "-c1", "-W1", "10.30.0.2")
        wait_until("an answer", lambda: " 1 received" in in_netns("vm-a", *ping, check=False), 10)
        lab.ovsfleet("delete", "--wait", "-f", str(path))
        assert "eth0" not in run("ip", "-n", "vm-a", "-br", "link")
    finally:
        for name in ("vm-a", "vm-b"):
            run("ip", "netns", "delete", name)
