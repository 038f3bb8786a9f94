"""`python -m deploy.lab`: demo, up, down. `make demo` and `make demo-down` call it."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from deploy.lab.claims import Ledger
from deploy.lab.demo import EXAMPLES, run_demo
from deploy.lab.lab import Lab, require_root
from deploy.lab.shell import LabError

app = typer.Typer(add_completion=False, help="A lab of real Open vSwitch hosts on this machine.")
# Where the output is not a terminal, rich would assume one of 80 columns.
_console = Console(width=None if sys.stdout.isatty() else 120)


def _explain(lab: Lab) -> None:
    if not lab.is_ready():
        _console.print(f"Logs and files: {lab.directory}. Clear up with: make demo-down")
        return
    _console.print(
        f"\nIt is still running. Dashboard: [bold]{lab.url}/[/]  sign in with: {lab.admin_token}\n"
        f"  export OVSFLEET_URL={lab.url} OVSFLEET_TOKEN={lab.admin_token}\n"
        "  .venv/bin/ovsfleet get ports\n"
        f"Logs and files: {lab.directory}. End it with: make demo-down",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Leave everything running afterwards.")] = False,
) -> None:
    """Runs the main job and proves it; exits 0 only if every claim holds."""
    lab = Lab()
    ledger = Ledger(_console)
    lab.clear()
    broken = False
    try:
        run_demo(lab, ledger)
        if keep:
            lab.ovsfleet("apply", *EXAMPLES, "--wait")
    except LabError as error:
        # What runs stays, because its logs say why; the next run clears it.
        broken = True
        _console.print(f"[bold red]The demo broke off:[/] {error}", highlight=False)
    finally:
        if not (keep or broken):
            lab.clear()
    _console.print(ledger.table())
    if keep or broken:
        _explain(lab)
    raise typer.Exit(0 if ledger.all_hold() and not broken else 1)


@app.command()
def up() -> None:
    """Starts hosts, controller and agents, and applies nothing beyond the hosts."""
    lab = Lab()
    lab.clear()
    lab.up()
    _explain(lab)


@app.command()
def down() -> None:
    """Ends whatever an earlier run left: processes, namespaces, files."""
    Lab().clear()


def main() -> None:
    # Ctrl-C and a closing terminal both take the way out that clears up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        require_root()
        app()
    except LabError as error:
        sys.exit(f"lab: {error}")


if __name__ == "__main__":
    main()
