"""The pictures that the docs show, and those that are taken."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.screens import SCREENS
from tests.support.screenshots import file_of, looks_of

_ROOT = Path(__file__).parents[2]
_PAGES = [_ROOT / "README.md", *(_ROOT / "docs").glob("*.md")]


def test_every_picture_that_is_shown_is_taken_and_every_one_that_is_taken_is_shown() -> None:
    texts = (page.read_text(encoding="utf-8") for page in _PAGES)
    shown = {name for text in texts for name in re.findall(r"screenshots/([\w.-]+\.png)", text)}
    assert shown == {file_of(screen, look) for screen in SCREENS for look in looks_of(screen)}
