"""Whoever meets a reason finds it in docs/operations.md, with what to do."""

from __future__ import annotations

import re
from pathlib import Path

from controller.domain.intent import Kind

_ROOT = Path(__file__).parents[2]
_TOLD_IN = (
    "agent",
    "controller/compiler",
    "controller/domain",
    "controller/services",
    "controller/southbound",
    "controller/store",
)
_WORD = re.compile(r'"((?:[A-Z][a-z0-9]+){2,})"')
_NAMES_OF_CODE = re.compile(r"__all__ = [\[(].*?[\])]", re.DOTALL)
_LOOKS_ALIKE = frozenset(
    {
        *(kind.value for kind in Kind),
        *(f"OpenFlow{version}" for version in range(10, 16)),
        "NetFlow",
        "OvsdbResult",
        # Of what is well, of events, and types of conditions.
        "GivenUp",
        "HeardAgain",
        "NoMembers",
        "PeersConfirmed",
        "SessionOpen",
        "StreamEnded",
        "VtepsSettled",
    }
)


def test_every_reason_that_is_given_is_in_the_table_of_operations() -> None:
    page = (_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    _, _, table = page.partition("## Why is it not Ready?")
    explained = set(re.findall(r"`((?:[A-Z][a-z0-9]+){2,})`", table))
    given = {
        word
        for folder in _TOLD_IN
        for path in (_ROOT / folder).rglob("*.py")
        for word in _WORD.findall(_NAMES_OF_CODE.sub("", path.read_text(encoding="utf-8")))
    } - _LOOKS_ALIKE
    assert given - explained == set()
    assert explained - given == set()
