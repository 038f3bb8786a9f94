"""Commands about logins: ``context list``, ``use`` and ``remove``.

Only their names and options; heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from controller.client.options import contexts_like
from controller.client.output import Format, print_json, say

app = typer.Typer(no_args_is_help=True, help="Logins to several controllers, by name.")

Login = Annotated[
    str,
    typer.Argument(
        help="name of a login, see `ovsfleet context list`", autocompletion=contexts_like
    ),
]


@app.command("list")
def list_contexts(
    output: Annotated[Format, typer.Option("--output", "-o", help="how to print")] = Format.TABLE,
) -> None:
    """Show the logins that are stored, and which of them is used."""
    from controller.client import context
    from controller.client.tables import print_rows

    stored = context.load()
    found = [
        {"name": name, "url": each.url, "current": name == stored.current}
        for name, each in sorted(stored.contexts.items())
    ]
    if output is Format.JSON:
        print_json({"items": found})
    elif found:
        rows = [["*" if each["current"] else "", each["name"], each["url"]] for each in found]
        print_rows(["", "NAME", "URL"], [[str(cell) for cell in row] for row in rows])
    else:
        say("There are no logins: run `ovsfleet login URL`.")


@app.command()
def use(name: Login) -> None:
    """Use a login whenever none is named."""
    from controller.client import context

    stored = context.load()
    chosen = stored.named(name)
    context.save(replace(stored, current=name))
    say(f"Using {name}: {chosen.url}.")


@app.command()
def remove(name: Login) -> None:
    """Forget a login; its token stays valid until the controller ends it."""
    from controller.client import context

    left = context.load().without(name)
    context.save(left)
    say(f"Forgot {name}." + ("" if left.current else " No login is in use now."))
