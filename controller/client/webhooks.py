"""``ovsfleet webhooks``: who is told what happens, and whether it got there.

Heavy modules are imported by the command that needs them: ``--help`` and completion must be fast.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.client.documents import Document, age, plain, utc_now
from controller.client.failures import CommandError, ExitCode
from controller.client.output import Format, print_json, print_yaml, say

if TYPE_CHECKING:
    from controller.client.rest import Api

app = typer.Typer(help="Tell other systems what happens.", no_args_is_help=True)

_EVENTS = (
    "object.created",
    "object.updated",
    "object.deleted",
    "object.realized",
    "object.degraded",
    "object.failed",
    "host.connected",
    "host.silent",
)
_LOOK_EVERY_S = 0.25

Name = Annotated[str, typer.Argument(help="name of the webhook")]
Output = Annotated[Format, typer.Option("--output", "-o", help="how to print")]


@app.command("list")
def list_webhooks(output: Output = Format.TABLE) -> None:
    """List webhooks, with what waits to be sent and what was given up."""
    with _api() as api:
        found = list(api.objects("webhooks"))

    def row(hook: Document) -> list[object]:
        return [hook["name"], hook["url"], hook["events"], hook["unfinished"], hook["failed"]]

    _print(found, output, ["NAME", "URL", "EVENTS", "WAITING", "FAILED"], row)


@app.command()
def create(
    name: Name,
    url: Annotated[str, typer.Argument(help="http or https address of the receiver")],
    *,
    event: Annotated[
        list[str] | None, typer.Option("--event", "-e", help="all when left out; may be repeated")
    ] = None,
    selector: Annotated[
        str, typer.Option("--selector", "-l", help="only of objects with these labels: a=b,c")
    ] = "",
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="only of this kind; may be repeated")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="only of objects of this project")
    ] = None,
) -> None:
    """Make a webhook and print its secret, which is never shown again."""
    from controller.client.kinds import parse_kind

    wanted: Document = {
        "name": name,
        "url": url,
        "events": event or list(_EVENTS),
        "label_selector": selector,
        "kinds": [parse_kind(word).name for word in kind] if kind else None,
        "project": project,
    }
    with _api() as api:
        made = api.post("/v1/webhooks", wanted)
    say(f"webhook {name} is told of what happens from now on; its messages are signed with")
    sys.stdout.write(made["secret"] + "\n")


@app.command()
def change(
    name: Name,
    *,
    url: Annotated[str | None, typer.Option("--url", help="where messages go from now on")] = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", "-e", help="these in place of all before")
    ] = None,
    selector: Annotated[
        str | None, typer.Option("--selector", "-l", help='labels; "" for all objects')
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help='these in place of all before; "" for all')
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help='only of this one; "" for all')
    ] = None,
) -> None:
    """Change what a webhook is told of, and where; what is left out stays, and so does the secret.

    Refused with exit code 5 when somebody else changes it meanwhile."""
    from controller.client.kinds import parse_kind

    with _api() as api:
        found = api.get(_path(name))
        wanted = {each: found[each] for each in ("name", "url", "events", "label_selector")}
        wanted |= {"kinds": found["kinds"], "project": found["project"]}
        given: Document = {"url": url, "events": event, "label_selector": selector}
        wanted |= {field: value for field, value in given.items() if value is not None}
        if kind is not None:
            wanted["kinds"] = [parse_kind(word).name for word in kind if word] or None
        if project is not None:
            wanted["project"] = project or None
        api.put(_path(name), wanted, revision=found["revision"])
    sys.stdout.write(f"webhook/{plain(name)} changed\n")


@app.command()
def delete(name: Name) -> None:
    """Delete a webhook, with all that waits to be sent to it."""
    with _api() as api:
        api.remove(_path(name))
    sys.stdout.write(f"webhook/{plain(name)} deleted\n")


@app.command("test")
def send_test(
    name: Name,
    timeout: Annotated[float, typer.Option(help="seconds to wait for the outcome")] = 30.0,
) -> None:
    """Send a message and say what became of it."""
    with _api() as api:
        sent = api.post(f"{_path(name)}/test", {})
        tried = _outcome(api, name, sent["id"], time.monotonic() + timeout)
    if tried is None:
        raise CommandError(
            "The message was not sent in time.",
            hint="Is a worker running? See `ovsfleet webhooks deliveries`.",
            exit_code=ExitCode.TIMEOUT,
        )
    if tried["state"] != "delivered":
        raise CommandError(f"The message was not delivered: {tried['error']}.")
    sys.stdout.write(f"delivered, the receiver answered {tried['status_code']}\n")


@app.command()
def deliveries(name: Name, output: Output = Format.TABLE) -> None:
    """Show the last messages and what became of them, newest first."""
    with _api() as api:
        found = api.get(f"{_path(name)}/deliveries")["items"]
    now = utc_now()

    def row(each: Document) -> list[object]:
        subject = each["object"]
        return [
            age(each["created_at"], now),
            each["event"],
            None if subject is None else f"{subject['kind']}/{subject['name']}",
            each["state"],
            each["attempts"],
            each["status_code"],
            each["error"],
        ]

    _print(found, output, ["AGE", "EVENT", "OBJECT", "STATE", "ATTEMPTS", "ANSWER", "MESSAGE"], row)


def _outcome(api: Api, name: str, message: str, until: float) -> Document | None:
    """What became of the first attempt; None when there was none in time."""
    while time.monotonic() < until:
        items: list[Document] = api.get(f"{_path(name)}/deliveries")["items"]
        found = next((each for each in items if each["id"] == message), None)
        if found is not None and (found["state"] == "delivered" or found["error"] is not None):
            return found
        time.sleep(_LOOK_EVERY_S)
    return None


def _print(
    found: Sequence[Document],
    output: Format,
    headers: list[str],
    row: Callable[[Document], list[Any]],
) -> None:
    from controller.client.tables import print_rows

    match output:
        case Format.JSON:
            print_json({"items": list(found)})
        case Format.YAML:
            print_yaml(found)
        case Format.NAME:
            for each in found:
                sys.stdout.write(f"{plain(each.get('name', each.get('id')))}\n")
        case _:
            print_rows(headers, [[plain(cell) for cell in row(each)] for each in found])


def _path(name: str) -> str:
    from urllib.parse import quote

    return f"/v1/webhooks/{quote(name, safe='')}"


def _api() -> Api:
    from controller.client import context
    from controller.client.rest import Api

    return Api(context.current())
