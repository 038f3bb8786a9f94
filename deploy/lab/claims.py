"""The demo's claims: each is proven from outside and closes in a table with its figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from deploy.lab.shell import LabError


@dataclass(slots=True)
class Claim:
    """One thing that must hold, and what was measured."""

    text: str
    holds: bool = False
    measured: str = ""

    def prove(self, holds: bool, measured: str) -> None:
        self.holds, self.measured = holds, measured


@dataclass(slots=True)
class Ledger:
    """All claims of a run, in order, told to a person while it goes."""

    console: Console
    claims: list[Claim] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def claim(self, text: str, *, spinner: bool = True) -> Iterator[Claim]:
        """A claim under proof. A check that breaks is a claim that does not hold; others go on.

        Without ``spinner``, for a check that shows progress of its own."""
        claim = Claim(text)
        self.claims.append(claim)
        with self.console.status(text) if spinner else nullcontext():
            try:
                yield claim
            except LabError as error:
                claim.prove(False, str(error)[:300])
        mark = "[green]ok[/]" if claim.holds else "[bold red]NO[/]"
        self.console.print(
            f"  {mark}  {claim.text}: {claim.measured}", highlight=False, soft_wrap=True
        )

    def step(self, text: str) -> None:
        seconds = time.monotonic() - self.started
        self.console.print(
            f"[bold]==> {text}[/] [dim]({seconds:.0f} s)[/]", highlight=False, soft_wrap=True
        )

    def all_hold(self) -> bool:
        return bool(self.claims) and all(claim.holds for claim in self.claims)

    def table(self) -> Table:
        seconds = time.monotonic() - self.started
        title = f"What was claimed, and what was measured, in {seconds:.0f} s"
        table = Table("Claim", "Measured", "", title=title)
        for claim in self.claims:
            mark = "[green]holds[/]" if claim.holds else "[bold red]FAILS[/]"
            table.add_row(claim.text, claim.measured, mark)
        return table
