"""Commands of those who look at traffic and at what there is to know: stats, topology and kinds.

Only their names and options; heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from controller.client.documents import Document
from controller.client.options import Kind, Name, Project, Selector
from controller.client.output import Format, print_json

app = typer.Typer()

_SINCE = typer.Option("--since", metavar="DURATION", help="such as 15m, 6h or 7d")
Since = Annotated[str, _SINCE]
SinceOrEver = Annotated[str | None, _SINCE]
OnHost = Annotated[str | None, typer.Option("--host", help="only on this host")]
OfKind = Annotated[str | None, typer.Option("--kind", "-k", help="only of objects of this kind")]
SoCalled = Annotated[str | None, typer.Option("--name", help="only of objects so called")]
HowMany = Annotated[int, typer.Option("--limit", "-l", min=1, help="how many")]
Output = Annotated[Format, typer.Option("--output", "-o", help="table or json")]


def _show(found: list[Document], output: Format, show: Callable[[list[Document]], None]) -> None:
    if output is Format.JSON:
        print_json({"items": found})
    else:
        show(found)


def _newest(
    path: str, wanted: Mapping[str, str | None], since: str | None, limit: int
) -> list[Document]:
    from controller.client import context, stories
    from controller.client.rest import Api

    with Api(context.current()) as api:
        return stories.read_newest(api, path, wanted, since, limit)


def _named(kind: str | None) -> str | None:
    from controller.client.kinds import parse_kind

    return parse_kind(kind).name if kind else None


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
    _show(busiest, output, statistics.print_busiest)


@app.command()
def topology(
    *,
    group_by: Annotated[
        str, typer.Option("--group-by", help="auto, host, zone, group or label:KEY")
    ] = "auto",
    segment: Annotated[
        str | None, typer.Option("--segment", help="only the mesh of this one: name or uid")
    ] = None,
    project: Project = None,
    selector: Selector = None,
    within: Annotated[
        str | None, typer.Option("--within", help="only hosts of a group: zone:east, label:rack=r1")
    ] = None,
    meshes: Annotated[
        str, typer.Option("--meshes", help="full meshes by pairs, as hubs, or auto: as fits")
    ] = "pairs",
    output: Output = Format.TABLE,
) -> None:
    """Show how many tunnels are between hosts, or groups of them, and how they are doing."""
    from controller.client import context
    from controller.client import topology as graph
    from controller.client.rest import Api

    asked = {"group_by": group_by, "segment": segment, "project": project}
    asked |= {"label_selector": selector, "within": within, "meshes": meshes}
    with Api(context.current()) as api:
        found = graph.read(api, asked)
    if output is Format.JSON:
        print_json(found)
    else:
        graph.print_topology(found)


@app.command()
def inventory(
    host: Annotated[str, typer.Argument(help="name or uid of a host")],
    output: Output = Format.TABLE,
) -> None:
    """Show what is on a host and not the fleet's, and what the host can do."""
    from controller.client import context, inventories
    from controller.client.rest import Api

    with Api(context.current()) as api:
        found = inventories.read(api, host)
    if output is Format.JSON:
        print_json(found)
    else:
        inventories.print_inventory(found)


@app.command()
def drift(
    *,
    host: OnHost = None,
    kind: OfKind = None,
    name: SoCalled = None,
    project: Project = None,
    since: SinceOrEver = None,
    action: Annotated[
        str | None, typer.Option("--action", help="enforced, reported or gave_up")
    ] = None,
    limit: HowMany = 50,
    output: Output = Format.TABLE,
) -> None:
    """Show what others changed on hosts, who it was, and what the agents did about it."""
    from controller.client import drifting

    wanted = {"host": host, "name": name, "project": project, "action": action}
    wanted["kind"] = _named(kind)
    _show(_newest(drifting.DRIFT, wanted, since, limit), output, drifting.print_events)


@app.command()
def history(
    kind: Kind,
    name: Name,
    *,
    project: Project = None,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, help="how many versions")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Show what an object was: who changed which field, and when; also of one that is deleted."""
    from controller.client import context, stories
    from controller.client.kinds import parse_kind
    from controller.client.rest import Api

    info = parse_kind(kind)
    with Api(context.current()) as api:
        found = stories.read_history(api, info, name, project, limit)
    _show(found, output, stories.print_history)


@app.command()
def changes(
    *,
    kind: OfKind = None,
    name: SoCalled = None,
    project: Project = None,
    by: Annotated[str | None, typer.Option("--by", help="only what this token changed")] = None,
    since: SinceOrEver = None,
    limit: HowMany = 50,
    output: Output = Format.TABLE,
) -> None:
    """Show what was changed in the fleet, and by whom; `history` shows from what to what."""
    from controller.client import stories

    wanted = {"name": name, "project": project, "principal": by, "kind": _named(kind)}
    _show(_newest(stories.CHANGES, wanted, since, limit), output, stories.print_changes)


@app.command()
def events(
    *,
    host: OnHost = None,
    kind: OfKind = None,
    name: SoCalled = None,
    project: Project = None,
    type_: Annotated[
        str | None, typer.Option("--type", help="such as host.silent or resource.failed")
    ] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", help="at least: info, warning or error")
    ] = None,
    since: SinceOrEver = None,
    limit: HowMany = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="print what happens from now on")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what happened: changes, hosts that came and went, what failed, who changed what."""
    from controller.client import context, stories
    from controller.client.rest import Api
    from controller.client.stream import WakeUp

    wanted = {"host": host, "name": name, "project": project, "type": type_, "severity": severity}
    wanted["kind"] = _named(kind)
    if not follow:
        _show(_newest(stories.EVENTS, wanted, since, limit), output, stories.print_events)
        return
    if since:
        raise typer.BadParameter("--follow begins now; leave --since out")
    here = context.current()
    with Api(here) as api, WakeUp(here, from_revision=None) as wake_up:
        stories.follow_events(api, wake_up, wanted, output)


@app.command("find-interface")
def find_interface(
    iface_id: Annotated[str, typer.Argument(help="external_ids:iface-id, as libvirt or Nova set")],
    output: Output = Format.TABLE,
) -> None:
    """Show on which hosts an interface is plugged; exit code 4 when on none."""
    from controller.client import context, inventories
    from controller.client.failures import ExitCode
    from controller.client.rest import Api

    with Api(context.current()) as api:
        found = inventories.find(api, iface_id)
    _show(found, output, inventories.print_plugged)
    if not found:
        raise typer.Exit(ExitCode.NOT_FOUND)


@app.command()
def kinds() -> None:
    """List the kinds of objects and how else each can be called."""
    from controller.client.kinds import KINDS
    from controller.client.tables import print_rows

    rows = [[kind.name, kind.collection, kind.short] for kind in KINDS]
    print_rows(["KIND", "COLLECTION", "SHORT"], rows)
