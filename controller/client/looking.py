"""Commands of those who look where to look: whoami, attention and search.

Only their names and options; heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from controller.client.options import Project, kinds_like
from controller.client.output import Format, print_json

app = typer.Typer()

Output = Annotated[Format, typer.Option("--output", "-o", help="table or json")]
OfKind = Annotated[
    str | None,
    typer.Option("--kind", "-k", help="only objects of this kind", autocompletion=kinds_like),
]


@app.command()
def whoami(output: Output = Format.TABLE) -> None:
    """Show whose token is in use, and what it allows."""
    from controller.client import context, summary
    from controller.client.rest import Api

    with Api(context.current()) as api:
        found = api.get("/v1/whoami")
    if output is Format.JSON:
        print_json(found)
    else:
        summary.print_principal(found)


@app.command()
def attention(
    *,
    host: Annotated[str | None, typer.Option("--host", help="only it and what is on it")] = None,
    kind: OfKind = None,
    project: Project = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="how many")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Show all that is not as intended, with what to do, the most urgent first."""
    from controller.client import context, summary
    from controller.client.kinds import parse_kind
    from controller.client.rest import Api

    wanted = {"host": host, "project": project, "kind": parse_kind(kind).name if kind else None}
    with Api(context.current()) as api:
        found, total = summary.read_attention(api, wanted, limit)
    if output is Format.JSON:
        print_json({"items": found, "total": total})
    else:
        summary.print_attention(found, total)


@app.command()
def search(
    words: Annotated[
        str, typer.Argument(help="a name, uid, address, VNI or iface-id, or part of it; or k=v")
    ],
    *,
    kind: OfKind = None,
    project: Project = None,
    output: Output = Format.TABLE,
) -> None:
    """Find objects of every kind by what they are called or have; exit code 4 when none is."""
    from controller.client import context, summary
    from controller.client.failures import ExitCode
    from controller.client.kinds import parse_kind
    from controller.client.rest import Api

    wanted = {"project": project, "kind": parse_kind(kind).name if kind else None}
    with Api(context.current()) as api:
        found = api.get("/v1/search", q=words, page_size=50, **wanted)
    if output is Format.JSON:
        print_json(found)
    else:
        summary.print_found(found)
    if not found["items"]:
        raise typer.Exit(ExitCode.NOT_FOUND)
