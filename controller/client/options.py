"""Arguments and options that several commands take. Pure; loads nothing that is slow."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from controller.client.kinds import KINDS, PORT
from controller.client.output import Format


def kinds_like(incomplete: str) -> list[str]:
    """For completion, which asks no controller."""
    words = (word for kind in KINDS for word in (kind.collection, kind.word))
    return [word for word in words if word.startswith(incomplete.lower())]


def ports_like(incomplete: str) -> list[str]:
    return [word for word in (PORT.word,) if word.startswith(incomplete.lower())]


def contexts_like(incomplete: str) -> list[str]:
    from controller.client import context

    return [name for name in sorted(context.load().contexts) if name.startswith(incomplete)]


def formats_like(incomplete: str) -> list[str]:
    return [word for word in (*Format, "jsonpath=") if word.startswith(incomplete)]


def seconds(text: str | float) -> float:
    if isinstance(text, float):  # a default
        return text
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)?", text)
    if not match:
        raise typer.BadParameter(f"{text!r} is not a duration; write 90, 90s, 5m or 1h")
    return float(match.group(1)) * {"s": 1, "m": 60, "h": 3600}[match.group(2) or "s"]


Kind = Annotated[
    str,
    typer.Argument(
        help="hosts, segments, ports ... (`ovsfleet kinds` lists them all)",
        autocompletion=kinds_like,
    ),
]
OnlyKind = Annotated[str | None, typer.Argument(help="only this kind", autocompletion=kinds_like)]
KindOfNames = Annotated[
    str | None,
    typer.Argument(help="kind of the objects that NAMES name", autocompletion=kinds_like),
]
FieldPath = Annotated[
    str, typer.Argument(help="a kind or a field of it: port.mtu", autocompletion=kinds_like)
]
Name = Annotated[str, typer.Argument(help="name or uid")]
Project = Annotated[str | None, typer.Option("--project", "-p", help="project of the objects")]
Timeout = Annotated[
    float,
    typer.Option("--timeout", parser=seconds, metavar="DURATION", help="longest wait: 90s, 5m"),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="how to print")]
ConfirmCount = Annotated[
    int | None, typer.Option("--confirm-count", min=0, help="how many objects this deletes")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="delete however many objects it is")]
Shown = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT",
        autocompletion=formats_like,
        help="table, wide, json, yaml, name or jsonpath=EXPRESSION",
    ),
]
Filter = Annotated[
    str | None,
    typer.Option("--filter", help='such as: spec.host = "h1" AND status.phase != "Ready"'),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="let a host try what may cut it off, and undo it where it does"),
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
