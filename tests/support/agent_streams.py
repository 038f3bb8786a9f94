"""A stream of bytes from one workload to another: what checksums, offloads and MTU let through."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from agent.netlink.netns import call_in
from tests.support.netns import Namespace

CONTENT = bytes(range(256)) * 4096
DEADLINE_S = 60.0


def transfer(server: Namespace, address: str, client: Namespace) -> bytes:
    """What is received at the server's address when the client sends ``CONTENT``."""
    with (
        call_in(server.name, lambda: socket.create_server((address, 9))) as there,
        ThreadPoolExecutor(1) as pool,
    ):
        there.settimeout(DEADLINE_S)
        receiving = pool.submit(_receive_all, there)
        call_in(client.name, partial(_send_all, address))
        return receiving.result()


def _receive_all(listening: socket.socket) -> bytes:
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as stream:
        connection.settimeout(DEADLINE_S)
        return stream.read()


def _send_all(address: str) -> None:
    with socket.create_connection((address, 9), DEADLINE_S) as connection:
        connection.sendall(CONTENT)
