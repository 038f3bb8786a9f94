"""A real PostgreSQL for tests: one server per run, one database per test.

The server lives in a temporary folder, listens on a UNIX socket only, runs as an unprivileged user
when the tests run as root (PostgreSQL refuses root) and dies with the test process. A test's
database is a copy of a migrated template, so it costs a fraction of a second.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from controller.embedded.binaries import Binaries, find_binaries, readable_binaries
from controller.store.engine import Database
from controller.store.migrate import upgrade

_NOBODY = 65534
_START_SECONDS = 30
_TEMPLATE = "ovsfleet_template"


@dataclass(frozen=True)
class PostgresServer:
    socket_dir: Path

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.socket_dir}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def _unprivileged() -> list[str]:
    """Return what to put before a command so that it does not run as root, nor outlives us."""
    drop = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    return ["setpriv", "--pdeathsig=INT", *(drop if os.geteuid() == 0 else [])]


def _owned(path: Path) -> Path:
    path.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(path, _NOBODY, _NOBODY)
    return path


def _run_initdb(binaries: Binaries, data: Path) -> None:
    subprocess.run(
        [
            *_unprivileged(),
            binaries.program("initdb"),
            *("--pgdata", str(data), "--username=postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        cwd="/",
    )


def _start(binaries: Binaries, data: Path, sockets: Path) -> subprocess.Popen[bytes]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "max_connections": "150",
        "shared_buffers": "64MB",
        "log_min_messages": "panic",
    }
    arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return subprocess.Popen(
        [*_unprivileged(), binaries.program("postgres"), "-D", str(data), *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
    )


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            assert process.poll() is None, "PostgreSQL ended while starting"
            assert time.monotonic() < deadline, "PostgreSQL did not start in time"
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server without any database of ours."""
    with running_server() as server:
        yield server


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """As the fixture, for what is no test."""
    root = Path(tempfile.mkdtemp(prefix="ovsfleet-pg-"))
    root.chmod(0o755)
    binaries = readable_binaries(find_binaries(None), _NOBODY, root)
    data, sockets = _owned(root / "data"), _owned(root / "sockets")
    _run_initdb(binaries, data)
    process = _start(binaries, data, sockets)
    try:
        server = PostgresServer(sockets)
        _wait_until_ready(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=_START_SECONDS)
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def _template(postgres_server: PostgresServer) -> str:
    postgres_server.execute(f"CREATE DATABASE {_TEMPLATE}")
    upgrade(postgres_server.url(_TEMPLATE))
    return _TEMPLATE


_numbers = itertools.count(1)


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database that no migration has touched."""
    yield from _database(postgres_server, "template1")


@pytest.fixture
def database_url(postgres_server: PostgresServer, _template: str) -> Iterator[str]:
    """A fresh, migrated database."""
    yield from _database(postgres_server, _template)


@pytest.fixture(scope="module")
def shared_database_url(postgres_server: PostgresServer, _template: str) -> Iterator[str]:
    """A migrated database for all tests of a module, which leave it as they would find it."""
    yield from _database(postgres_server, _template)


def _database(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # Copying files costs a quarter of copying pages through the log, which is the default.
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pool_size=20)
    yield database
    database.close()
