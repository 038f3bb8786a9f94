"""TCP ports for servers that cannot choose one by themselves."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
