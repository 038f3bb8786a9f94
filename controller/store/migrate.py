"""Brings a database to the schema that this version of the controller needs.

Owns the advisory lock that lets one process migrate at a time. Migrations are found in the wheel
(``controller/migrations``) or in a checkout (``migrations``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from controller.domain.errors import UnavailableError

_ADVISORY_LOCK = 0x6F7673666C656574
"""``ovsfleet`` in ASCII; any number does that nobody else takes in this database."""


def upgrade(url: str, revision: str = "head") -> None:
    """Migrates up to ``revision``; waits while another process migrates."""
    with _exclusive(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Goes back to ``revision``; where one step refuses, the schema stays as it was."""
    with _exclusive(url) as connection:
        config = _config(connection)
        config.attributes["transaction_per_migration"] = False
        command.downgrade(config, revision)


def current(url: str) -> str | None:
    """The schema's revision; None for a database that was never migrated."""
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """The schema revision that this version of the controller needs."""
    return ScriptDirectory(str(_folder())).get_current_head()


def is_current(url: str) -> bool:
    return current(url) == newest()


def _folder() -> Path:
    package = Path(__file__).parent.parent
    shipped, checkout = package / "migrations", package.parent / "migrations"
    return shipped if shipped.exists() else checkout


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection, "transaction_per_migration": True})
    config.set_main_option("script_location", str(_folder()))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        connect_args={"connect_timeout": 5, "application_name": "ovsfleet-migrate"},
    )
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        raise UnavailableError(f"the database cannot be migrated now: {error.orig}") from error


@contextmanager
def _exclusive(url: str) -> Iterator[Connection]:
    with _connected(url) as connection:
        # Of the session, not of a transaction: each upgrade commits on its own.
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.commit()
        yield connection
        connection.commit()
