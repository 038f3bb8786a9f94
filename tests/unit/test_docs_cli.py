"""docs/cli.md names every command that there is."""

from __future__ import annotations

from pathlib import Path

import typer.main

from controller.client.cli import app

PAGE = Path(__file__).parents[2] / "docs/cli.md"


def test_every_command_is_on_the_page_about_the_command_line() -> None:
    page = PAGE.read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert [
        name for name in commands if f"`{name}" not in page and f"ovsfleet {name}" not in page
    ] == []
