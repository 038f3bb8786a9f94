"""The connection pool, and the two kinds of transaction that services open on it.

Owns the pool. Must not contain a query.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from psycopg.errors import QueryCanceled, UndefinedColumn, UndefinedTable
from sqlalchemy import Connection, QueuePool, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from controller.domain.errors import InvalidError, UnavailableError
from controller.store.constraints import conflict

Transaction: TypeAlias = Connection

_POOL_WAIT_S = 5.0
_STATEMENT_S = 60.0
"""A writer that hangs must not stop all others for longer than a client waits."""


class StatementTimeoutError(UnavailableError):
    """The database answers, but what was asked takes it too long."""


class Database:
    """One PostgreSQL database. Thread-safe; not to be carried over a fork."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_wait_s: float = _POOL_WAIT_S,
        statement_s: float = _STATEMENT_S,
    ) -> None:
        """Waits ``pool_wait_s`` for one of its connections, ``statement_s`` for a statement."""
        self._engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_wait_s,
            pool_pre_ping=True,
            json_deserializer=_decode_json,
            connect_args=_connect_args(statement_s),
        )
        self._closed = threading.Event()

    @property
    def url(self) -> str:
        """As libpq understands it, with the password."""
        url = self._engine.url.set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    @property
    def connections_in_use(self) -> int:
        pool = self._engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    def close(self) -> None:
        """What another thread still uses is closed when that thread is done with it."""
        self._closed.set()
        self._engine.pool.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Read committed, so that what is read after a lock was waited for is current.

        Commits at the end of the block, rolls back on an exception."""
        with _translated(), self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Read only, repeatable read: every query of the block sees the same moment."""
        with _translated(), self._connected() as connection:
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            with connection.begin():
                yield connection

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        finally:
            # The pool took it back, and nobody closes the pool a second time.
            if self._closed.is_set():
                self._engine.pool.dispose()


def _decode_json(document: bytes) -> Any:
    """Given bytes, ``json`` first guesses the encoding, which takes longer than small documents."""
    return json.loads(document.decode())


def _connect_args(statement_s: float) -> dict[str, str | int]:
    return {
        "connect_timeout": 5,
        "application_name": "ovsfleet-controller",
        "options": f"-c statement_timeout={int(statement_s * 1000)} -c lock_timeout=30s"
        " -c timezone=UTC -c idle_in_transaction_session_timeout=120s"
        # Compiling a statement that adds up numbers takes longer than running it.
        " -c jit=off",
    }


@contextmanager
def _translated() -> Iterator[None]:
    """A database that is away, overloaded or shutting down is not the caller's fault."""
    try:
        yield
    except IntegrityError as error:
        mendable = conflict(error)
        if mendable is None:
            raise
        raise mendable from error
    except DataError as error:
        raise InvalidError(
            "a value cannot be stored: leave out NUL characters and numbers that are far too large"
        ) from error
    except ProgrammingError as error:
        if not isinstance(error.orig, UndefinedTable | UndefinedColumn):
            raise
        raise UnavailableError(
            "the database is not migrated: run 'ovsfleet-controller migrate'"
        ) from error
    except (OperationalError, PoolTimeoutError) as error:
        if isinstance(getattr(error, "orig", None), QueryCanceled):
            raise StatementTimeoutError(
                "the database takes too long for this; ask for less, or try again later"
            ) from error
        raise UnavailableError("the database does not answer; try again in a moment") from error
