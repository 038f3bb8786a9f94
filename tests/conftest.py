"""Fixtures that more than one folder of tests shares; each is explained in support/."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.in_memory import use_memory_for_files

# Before anything makes a temporary folder.
use_memory_for_files()

# How long an example takes says more about what else the machine does than about the code.
# The same examples in every run: tests/properties/conftest.py says why.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.load_profile("patient")

collect_ignore = ["kernel"]
"""Runs in a guest with a kernel of its own, as integration/test_kernel_guest.py sees to."""

_ONE_BY_ONE = {"e2e", "browser"}
_COUNTS_FRAMES = {"test_agent_vteps.py"}
"""A browser beside it takes the processor from the switches that carry the frames."""

pytest_plugins: list[str] = [
    "tests.support.api",
    "tests.support.data_dir",
    "tests.support.postgres",
    "tests.support.refusals",
    "tests.support.restart",
    "tests.support.southbound_site",
    "tests.support.netns",
    "tests.support.ovs",
    "tests.support.agent_lab",
    # After those that it imports.
    "tests.support.large_fleet",
]


class _FileByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests go to one process, so that what they share is made once.

    There is one lab on a machine, and a browser beside a whole lab would wait for the processor
    longer than a person would: all of these go to one process, too."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        path = Path(file)
        is_alone = path.parent.name in _ONE_BY_ONE or path.name in _COUNTS_FRAMES
        return "one by one" if is_alone else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _FileByFile(config, log)
