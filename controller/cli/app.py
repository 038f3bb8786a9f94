"""The commands of ``ovsfleet-controller``.

Exit codes: 0 stopped as asked, 1 something failed (the message says what), 2 the command line or
a setting cannot be used.
"""

from __future__ import annotations

import enum
import getpass
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Annotated

import typer

from controller.auth import Principal, Role

if TYPE_CHECKING:
    from controller.config import Settings
    from controller.store.engine import Database

EXIT_FAILED = 1
EXIT_UNUSABLE = 2

_PATIENCE_S = 5.0

app = typer.Typer(
    name="ovsfleet-controller",
    help="The fleet's controller: intent in, desired state out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
token_app = typer.Typer(help="API tokens, for whoever may read the database.", no_args_is_help=True)
app.add_typer(token_app, name="token")


class ProcessRole(enum.StrEnum):
    ALL = "all"
    SERVER = "server"
    WORKER = "worker"
    BEAT = "beat"


@app.command()
def run(
    role: Annotated[
        ProcessRole, typer.Option(help="Which process to be; all supervises the others.")
    ] = ProcessRole.ALL,
) -> None:
    """Run the controller until SIGTERM or SIGINT."""
    settings = _settings(role)
    match role:
        case ProcessRole.ALL:
            from controller.cli.processes import run_all

            run_all(settings)
        case ProcessRole.SERVER:
            from controller.cli.server import run_server

            run_server(settings)
        case ProcessRole.WORKER:
            from controller.cli.database import wait_for_database
            from controller.jobs.worker import run_worker

            raise typer.Exit(run_worker(settings, wait_for_database(settings, migrated=True)))
        case ProcessRole.BEAT:
            from controller.jobs.beat import run_beat

            run_beat(settings)


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from controller.cli.database import wait_for_database
    from controller.observability import get_logger
    from controller.store import migrate as migrations

    url = wait_for_database(_settings("migrate"), migrated=False)
    if not migrations.is_current(url):
        migrations.upgrade(url)
        get_logger(__name__).info("Database migrated", revision=migrations.current(url))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("ovsfleet"))


@token_app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What the token is for; shown in lists and audit.")],
    role: Annotated[list[Role], typer.Option(help="May be given more than once.")],
    project: Annotated[
        list[str] | None, typer.Option(help="Limit to projects; without it, all of them.")
    ] = None,
) -> None:
    """Make an API token and print its secret, which cannot be read again."""
    from controller.services import tokens

    with _database() as db:
        secret = tokens.create(
            db,
            _operator(),
            name,
            role,
            now=datetime.now(UTC),
            request_id=str(uuid.uuid4()),
            projects=project,
        )
    typer.echo(secret)


@token_app.command("list")
def list_tokens() -> None:
    """List the API tokens that are valid, without their secrets."""
    from controller.services import tokens

    with _database() as db:
        for token in tokens.list_tokens(db):
            projects = "all" if token.projects is None else ",".join(sorted(token.projects))
            typer.echo(f"{token.name}\t{','.join(sorted(token.roles))}\t{projects}")


def main() -> None:
    """Console script. What a person can mend is one line on standard error, not a traceback."""
    try:
        app()
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        _complain(error, code)
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    from controller.cli.errors import CommandError
    from controller.config import SettingsError
    from controller.domain.errors import DomainError
    from controller.embedded.errors import EmbeddedPostgresError

    if isinstance(error, SettingsError):
        return EXIT_UNUSABLE
    if isinstance(error, (CommandError, DomainError, EmbeddedPostgresError)):
        return EXIT_FAILED
    return None


def _complain(error: Exception, code: int) -> None:
    import structlog

    from controller.observability import get_logger

    if structlog.is_configured():
        get_logger(__name__).error("Cannot go on", reason=str(error), exit_code=code)
    else:
        typer.echo(f"ovsfleet-controller: {error}", err=True)


def _settings(role: str) -> Settings:
    from controller.config import load_settings
    from controller.observability import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, role)
    return settings


@contextmanager
def _database() -> Iterator[Database]:
    from controller.cli.database import wait_for_database
    from controller.store.engine import Database

    settings = _settings("token")
    db = Database(wait_for_database(settings, migrated=True, wait_s=_PATIENCE_S), pool_size=1)
    try:
        yield db
    finally:
        db.close()


def _operator() -> Principal:
    """Whoever may reach the database directly may do everything, under the name of the account."""
    return Principal(f"local:{getpass.getuser()}", frozenset({Role.NETWORK_ADMIN}))
