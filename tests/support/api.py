"""The REST API on a real database, called over HTTP inside the process or through a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
import uvloop
from fastapi import FastAPI

from controller.api.app import create_app
from controller.api.context import AppContext
from controller.auth import Principal, Role
from controller.services import changes, tokens
from controller.store.engine import Database
from controller.store.migrate import is_current

ADMIN = Principal("admin", frozenset({Role.NETWORK_ADMIN}))
BODY_LIMIT = 256 * 1024
NOWHERE = "postgresql://127.0.0.1:1/nowhere"
"""A database that nobody can reach."""
_DEADLINE_SECONDS = 60


@dataclass
class Api:
    """An application with a client for each kind of caller."""

    db: Database
    app: FastAPI
    secret: str

    def client(self, secret: str | None = None) -> httpx.AsyncClient:
        """Calls the application without a network; nothing of it outlives the test."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    @property
    def admin(self) -> httpx.AsyncClient:
        return self.client(self.secret)

    def token(self, role: Role, *projects: str) -> str:
        return tokens.create(
            self.db,
            ADMIN,
            f"{role}-{'-'.join(projects)}",
            [role],
            now=datetime.now(UTC),
            request_id="test",
            projects=projects or None,
        )

    def add_projects(self, *names: str) -> None:
        with psycopg.connect(self.db.url, autocommit=True) as connection:
            for name in names:
                connection.execute("INSERT INTO project (name) VALUES (%s)", [name])

    def head(self) -> int:
        return changes.head(self.db)


def make_app(db: Database, **more: Any) -> FastAPI:
    options: dict[str, Any] = {"stats_db": db, "body_limit": BODY_LIMIT, **more}
    return create_app(
        AppContext(
            db=db,
            join_token=lambda *, host, secret: f"join.{host}.{secret}",
            migrated=lambda: is_current(db.url),
            **options,
        )
    )


@pytest.fixture
def api(db: Database) -> Api:
    secret = tokens.ensure_admin(db, now=datetime.now(UTC))
    assert secret is not None
    return Api(db, make_app(db), secret)


class LiveServer:
    """uvicorn on loopback in a thread, for what only a real connection shows."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        )
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _run(self) -> None:
        # As the controller does. The standard library's loop leaves Nagle's algorithm on for a
        # socket that is handed to it, which costs 40 ms for each answer.
        uvloop.run(self._server.serve(sockets=[self._socket]))

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.01)

    def stop(self) -> None:
        self.app.state.feed.close()
        self._server.should_exit = True
        self._thread.join(_DEADLINE_SECONDS)
        assert not self._thread.is_alive(), "the server did not stop in time"
        self._socket.close()


@pytest.fixture
def live(api: Api) -> Iterator[LiveServer]:
    server = LiveServer(api.app)
    server.start()
    yield server
    server.stop()
