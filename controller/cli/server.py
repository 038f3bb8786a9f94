"""The server role: REST, the agents' streams and enrolment on one event loop.

Composes what the other parts offer and owns nothing but the order of starting and stopping.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
import uvloop
from fastapi import FastAPI

from controller.api.app import create_app
from controller.api.context import AppContext
from controller.cli.database import wait_for_database
from controller.cli.errors import CommandError
from controller.config import Settings
from controller.embedded import make_data_dir
from controller.observability import get_logger
from controller.services import queries, tokens
from controller.southbound.identity import Authority, IdentityStoreError
from controller.southbound.listening import Listening
from controller.southbound.server import Southbound
from controller.store import migrate
from controller.store.engine import Database

log = get_logger(__name__)

_GRACE_S = 5

_CHARTS = 2
_CHART_WAIT_S = 1.0
_CHART_S = 10.0
"""Connections of reads of statistics, how long one waits for another, and how long it may take.
Together they keep the threads of REST free: who comes too many is told to come again."""


class _RestServer(uvicorn.Server):
    """uvicorn without its signal handlers: this process has more to stop than HTTP."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    # What a large change loads is many objects and no garbage; the search for some takes as long
    # as the rules themselves at its usual thresholds.
    gc.set_threshold(50_000, 20, 100)
    url = wait_for_database(settings, migrated=True)
    db = Database(url, pool_size=settings.database_pool_size)
    stats_db = Database(url, pool_size=_CHARTS, pool_wait_s=_CHART_WAIT_S, statement_s=_CHART_S)
    try:
        _announce_first_token(db, settings.data_dir)
        authority = _authority(settings, db)
        uvloop.run(_serve(db, stats_db, settings, authority))
    finally:
        stats_db.close()
        db.close()


def _authority(settings: Settings, db: Database) -> Authority:
    try:
        return Authority.load_or_create(settings.data_dir / "ca", queries.fleet(db).uid)
    except IdentityStoreError as error:
        raise CommandError(str(error)) from error


async def _serve(
    db: Database, stats_db: Database, settings: Settings, authority: Authority
) -> None:
    wanted = migrate.newest()

    def migrated() -> bool:
        return migrate.current(db.url) == wanted

    def join_token(*, host: str, secret: str) -> str:
        return authority.join_token(settings, host=host, secret=secret)

    listening = Listening()
    context = AppContext(
        db=db,
        stats_db=stats_db,
        join_token=join_token,
        migrated=migrated,
        allow_loopback_webhooks=settings.webhook_allow_loopback,
        listened=listening.lasts,
    )
    app = create_app(context)
    listener = _listen(settings)
    southbound = Southbound(
        db.url, settings, authority, on_status=app.state.feed.nudge, listening=listening
    )
    await southbound.start()
    try:
        await _serve_rest(app, listener)
    finally:
        await southbound.stop()


async def _serve_rest(app: FastAPI, listener: socket.socket) -> None:
    server = _RestServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )

    def stop() -> None:
        # uvicorn waits for open responses, and a watch ends only when it is told to.
        app.state.feed.close()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    host, port = listener.getsockname()[:2]
    log.info("Serving REST and the dashboard", host=host, port=port)
    await server.serve(sockets=[listener])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.rest_host else socket.AF_INET
    try:
        # With SO_REUSEADDR, so that connections of a killed predecessor do not block the port.
        return socket.create_server((settings.rest_host, settings.rest_port), family=family)
    except OSError as error:
        raise CommandError(
            f"cannot listen on {settings.rest_host} port {settings.rest_port}: {error.strerror}; "
            "change OVSFLEET_REST_HOST or OVSFLEET_REST_PORT, or stop what uses it"
        ) from error


def _announce_first_token(db: Database, data_dir: Path) -> None:
    secret = tokens.ensure_admin(db, now=datetime.now(UTC))
    if secret is None:
        return
    make_data_dir(data_dir)
    fd = os.open(data_dir / "admin-token", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    print(f"admin token: {secret}", flush=True)
