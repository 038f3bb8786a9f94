"""Commands of those who look at traffic and at what there is to know: stats, top and kinds.

Only their names and options; heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from controller.client.options import Kind, Name, Project
from controller.client.output import Format, print_json

app = typer.Typer()

Since = Annotated[str, typer.Option("--since", metavar="DURATION", help="such as 15m, 6h or 7d")]
Output = Annotated[Format, typer.Option("--output", "-o", help="table or json")]


@app.command()
def stats(
    kind: Kind,
    name: Name,
    *,
    since: Since = "15m",
    project: Project = None,
    output: Output = Format.TABLE,
) -> None:
    """Show what passed through a host, segment, port or tunnel: rates over a time."""
    from controller.client import context, statistics
    from controller.client.kinds import parse_kind
    from controller.client.rest import Api

    info = parse_kind(kind)
    with Api(context.current()) as api:
        found = statistics.read(api, info, name, project, since)
    if output is Format.JSON:
        print_json(found)
    else:
        statistics.print_statistics(found)


@app.command()
def top(
    host: Annotated[str, typer.Argument(help="name or uid of a host")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="how many lines")] = 20,
    output: Output = Format.TABLE,
) -> None:
    """Show what carries the most on a host at present."""
    from controller.client import context, statistics
    from controller.client.rest import Api

    with Api(context.current()) as api:
        busiest = statistics.busiest(api, host, limit)
    if output is Format.JSON:
        print_json({"items": busiest})
    else:
        statistics.print_busiest(busiest)


@app.command()
def kinds() -> None:
    """List the kinds of objects and how else each can be called."""
    from controller.client.kinds import KINDS
    from controller.client.tables import print_rows

    rows = [[kind.name, kind.collection, kind.short] for kind in KINDS]
    print_rows(["KIND", "COLLECTION", "SHORT"], rows)
