"""The lab for end-to-end tests: four hosts, the controller and enrolled agents, for one module.

There is one lab per machine (namespaces have names); whatever an earlier run left is ended first,
and the test of the demo starts one of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

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


_DELETED = (
    *("mirrors", "flow-exports", "tunnels", "ports", "segments", "bridges"),
    *("host-groups", "qos-policies", "tunnel-profiles", "transport-zones", "pools"),
)
"""Every kind but hosts, so that nothing refers to what goes."""


@pytest.fixture
def lab(running_lab: Lab) -> Iterator[Lab]:
    """The running lab; whatever intent a test leaves is deleted after it."""
    yield running_lab
    for kind in _DELETED:
        names = running_lab.ovsfleet("get", kind, "-o", "name").split()
        if names:
            running_lab.ovsfleet("delete", "--yes", kind, *(n.split("/")[-1] for n in names))
    running_lab.ovsfleet("wait", "host", *running_lab.plan.names, "--for=Ready", "--timeout=30")
