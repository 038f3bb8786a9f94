"""The benchmark runs all of its parts, also when one fails, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bench.__main__ as bench
from bench.report import Figure


def test_all_parts_run_by_default() -> None:
    names = [part.name for part in bench.parts([100], 25, 50, 1000, 100)]
    ports = [f"{count} {kind} ports" for kind in ("vxlan", "internal") for count in (0, 100)]
    assert names == [
        *ports,
        "25 hosts",
        "1000 hosts in the database",
        "reads of a large fleet",
    ]
    few = bench.parts([], 0, 0, 0, 0, large=False)
    assert [part.name for part in few] == ["0 vxlan ports", ports[2]]


def test_a_part_that_fails_spoils_no_other_and_is_in_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def good(_say: Callable[[str], None]) -> Iterator[Figure]:
        yield Figure("g", "it works", 2.0, 1.0)

    def bad(_say: Callable[[str], None]) -> Iterator[Figure]:
        yield Figure("g", "its first", 3.0, 1.0)
        raise RuntimeError("no [bold] port")

    made = [bench.Part("bad part", bad), bench.Part("good part", good)]
    monkeypatch.setattr(bench, "parts", lambda *_, **__: iter(made))
    monkeypatch.setattr(bench, "require_root", lambda: None)
    output = tmp_path / "told.json"
    done = CliRunner().invoke(bench.app, ["--output", str(output)])
    assert done.exit_code == 1
    told = json.loads(output.read_text())
    assert [each["name"] for each in told["figures"]] == ["its first", "it works"]
    assert told["failed"] == {"bad part": "RuntimeError: no [bold] port"}
    assert "bad part failed: RuntimeError: no [bold] port" in done.output
    made.pop(0)
    assert CliRunner().invoke(bench.app, ["--output", str(output)]).exit_code == 0
    assert "failed" not in json.loads(output.read_text())
