"""A controller that goes away and comes back at the same address, on the same database."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from tests.support.api import Api, LiveServer, make_app


class _Successor(LiveServer):
    """Listens where its predecessor did."""

    def __init__(self, app: FastAPI, port: int) -> None:
        super().__init__(app)
        self._socket.close()
        self._socket = socket.create_server(("127.0.0.1", port))


class Restart:
    """Stops the live server and starts another one in its place."""

    def __init__(self, api: Api, live: LiveServer) -> None:
        self._api = api
        self._running = live
        self._port = urlsplit(live.url).port or 0
        self._successors: list[LiveServer] = []

    def stop(self) -> None:
        self._running.stop()

    def start(self) -> None:
        self._running = _Successor(make_app(self._api.db), self._port)
        self._running.start()
        self._successors.append(self._running)

    def end(self) -> None:
        for server in self._successors:
            server.stop()


@pytest.fixture
def restart(api: Api, live: LiveServer) -> Iterator[Restart]:
    controller = Restart(api, live)
    yield controller
    controller.end()
