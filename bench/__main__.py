"""`python -m bench`: measures, prints a table, writes JSON. `make bench` calls it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import report, scale, suite
from bench.report import Figure
from bench.workload import Kind
from deploy.lab.lab import require_root

app = typer.Typer(add_completion=False, help="What ovsfleet costs, beside the least it could cost.")
_console = Console()
_AT_ONCE = 10_000
"""Ports in one request while the large database is filled."""


def _say(text: str) -> None:
    _console.print(f"[dim]measuring {text}[/]", highlight=False)


def _measure(
    counts: list[int], hosts: int, ports: int, scale_hosts: int, scale_ports: int
) -> Iterator[Figure]:
    for kind, count in itertools.product(Kind, [0, *counts]):
        yield from suite.many_ports(kind, count, _say)
    if hosts:
        yield from suite.whole_fleet(hosts, ports, _say)
    if scale_hosts:
        yield from scale.whole_intent(scale_hosts, scale_ports, _AT_ONCE, _say)


@app.command()
def run(
    *,
    counts: Annotated[
        list[int] | None, typer.Option("--count", help="Ports at once; may be repeated.")
    ] = None,
    hosts: Annotated[int, typer.Option(help="Hosts of the fleet; 0 leaves it out.")] = 25,
    ports: Annotated[int, typer.Option(help="Ports on each of them.")] = 50,
    scale_hosts: Annotated[
        int, typer.Option(help="Hosts in the database alone, never enrolled; 0 leaves it out.")
    ] = 1000,
    scale_ports: Annotated[int, typer.Option(help="Ports on each of those.")] = 100,
    output: Annotated[Path, typer.Option(help="Where the JSON goes.")] = Path(
        "build/bench/latest.json"
    ),
) -> None:
    """Runs the suite on real Open vSwitch hosts in network namespaces of this machine."""
    require_root()
    about = {"machine": report.machine(), "versions": report.versions()}
    figures: list[Figure] = []
    # Written after every figure: a run that is broken off has told what it knew.
    for figure in _measure(
        [100, 1000, 4000] if counts is None else counts, hosts, ports, scale_hosts, scale_ports
    ):
        figures.append(figure)
        report.write(output, figures, about)
        _console.print(f"  {figure.name}: {figure.ratio:.1f}x the floor", highlight=False)
    report.show(_console, figures, about)
    _console.print(f"JSON: {output}")


if __name__ == "__main__":
    app()
