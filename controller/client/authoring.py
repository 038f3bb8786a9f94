"""Commands of those who keep intent in files: export, diff, edit and explain.

Only their names and options; heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.client.failures import ExitCode
from controller.client.options import (
    FieldPath,
    Files,
    Kind,
    Name,
    OnlyKind,
    Project,
    Selector,
    required,
)

app = typer.Typer()


@app.command()
def export(
    kind: OnlyKind = None,
    *,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", "-f", help="write a file for each kind, replacing those there"),
    ] = None,
    selector: Selector = None,
    project: Project = None,
) -> None:
    """Print what was intended as manifests that apply to no change."""
    from controller.client import context, exporting
    from controller.client.kinds import parse_kind
    from controller.client.rest import Api

    info = parse_kind(kind) if kind else None
    question = exporting.Question(info, selector, project)
    with Api(context.current()) as api:
        if folder is None:
            exporting.print_manifests(api, question)
        else:
            exporting.write_files(api, question, folder)


@app.command()
def diff(
    filename: Files = None,
    *,
    observed: Annotated[
        str | None,
        typer.Option("--observed", metavar="HOST", help="what this host is like now, instead"),
    ] = None,
) -> None:
    """Show what applying manifests would change, or what on a host is not as intended; exit code 2
    when there is something."""
    from controller.client import context, manifests
    from controller.client.comparing import print_differences
    from controller.client.observed import print_observed
    from controller.client.rest import Api

    if observed is not None:
        if filename:
            raise typer.BadParameter("--observed compares with what is intended, and takes no -f")
        with Api(context.current()) as api:
            if print_observed(api, observed):
                raise typer.Exit(ExitCode.DIFFERENT)
        return
    wanted = manifests.read(required(filename))
    with Api(context.current()) as api:
        if print_differences(api, wanted):
            raise typer.Exit(ExitCode.DIFFERENT)


@app.command()
def edit(kind: Kind, name: Name, project: Project = None) -> None:
    """Change an object in $EDITOR; nothing is written over what others changed meanwhile."""
    from controller.client import context
    from controller.client.editing import edit as edit_object
    from controller.client.kinds import parse_kind
    from controller.client.rest import Api

    info = parse_kind(kind)
    with Api(context.current()) as api:
        edit_object(api, info, name, project)


@app.command()
def explain(
    path: FieldPath,
) -> None:
    """Say what a field of a manifest means, its type and its default."""
    from controller.client import context
    from controller.client.explaining import explain as explain_field
    from controller.client.rest import Api

    with Api(context.current()) as api:
        explain_field(api.get("/openapi.json"), path)
