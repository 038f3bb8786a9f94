"""The agent's Prometheus endpoint.

Answers with the daemon's own registry, each reader in a thread of its own, so that a slow one holds
up nothing. An address that cannot be had is a person's affair and never the host's: it is tried
again until it can.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import prometheus_client
import structlog
from prometheus_client.exposition import ThreadingWSGIServer

log = structlog.get_logger(__name__)

RETRY_S = 30.0
_READ_TIMEOUT_S = 10.0


class _Server(ThreadingWSGIServer):
    timeout = 0  # of handle_request, which is called when somebody is there


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _QuietHandler(WSGIRequestHandler):
    timeout = _READ_TIMEOUT_S  # for a reader that connects and asks nothing

    def log_message(self, *_: Any) -> None:
        """Say nothing: a line per reader and minute helps nobody."""


async def serve(
    address: tuple[str, int] | None,
    registry: prometheus_client.CollectorRegistry,
    *,
    retry_s: float = RETRY_S,
) -> None:
    """Answer GET /metrics until cancelled; at no address, do nothing until then."""
    forever = asyncio.Event()
    if address is None:
        await forever.wait()
        return
    server = await _listen(address, registry)
    while server is None:
        await asyncio.sleep(retry_s)
        server = await _listen(address, registry)
    loop = asyncio.get_running_loop()
    loop.add_reader(server.fileno(), server.handle_request)
    try:
        await forever.wait()
    finally:
        loop.remove_reader(server.fileno())
        server.server_close()


async def _listen(
    address: tuple[str, int], registry: prometheus_client.CollectorRegistry
) -> _Server | None:
    host, port = address
    kind = _ServerV6 if ":" in host else _Server
    app = prometheus_client.make_wsgi_app(registry)
    try:
        # In a thread, because it asks the resolver for the address's name.
        return await asyncio.to_thread(make_server, host, port, app, kind, _QuietHandler)
    except (OSError, ValueError) as error:  # a name may be one that no resolver can be asked for
        log.error(  # noqa: TRY400 - a person needs the address, and no traceback
            "no metrics are served; free the address, or set OVSFLEET_AGENT_METRICS_ADDRESS to "
            "another one or to nothing",
            host=host,
            port=port,
            why=str(error),
        )
        return None
