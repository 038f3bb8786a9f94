"""Console script ``ovsfleet``: the commands' names, options and exit codes, and nothing below them.

Heavy modules are imported by the command that needs them: ``--help`` and completion must be fast.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.client import (
    authoring,
    contexts,
    granting,
    lifecycle,
    looking,
    observing,
    webhooks,
)
from controller.client.failures import CommandError, ExitCode
from controller.client.options import (
    ConfirmCount,
    DryRun,
    Files,
    Filter,
    Force,
    Kind,
    KindOfNames,
    Name,
    OnlyKind,
    Output,
    Project,
    Selector,
    Shown,
    Timeout,
    Yes,
    contexts_like,
    ports_like,
    required,
)
from controller.client.output import Format, print_failure, say

if TYPE_CHECKING:
    from controller.client.rest import Api

app = typer.Typer(
    name="ovsfleet",
    help="Manage a fleet of Open vSwitch hosts through the controller's REST API.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done, 1 error, 2 wrong usage or a difference, 3 not signed in or not "
        "allowed, 4 not found, 5 conflict, 6 not in time. OVSFLEET_URL and OVSFLEET_TOKEN override "
        "the stored login."
    ),
)


@app.callback()
def _of_every_command(
    login: Annotated[
        str | None,
        typer.Option("--context", help="which login to use, by name", autocompletion=contexts_like),
    ] = None,
) -> None:
    from controller.client import context

    context.choose(login)


app.add_typer(authoring.app)
app.add_typer(looking.app)
app.add_typer(observing.app)
app.add_typer(granting.app)
app.add_typer(lifecycle.app)
app.add_typer(contexts.app, name="context")
app.add_typer(webhooks.app, name="webhooks")


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="the controller's REST address")],
    token: Annotated[
        str | None, typer.Option(help="API token; visible to others in the process list")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="file with the token, or - for stdin")
    ] = None,
    name: Annotated[str, typer.Option(help="what to call this login")] = "default",
) -> None:
    """Check a token and remember it for this user."""
    from controller.client import context
    from controller.client.rest import Api

    wanted = context.Context(context.check_url(url), _given_token(token, token_file))
    with Api(wanted) as api:
        fleet = api.get("/v1/fleet")
    path = context.save(context.load().with_login(name, wanted))
    called = "" if name == context.DEFAULT_NAME else f" as {name}"
    say(f"Signed in to fleet {fleet['fleet_uid']} at {wanted.url}; stored in {path}{called}.")
    if context.is_clear_text(wanted.url):
        say("warning: this address is not https: the token can be read on the way.")
    if os.environ.get("OVSFLEET_URL") or os.environ.get("OVSFLEET_TOKEN"):
        say("note: OVSFLEET_URL or OVSFLEET_TOKEN is set and overrides this login.")


@app.command()
def apply(
    filename: Files = None,
    *,
    prune: Annotated[
        bool, typer.Option("--prune", help="delete what --selector chooses and no manifest names")
    ] = False,
    selector: Annotated[
        str | None, typer.Option("-l", "--selector", help="labels of what to prune: a=b,c")
    ] = None,
    prune_kind: Annotated[
        list[str] | None, typer.Option("--prune-kind", help="prune this kind only; may repeat")
    ] = None,
    confirm_count: ConfirmCount = None,
    yes: Yes = False,
    force: Force = False,
    dry_run: DryRun = False,
    wait: Annotated[bool, typer.Option("--wait", help="until all of it is Ready")] = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
) -> None:
    """Create and replace objects as manifests say: all of them or none."""
    from controller.client import changes, context, manifests

    if prune != bool(selector):
        raise typer.BadParameter("--prune and --selector go together")
    if prune_kind and not prune:
        raise typer.BadParameter("--prune-kind says what --prune deletes")
    options = changes.Options(
        dry_run,
        timeout if wait else None,
        output,
        changes.Prune(selector, prune_kind or ()) if selector else None,
        confirm_count,
        yes,
        force,
    )
    changes.apply(context.current(), manifests.read(required(filename)), options)


@app.command()
def get(
    kind: Kind,
    name: Annotated[str | None, typer.Argument(help="name or uid; all when left out")] = None,
    *,
    output: Shown = "table",
    selector: Selector = None,
    project: Project = None,
    host: Annotated[str | None, typer.Option("--host", help="only what is on this host")] = None,
    filter: Filter = None,  # noqa: A002 (the API's word)
    sort_by: Annotated[
        str | None, typer.Option("--sort-by", help="name, created_at, updated_at or revision")
    ] = None,
) -> None:
    """List objects of a kind, or show one."""
    from controller.client.kinds import parse_kind
    from controller.client.output import parse_output, print_objects
    from controller.client.rest import Choice

    info, shown = parse_kind(kind), parse_output(output)
    choice = Choice(project, selector, host, filter, sort_by)
    if name is not None and choice != Choice(project):
        raise typer.BadParameter("--selector, --host, --filter and --sort-by are for lists")
    if host is not None and not info.is_on_hosts:
        raise typer.BadParameter(f"--host narrows no list of {info.collection}")
    with _api() as api:
        if name is not None:
            alone = api.object(info.collection, name, project)
            found = [alone]
            if shown is Format.WIDE:
                alone["realization"] = api.realization(alone)
        else:
            found = list(api.objects(info.collection, choice))
    print_objects(info, found, shown, single=name is not None)


@app.command()
def describe(kind: Kind, name: Name, project: Project = None) -> None:
    """Show one object in full, with what ails it and what to do."""
    from controller.client.describe import describe as describe_object
    from controller.client.kinds import parse_kind

    info = parse_kind(kind)
    with _api() as api:
        describe_object(api, info, name, project)


@app.command()
def delete(
    kind: KindOfNames = None,
    names: Annotated[list[str] | None, typer.Argument(help="names")] = None,
    *,
    filename: Files = None,
    selector: Selector = None,
    project: Project = None,
    confirm_count: ConfirmCount = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    wait: Annotated[bool, typer.Option("--wait", help="until it is gone from the hosts")] = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
) -> None:
    """Delete objects: KIND NAME..., KIND -l LABELS, or those of manifests; all or none."""
    from controller.client import changes, context, manifests
    from controller.client.kinds import parse_kind

    options = changes.Options(
        dry_run, timeout if wait else None, output, confirm_count=confirm_count, yes=yes
    )
    if filename and not kind:
        changes.delete_manifests(context.current(), manifests.read(filename), options)
        return
    if filename or not kind or bool(names) == bool(selector):
        raise typer.BadParameter("give KIND and NAMES, KIND and --selector, or --filename")
    info = parse_kind(kind)
    if selector:
        changes.delete_selected(context.current(), info, selector, project, options)
        return
    missing = changes.delete_named(context.current(), info, names or [], project, options)
    if missing:
        raise CommandError(
            f"There is no {info.word} named {', '.join(missing)}.",
            exit_code=ExitCode.NOT_FOUND,
        )


@app.command()
def move(
    kind: Annotated[str, typer.Argument(help="port", autocompletion=ports_like)],
    name: Name,
    host: Annotated[str | None, typer.Argument(help="where to")] = None,
    *,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="be on that host too, until the guest has moved")
    ] = False,
    abort: Annotated[bool, typer.Option("--abort", help="stay where it was")] = False,
    project: Project = None,
    wait: Annotated[bool, typer.Option("--wait", help="until it is Ready")] = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
) -> None:
    """Move a port to another host: at once, or in two steps with --prepare."""
    from controller.client import context, moving
    from controller.client.kinds import PORT, parse_kind

    if parse_kind(kind) is not PORT:
        raise typer.BadParameter("only ports move from host to host")
    if (prepare and abort) or abort == (host is not None):
        raise typer.BadParameter("give HOST, HOST --prepare, or --abort alone")
    fields = moving.onto(host) if host and not prepare else moving.towards(host)
    wait_s = timeout if wait else None
    moving.move(context.current(), name, project, fields, wait_s=wait_s, output=output)


@app.command()
def watch(
    kind: OnlyKind = None,
    from_revision: Annotated[
        int | None, typer.Option(min=0, help="replay changes after this revision first")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Print changes and host status as they happen; -o json gives one object per line."""
    from controller.client.kinds import parse_kind
    from controller.client.watching import watch as watch_events

    info = parse_kind(kind) if kind else None
    with _api() as api:
        watch_events(api, info, from_revision=from_revision, output=output)


@app.command()
def wait(
    kind: Kind,
    names: Annotated[list[str] | None, typer.Argument(help="names")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="every object of the kind")] = False,
    selector: Selector = None,
    condition: Annotated[
        str, typer.Option("--for", help="realized, delete, or a phase such as Degraded")
    ] = "Ready",
    project: Project = None,
    timeout: Timeout = 60.0,
) -> None:
    """Wait until objects are realized, in some phase, or gone."""
    from controller.client import context, waiting
    from controller.client.kinds import DEFAULT_PROJECT, parse_kind
    from controller.client.progress import wait as wait_for
    from controller.client.rest import Choice
    from controller.client.stream import WakeUp

    info = parse_kind(kind)
    if [bool(names), every, bool(selector)].count(True) != 1:
        raise typer.BadParameter("give NAMES, --selector or --all")
    goal, what = waiting.parse_goal(condition)
    with _api() as api:
        if not names:
            found = api.objects(info.collection, Choice(project, selector))
            targets = [waiting.target_of(info, document) for document in found]
        else:
            scope = project or DEFAULT_PROJECT
            targets = [waiting.Target(info, scope, name) for name in names]
        with WakeUp(context.current(), from_revision=None) as wake_up:
            look = waiting.objects_meeting(api, targets, goal)
            wait_for(look, wake_up, what=what, timeout_s=timeout)


@app.command()
def status(output: Output = Format.TABLE) -> None:
    """Show the fleet at a glance and what needs attention."""
    from controller.client.output import print_json
    from controller.client.summary import print_summary

    with _api() as api:
        if output is Format.JSON:
            print_json(api.get("/v1/fleet"))
        else:
            print_summary(api)


@app.command()
def version() -> None:
    """Print the version of this command."""
    from importlib.metadata import version as installed_version

    sys.stdout.write(f"ovsfleet {installed_version('ovsfleet')}\n")


def main() -> None:
    try:
        app()
    except CommandError as failure:
        print_failure(failure)
        raise SystemExit(failure.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # Whoever read stdout has gone; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _api() -> Api:
    from controller.client import context
    from controller.client.rest import Api

    return Api(context.current())


def _given_token(token: str | None, token_file: Path | None) -> str:
    if token and token_file:
        raise typer.BadParameter("give either --token or --token-file")
    if token_file:
        try:
            text = sys.stdin.read() if str(token_file) == "-" else token_file.read_text("utf-8")
        except OSError as error:
            raise CommandError(f"Cannot read {token_file}: {error.strerror}.") from error
        return text.strip()
    return token or str(typer.prompt("Token", hide_input=True, err=True)).strip()
