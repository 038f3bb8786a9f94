"""``ovsfleet-agent``: the daemon, and what a person on the host may ask beside it.

Every command but ``run``, ``enroll`` and ``purge --yes`` only reads. Data goes to stdout, and all
else to stderr. Imports are made where they are needed, so that ``--help`` answers at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config import Settings
    from agent.host import Sighting
    from agent.introspection import Document
    from agent.model import HostState
    from agent.observed import ObservedState
    from agent.planner.plan import Plan
    from agent.state_file import Cached

DIFFERENT = 2
"""Exit status of `plan` when the host is not as intended."""
OVSDB_PATIENCE_S = 5.0

app = typer.Typer(
    name="ovsfleet-agent",
    help="Keeps the Open vSwitch of this host as the fleet intends it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StateDir = Annotated[
    Path | None,
    typer.Option(help="Where identity and accepted state lie. [OVSFLEET_AGENT_STATE_DIR]"),
]
OvsdbRemote = Annotated[
    str | None,
    typer.Option(
        "--ovsdb",
        help="Where ovsdb-server listens; none: a host without. [OVSFLEET_AGENT_OVSDB]",
    ),
]


def main() -> None:
    app()


@app.command()
def enroll(
    token: Annotated[str, typer.Option(help="The join token; - reads it from stdin.")] = "",
    state_dir: StateDir = None,
) -> None:
    """Turn a join token into this host's identity."""
    from agent.controlplane.identity import IdentityError, IdentityStore, JoinToken, enrol

    settings = _settings(state_dir=state_dir)
    from_stdin = token == "-"  # noqa: S105 - the customary word for stdin
    text = sys.stdin.read() if from_stdin else token or settings.join_token.get_secret_value()
    try:
        identity = asyncio.run(
            enrol(
                IdentityStore(settings.identity_dir),
                JoinToken.parse(text),
                rng=random.Random(),  # noqa: S311 - jitter, no secret
            )
        )
    except IdentityError as error:
        _fail(str(error))
    typer.echo(f"enrolled as host {identity.profile.host_name} ({identity.profile.host_uid})")


@app.command()
def run(
    state_dir: StateDir = None,
    ovsdb: OvsdbRemote = None,
    controller: Annotated[
        str | None,
        typer.Option(help="host:port of the controller; default: as the join token said."),
    ] = None,
) -> None:
    """Run the daemon in the foreground until SIGTERM or SIGINT."""
    from agent import daemon
    from agent.controlplane.identity import IdentityError
    from agent.observability import configure_logging

    settings = _settings(state_dir=state_dir, ovsdb=ovsdb, controller=controller)
    configure_logging(settings.log_level, settings.log_format)
    try:
        ending = asyncio.run(daemon.run(settings))
    except (daemon.StartError, IdentityError) as error:
        _fail(str(error))
    raise typer.Exit(ending.value)


@app.command()
def observe(state_dir: StateDir = None, ovsdb: OvsdbRemote = None) -> None:
    """Print what this host is, as JSON."""
    settings = _settings(state_dir=state_dir, ovsdb=ovsdb)
    sighting = _sight(settings, _accepted(settings))
    typer.echo(json.dumps(_plain(sighting.state), indent=2, sort_keys=True))


@app.command()
def plan(state_dir: StateDir = None, ovsdb: OvsdbRemote = None) -> None:
    """Print what the agent would do, without doing it.

    Exits 2 when that is anything, or something is not as intended and not ignored either.
    """
    from agent.drift_foretold import foretold

    settings = _settings(state_dir=state_dir, ovsdb=ovsdb)
    cached = _cached(settings)
    if cached is None:
        typer.echo("no desired state has been accepted yet: nothing to do")
        return
    desired = cached.state
    observed = _sight(settings, desired).state
    wanted, ignored = foretold(cached, observed)
    for line in (*wanted.describe(), *ignored, *_on_trial(cached, wanted, observed)):
        typer.echo(line)
    if not wanted.is_empty or wanted.failures:
        raise typer.Exit(DIFFERENT)
    typer.echo(f"the host is as revision {desired.revision} intends it: nothing to do")


@app.command()
def purge(
    state_dir: StateDir = None,
    ovsdb: OvsdbRemote = None,
    fleet: Annotated[
        str, typer.Option(help="The fleet's uid, where the state directory has no identity.")
    ] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    identity: Annotated[
        bool, typer.Option("--identity", help="With --yes: delete the host's identity as well.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --yes: even if it may cut the way to this host.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the plan, and what is left, each as JSON.")
    ] = False,
) -> None:
    """Print what of the fleet is on this host, and with --yes take it away.

    Exits 2 when there is something and --yes was not given, 1 when something is left.
    """
    from agent import purge_command
    from agent.controlplane.identity import IdentityError
    from agent.observability import configure_logging
    from agent.ovsdb.snapshot import OvsdbUnavailableError

    settings = _settings(state_dir=state_dir, ovsdb=ovsdb)
    configure_logging("warning", "console")
    asked_from = purge_command.ssh_peer(os.environ.get("SSH_CONNECTION", ""))
    wish = purge_command.Wish(fleet, yes, as_json, identity, force, asked_from)
    try:
        status = asyncio.run(purge_command.run(settings, wish, typer.echo))
    except (purge_command.PurgeError, IdentityError, OvsdbUnavailableError) as error:
        _fail(str(error))
    raise typer.Exit(status)


@app.command()
def status(
    state_dir: StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
) -> None:
    """Show what the running daemon is doing."""
    from agent import introspection

    settings = _settings(state_dir=state_dir)
    document = introspection.ask(settings.state_dir / introspection.SOCKET_NAME)
    if document is None:
        _fail(f"no agent runs on {settings.state_dir}; start it with `ovsfleet-agent run`")
    typer.echo(json.dumps(document, indent=2, sort_keys=True) if as_json else _summary(document))


@app.command()
def version() -> None:
    """Print the version."""
    import importlib.metadata

    typer.echo(importlib.metadata.version("ovsfleet"))


def _settings(**given: Any) -> Settings:
    """Settings from the environment, overridden by what the command line gives."""
    from pydantic import ValidationError

    from agent.config import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        _fail(f"the settings (OVSFLEET_AGENT_*) are not usable: {problems}")


def _accepted(settings: Settings) -> HostState | None:
    cached = _cached(settings)
    return cached.state if cached is not None else None


def _cached(settings: Settings) -> Cached | None:
    from agent.daemon import open_cache
    from agent.observability import configure_logging

    configure_logging("warning", "console")
    return open_cache(settings).load()


def _on_trial(cached: Cached, planned: Plan, observed: ObservedState) -> Iterator[str]:
    """What of the plan would be undone again unless the controller confirmed it."""
    from agent.trial_need import needs_trial

    touched = needs_trial(cached, planned, observed)
    if touched:
        seconds = cached.state.safety.confirm_timeout_s
        yield f"on trial: all of it is undone unless the controller confirms it within {seconds} s"
    yield from (f"on trial: {f'{each}: ' if each else ''}{what}" for each, what in touched)


def _sight(settings: Settings, desired: HostState | None) -> Sighting:
    from agent.ovsdb.snapshot import OvsdbUnavailableError

    try:
        return asyncio.run(_look(settings, desired))
    except OvsdbUnavailableError as error:
        _fail(str(error))


async def _look(settings: Settings, desired: HostState | None) -> Sighting:
    from agent.controlplane.whereabouts import Whereabouts
    from agent.host import adapters, boot_id
    from agent.host import observe as look
    from agent.netlink.known_ways import KnownWays

    whereabouts = Whereabouts(settings.state_dir)
    ovsdb, netlink = adapters(
        settings.ovsdb_remote,
        destinations=lambda: whereabouts.addresses,
        ways=KnownWays(settings.state_dir, boot_id(), is_read_only=True),
    )
    await netlink.open()
    ovsdb.open()
    try:
        await ovsdb.ready(OVSDB_PATIENCE_S)
        return await look(ovsdb, netlink, desired)
    finally:
        await ovsdb.close()
        await netlink.close()


def _summary(document: Document) -> str:
    host, report = document["host"], document["report"]
    connected = document["metrics"]["ovsfleet_agent_stream_connected"]
    lines = [
        f"host        {host['host_name']} ({host['host_uid']})",
        f"controller  {'connected' if connected else 'not connected'}"
        + (f": {document['controller_error']}" if document["controller_error"] else ""),
    ]
    if report is None:
        return "\n".join([*lines, "state       none accepted yet"])
    lines.append(
        f"state       {report['outcome']}, revision {report['applied_revision']} of "
        f"{report['observed_revision']}"
    )
    if trial := document["trial"]:
        lines.append(
            f"trial       revision {trial['revision']} is undone in {trial['remaining_s']} s "
            "unless the controller confirms it"
        )
    lines.extend(
        f"failure     {failure['resource']}: {failure['reason']}: {failure['message']}"
        for failure in report["failures"]
    )
    lines.extend(
        f"drift       {each['resource']}: left ({each['policy']}): {each['differences']}"
        + (f", by {each['who']}" if each["who"] else "")
        for each in document.get("drift", ())
    )
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    """A frozen picture as JSON can say it."""
    import dataclasses
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): _plain(each) for key, each in value.items()}
    if isinstance(value, AbstractSet):
        return [_plain(each) for each in sorted(value)]
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _key(key: Any) -> str:
    """The key of ``peers`` is a pair; it is shown as namespace/device."""
    return "/".join(key) if isinstance(key, tuple) else str(key)


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)
