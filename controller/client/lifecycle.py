"""Commands for the machines behind hosts: they enrol, are replaced, and leave.

Only their names and options; heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import quote

import typer

from controller.client.failures import warning_lines
from controller.client.options import ConfirmCount, Output, Timeout, Yes, seconds
from controller.client.output import EnrolmentFormat, Format, print_json, say

app = typer.Typer()

Host = Annotated[str, typer.Argument(help="name or uid of a host")]
Life = Annotated[
    float, typer.Option("--ttl", parser=seconds, metavar="DURATION", help="life of the token")
]
TokenOutput = Annotated[
    EnrolmentFormat, typer.Option("--output", "-o", help="the command, the token alone, or all")
]


@app.command()
def enroll(
    host: Annotated[str, typer.Argument(help="name of the intended host")],
    ttl: Life = 3600.0,
    output: TokenOutput = EnrolmentFormat.COMMAND,
) -> None:
    """Make a join token and print the command to run on the host."""
    _print_token(host, "join-tokens", ttl, output)


@app.command()
def replace(
    host: Host,
    ttl: Life = 3600.0,
    output: TokenOutput = EnrolmentFormat.COMMAND,
) -> None:
    """Let a new machine take a host's place: print the command to run on the new one."""
    _print_token(host, "replace", ttl, output)


def _print_token(host: str, path: str, ttl: float, output: EnrolmentFormat) -> None:
    from controller.client import context
    from controller.client.rest import Api

    with Api(context.current()) as api:
        body = {"ttl_seconds": int(ttl)}
        answer = api.post(f"/v1/hosts/{quote(host, safe='')}/{path}", body)
    if output is EnrolmentFormat.JSON:
        print_json(answer)
        return
    for warning in answer.get("warnings", ()):
        say("\n".join(warning_lines(warning, None)))
    if output is EnrolmentFormat.COMMAND:
        say(f"Run this on {answer['host']}, once, before {answer['expires_at']}:")
    sys.stdout.write(answer[output.value] + "\n")


@app.command()
def decommission(
    host: Host,
    *,
    delete_objects: Annotated[
        bool, typer.Option("--delete-objects", help="delete what is on this host alone")
    ] = False,
    confirm_count: ConfirmCount = None,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="its machine is dead: do not wait for its word")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="until the host is removed")] = False,
    timeout: Timeout = 300.0,
    output: Output = Format.TABLE,
) -> None:
    """Empty a host and take it out of the fleet; shows what is left on it. May be run again."""
    from controller.client import context, decommissioning
    from controller.client.changes import Options

    if not delete_objects and (yes or confirm_count is not None):
        raise typer.BadParameter("--confirm-count and --yes are about --delete-objects")
    options = Options(
        False, timeout if wait else None, output, confirm_count=confirm_count, yes=yes
    )
    decommissioning.decommission(
        context.current(), host, options, delete_objects=delete_objects, force=force
    )
