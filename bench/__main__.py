"""`python -m bench`: measures, prints a table, writes JSON. `make bench` calls it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import reads, report, scale, suite
from bench.report import Figure
from bench.workload import Kind
from deploy.lab.lab import require_root

app = typer.Typer(add_completion=False, help="What ovsfleet costs, beside the least it could cost.")
_console = Console()
_AT_ONCE = 10_000
"""Ports in one request while the large database is filled."""


def _say(text: str) -> None:
    _console.print(f"[dim]measuring {text}[/]", highlight=False)


@dataclass(frozen=True, slots=True)
class Part:
    """Makes its own lab and takes it away again, so that one that fails spoils no other."""

    name: str
    measure: Callable[[Callable[[str], None]], Iterator[Figure]]


def parts(
    counts: list[int],
    hosts: int,
    ports: int,
    scale_hosts: int,
    scale_ports: int,
    *,
    large: bool = True,
) -> Iterator[Part]:
    for kind, count in itertools.product(Kind, [0, *counts]):
        yield Part(f"{count} {kind} ports", partial(suite.many_ports, kind, count))
    if hosts:
        yield Part(f"{hosts} hosts", partial(suite.whole_fleet, hosts, ports))
    if scale_hosts:
        whole = partial(scale.whole_intent, scale_hosts, scale_ports, _AT_ONCE)
        yield Part(f"{scale_hosts} hosts in the database", whole)
    if large:
        yield Part("reads of a large fleet", reads.large_fleet)


def measure(wanted: Iterable[Part], tell: Callable[[Figure], None]) -> dict[str, str]:
    """Measure one part after the other; what was wrong with those that failed."""
    failed: dict[str, str] = {}
    for part in wanted:
        try:
            for figure in part.measure(_say):
                tell(figure)
        except Exception as error:  # noqa: BLE001 - the others are still worth knowing
            failed[part.name] = f"{type(error).__name__}: {error}"
            _console.print(f"  {part.name} failed: {failed[part.name]}", style="red", markup=False)
    return failed


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
    large: Annotated[bool, typer.Option(help="Reads of 1000 hosts and 100000 ports.")] = True,
    output: Annotated[Path, typer.Option(help="Where the JSON goes.")] = Path(
        "build/bench/latest.json"
    ),
) -> None:
    """Runs all parts on real Open vSwitch hosts in network namespaces of this machine, one after
    the other. Exits with 1 when a part failed; the others are measured all the same."""
    require_root()
    about = {"machine": report.machine(), "versions": report.versions()}
    figures: list[Figure] = []

    def tell(figure: Figure) -> None:
        figures.append(figure)
        # Written after every figure: a run that is broken off has told what it knew.
        report.write(output, figures, about)
        _console.print(f"  {figure.name}: {figure.ratio:.1f}x the floor", highlight=False)

    sizes = [100, 1000, 4000] if counts is None else counts
    failed = measure(parts(sizes, hosts, ports, scale_hosts, scale_ports, large=large), tell)
    report.write(output, figures, about, failed)
    report.show(_console, figures, about, failed)
    _console.print(f"JSON: {output}")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    app()
