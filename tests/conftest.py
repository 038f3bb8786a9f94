"""Fixtures that more than one folder of tests shares; each is explained in support/."""

from __future__ import annotations

pytest_plugins: list[str] = [
    "tests.support.api",
    "tests.support.data_dir",
    "tests.support.postgres",
    "tests.support.refusals",
    "tests.support.restart",
    "tests.support.netns",
    "tests.support.ovs",
    "tests.support.agent_lab",
]
