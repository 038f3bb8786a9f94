"""The figures as a table for people and as JSON for machines, with what they were measured on."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.table import Table

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Figure:
    group: str
    name: str
    ovsfleet: float
    """Seconds from the REST request to all Ready."""
    floor: float
    """Seconds for the same rows by raw JSON-RPC, until ovs-vswitchd has acted on them; in the group
    ``scale`` for the same request before the fleet was large, in ``reads`` for a list of its hosts.
    """
    peers: Mapping[str, float] = field(default_factory=dict)
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.ovsfleet / self.floor


def machine() -> dict[str, str]:
    memory = next(
        line.split()[1]
        for line in Path("/proc/meminfo").read_text().splitlines()
        if "MemTotal" in line
    )
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory_gib": f"{int(memory) / 2**20:.0f}",
        "kernel": platform.release(),
        "load_before": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def versions() -> dict[str, str]:
    packages = {name: importlib.metadata.version(name) for name in ("ovsfleet", "ovs", "grpcio")}
    return {
        **packages,
        "python": platform.python_version(),
        "open_vswitch": _first_line("ovs-vswitchd", "--version").rsplit(" ", 1)[-1],
        "commit": _first_line("git", "describe", "--always", "--dirty"),
    }


def _first_line(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def document(figures: Sequence[Figure], about: Mapping[str, Any]) -> dict[str, Any]:
    rows = [{**asdict(figure), "ratio": round(figure.ratio, 2)} for figure in figures]
    return {**about, "figures": rows}


def write(
    path: Path,
    figures: Sequence[Figure],
    about: Mapping[str, Any],
    failed: Mapping[str, str] = _NONE,
) -> None:
    """``failed``: by part, why it has no figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = document(figures, {**about, "failed": dict(failed)} if failed else about)
    path.write_text(json.dumps(said, indent=1) + "\n")


def show(
    console: Console,
    figures: Sequence[Figure],
    about: Mapping[str, Any],
    failed: Mapping[str, str] = _NONE,
) -> None:
    table = Table(title="REST request to all Ready, beside the same rows without ovsfleet")
    table.add_column("What")
    for heading in ("ovsfleet", "floor", "ratio", "ovs-vsctl", "python-ovs IDL"):
        table.add_column(heading, justify="right")
    for figure in figures:
        peers = [_seconds(figure.peers.get(name)) for name in ("ovs-vsctl", "python-ovs IDL")]
        own = (_seconds(figure.ovsfleet), _seconds(figure.floor), f"{figure.ratio:.1f}x")
        table.add_row(figure.name, *own, *peers)
    for part in failed:
        table.add_row(part, "failed", style="red")
    console.print(table)
    for part, why in failed.items():
        console.print(f"{part} failed: {why}", highlight=False, soft_wrap=True, markup=False)
    for heading, facts in about.items():
        said = ", ".join(f"{key} {value}" for key, value in facts.items())
        console.print(f"{heading}: {said}", highlight=False, soft_wrap=True)


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
