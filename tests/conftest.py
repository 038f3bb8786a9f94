"""Fixtures that more than one folder of tests shares; each lives with its explanation in support/."""

from __future__ import annotations

pytest_plugins: list[str] = ["tests.support.postgres"]
