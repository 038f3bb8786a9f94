"""The page ``docs/conformance.md``: written from what was seen on hosts, and read by the tests.

``python -m tests.support.conformance_page`` writes it: the column of userspace from this machine,
the others from the guest of deploy/guest, which keeps what it writes to itself. Inside of it,
``python -m tests.support.conformance_page COLUMN…`` prints columns as JSON. Owns nothing.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import structlog

from tests.support.conformance import Apart, Field, fleet_of, observed, refused
from tests.support.conformance_columns import KERNEL, LINUX, TITLES, USERSPACE, columns, samples
from tests.support.conformance_site import realize, restart, site, told
from tests.support.conformance_system import look

Cells: TypeAlias = dict[Field, str]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
CELL = re.compile(r"realized|refused: [a-z0-9_, ]+|unsupported: [A-Za-z]+|— \[\^[1-9]\]")
_ROW = re.compile(r"\| `(?P<path>[^`]+)` \| (?P<cells>.*) \|")

_HEAD = """# Conformance

What becomes of each field of the [intent model](intent-model.md) on each sort of host. Every cell
was tried: a value that differs from what is there unasked was set through intent, and the agent
brought a host to it.

- `realized`: it was read back from the host with `ovsdb-client`, `ip`, `bridge` or `tc`.
- `refused: <code>`: the rules of intent refuse the field there, with this code, and store nothing.
- `unsupported: <reason>`: the agent reported that the host cannot do it, with this reason.
- `—`: there is nothing to see on such a host; the footnote says why.

The sorts of host are Open vSwitch with its userspace datapath (`datapath_type` `netdev`), Open
vSwitch with the kernel's datapath (`system`), and a host without Open vSwitch, whose bridges are
the kernel's. Policies and policing are the kernel's work with either datapath; that it does them is
looked at in the kernel's own column, because not every kernel has them all.

This page is written by `make conformance`, and tests hold it against what they see.
"""


def seen_on_host(title: str, directory: Path) -> Cells:
    """Bring a host of a sort to all of its column, and look."""
    with site(directory, ovs=title != LINUX, userspace=title == USERSPACE) as host:
        column = columns(host.workload.name)[title]
        fleet = fleet_of(column)
        failures = realize(host, told(fleet))
        written = restart(host)
        assert written == (0, 0), f"netlink and OVSDB writes of an idle restart: {written}"
        return observed(column, fleet, look(host), failures)


def without_host(title: str) -> Cells:
    """The cells of a column that the rules of intent decide by themselves."""
    column = columns("workload")[title]
    numbers = {reason: number for number, reason in enumerate(Apart, start=1)}
    notes = {wanted: f"— [^{numbers[reason]}]" for wanted, reason in column.apart.items()}
    return refused(column, fleet_of(column), samples()) | notes


# --- the page ------------------------------------------------------------------------------------


def render(fields: Sequence[Field], seen: Mapping[str, Cells]) -> str:
    kinds = dict.fromkeys(kind for kind, _ in fields)
    sections = (_section(kind, [f for f in fields if f[0] == kind], seen) for kind in kinds)
    notes = (f"[^{number}]: {reason.value}\n" for number, reason in enumerate(Apart, start=1))
    return _HEAD + "".join(sections) + "\n" + "".join(notes)


def _section(kind: str, fields: Sequence[Field], seen: Mapping[str, Cells]) -> str:
    rows = "".join(
        f"| `{wanted[1]}` | {' | '.join(seen[title].get(wanted, '') for title in TITLES)} |\n"
        for wanted in fields
    )
    return f"\n## {kind}\n\n| field | {' | '.join(TITLES)} |\n|---|---|---|---|\n{rows}"


def written() -> dict[str, Cells]:
    """What the page says, by column."""
    found: dict[str, Cells] = {title: {} for title in TITLES}
    kind = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif row := _ROW.fullmatch(line):
            for title, cell in zip(TITLES, row["cells"].split(" | "), strict=True):
                found[title][kind, row["path"]] = cell
    return found


# --- writing it ----------------------------------------------------------------------------------


def _print(titles: Sequence[str]) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as directory:
        for title in titles:
            place = Path(directory, title)
            place.mkdir()
            cells = seen_on_host(title, place)
            print(json.dumps({"title": title, "cells": list(cells.items())}))


def _asked(*command: str) -> dict[str, Cells]:
    """What a process prints of columns; lines that are no JSON are not of it."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {each["title"]: {tuple(of): cell for of, cell in each["cells"]} for each in lines}


def _write() -> None:
    # Importing the shapes of the API takes the guest longer than all of its cells.
    from tests.support.intent_model import KINDS, leaves

    tool = (sys.executable, "-m", "tests.support.conformance_page")
    seen = _asked(*tool, USERSPACE)
    seen |= _asked(str(ROOT / "deploy/guest/run"), *tool, KERNEL, LINUX)
    seen = {title: cells | without_host(title) for title, cells in seen.items()}
    fields = [(kind, path) for kind, model in KINDS.items() for path, _ in leaves(model)]
    PAGE.write_text(render(fields, seen))
    for title, cells in seen.items():
        for wanted, cell in cells.items():
            if not CELL.fullmatch(cell):
                print(f"{title}: {'.'.join(wanted)} is {cell}", file=sys.stderr)


if __name__ == "__main__":
    if titles := sys.argv[1:]:
        _print(titles)
    else:
        _write()
