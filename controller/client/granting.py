"""Commands of operators: what a host may do beyond intent. Names, options and what is said.

Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import typer

from controller.client.documents import Document, plain
from controller.client.failures import warning_lines
from controller.client.options import Name, Project, Yes
from controller.client.output import Format, print_json, say

app = typer.Typer()

Output = Annotated[Format, typer.Option("--output", "-o", help="table or json")]
HostName = Annotated[str, typer.Argument(help="name or uid of a host")]


@app.command()
def release(
    host: HostName,
    *,
    force: Annotated[
        bool,
        typer.Option("--force", help="also what it could not undo when it is cut off by it"),
    ] = False,
    removals: Annotated[
        bool,
        typer.Option("--removals", help="also take away what intent does not know, all of it"),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="only this resource, by the id of its failure; may repeat"),
    ] = None,
    withdraw: Annotated[
        bool,
        typer.Option("--withdraw", help="take back what was granted and holds"),
    ] = False,
    confirm_count: Annotated[
        int | None, typer.Option("--confirm-count", min=0, help="how many resources go")
    ] = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Let a host go on: try again what it undid, mend what it left, take away with --removals."""
    from controller.client import context
    from controller.client.changes import confirmed
    from controller.client.rest import Api

    if withdraw and (force or removals):
        raise typer.BadParameter("--withdraw takes back; it goes with --only alone")
    if only and force and removals:
        raise typer.BadParameter(
            "a resource waits to be changed or to be taken away: name with --only those that one of"
            " --force and --removals is for, then the others with the other one"
        )
    here = f"/v1/hosts/{quote(host, safe='')}"
    asked = _asked(only, force=force, removals=removals)
    with Api(context.current()) as api:
        if withdraw:
            answer = api.post(f"{here}/withdraw", {"resources": only or []})
        else:
            answer = confirmed(
                lambda count: api.post(f"{here}/release", asked | {"confirm_count": count}),
                confirm_count,
                yes=yes,
            )
    if output is Format.JSON:
        print_json(answer)
    elif withdraw:
        _print_withdrawn(answer)
    else:
        _print_released(answer)


def _asked(only: Sequence[str] | None, *, force: bool, removals: bool) -> Document:
    """Who names resources means no others, and leaves a host held that is held as a whole."""
    if not only:
        return {"force": force, "removals": removals}
    named = list(only)
    field = "force" if force else "removals"
    return {"removals": False, "force": False, "pin": False, "drift": False, field: named}


@app.command()
def adopt(
    kind: Annotated[str, typer.Argument(help="bridge, port or tunnel")],
    name: Name,
    *,
    host: Annotated[str, typer.Option("--host", help="on which host")],
    accept_differences: Annotated[
        bool,
        typer.Option("--accept-differences", help="also where it is to be changed for it"),
    ] = False,
    project: Project = None,
    output: Output = Format.TABLE,
) -> None:
    """Let an object take over what is on a host under its name and not the fleet's."""
    from controller.client import context
    from controller.client.kinds import DEFAULT_PROJECT, parse_kind
    from controller.client.rest import Api

    wanted = {"kind": parse_kind(kind).name, "name": name, "project": project or DEFAULT_PROJECT}
    body = {"resources": [wanted], "accept_differences": accept_differences}
    with Api(context.current()) as api:
        answer = api.post(f"/v1/hosts/{quote(host, safe='')}/adopt", body)
    if output is Format.JSON:
        print_json(answer)
        return
    _print_warnings(answer)
    say(f"{name} takes over what host {answer['host']} has under its name,")
    say(f"with fleet revision {answer['revision']}; `ovsfleet describe host {host}` tells how.")


def _print_released(answer: Document) -> None:
    _print_warnings(answer)
    host = answer["host"]
    lines = [
        *([f"follows the fleet again, after {_undone(answer['pin'])}"] if answer["pin"] else ()),
        *(f"takes {plain(each)} away" for each in answer["removals"]),
        *(f"changes {plain(each)} without a way back" for each in answer["forced"]),
        *(f"mends {plain(each)} again" for each in answer["retried"]),
    ]
    for line in lines:
        say(f"{host} {line}")
    if lines:
        say(f"fleet revision {answer['revision']}")
    elif not answer["warnings"]:
        say(f"Nothing waits on {host} for a release.")


def _print_withdrawn(answer: Document) -> None:
    _print_warnings(answer)
    host = answer["host"]
    for each in answer["resources"]:
        say(f"{host} has {plain(each)} granted no more")
    if not answer["resources"]:
        say(f"Nothing is granted on {host}.")


def _undone(pin: Document) -> str:
    undone = pin["undone_revision"]
    return "it undid a change" if undone is None else f"it undid revision {undone}"


def _print_warnings(answer: Document) -> None:
    for warning in answer["warnings"]:
        say("\n".join(warning_lines(warning, None)))
