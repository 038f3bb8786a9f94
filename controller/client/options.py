"""Arguments and options that several commands take. Pure; loads nothing that is slow."""

from __future__ import annotations

from typing import Annotated

import typer

from controller.client.output import Format

Kind = Annotated[
    str, typer.Argument(help="hosts, segments, ports ... (`ovsfleet kinds` lists them all)")
]
Name = Annotated[str, typer.Argument(help="name or uid")]
Project = Annotated[str | None, typer.Option("--project", "-p", help="project of the objects")]
Output = Annotated[Format, typer.Option("--output", "-o", help="how to print")]
Shown = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT",
        help="table, wide, json, yaml, name or jsonpath=EXPRESSION",
    ),
]
Filter = Annotated[
    str | None,
    typer.Option("--filter", help='such as: spec.host = "h1" AND status.phase != "Ready"'),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check everything, write nothing")]
Files = Annotated[
    list[str] | None, typer.Option("--filename", "-f", help="file, folder or - for stdin")
]
Selector = Annotated[str | None, typer.Option("-l", "--selector", help="labels: a=b,c")]


def required(filename: list[str] | None) -> list[str]:
    if not filename:
        raise typer.BadParameter("say which manifests: -f FILE, -f FOLDER or -f -")
    return filename
