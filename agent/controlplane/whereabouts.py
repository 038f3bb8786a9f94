"""Where the controller is spoken to: the addresses behind its name, also while it is out of reach.

Kept on disk, because a host may start while neither the controller nor a resolver is reached, and
has to know then what carries the connection. Owns that file. Must not decide what follows.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from pathlib import Path

import structlog

from agent.disk import replace_file

log = structlog.get_logger(__name__)

FILE_NAME = "controller-addresses.json"
RESOLVING_S = 5.0
"""A resolver that is slower than that tells nothing new for this session."""


class Whereabouts:
    """``addresses`` may be asked for from any thread."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self.addresses = _load(self._path)

    async def learn(self, endpoint: str) -> None:
        """Look ``endpoint`` (``host:port``) up; what cannot be looked up stays as it was known."""
        try:
            async with asyncio.timeout(RESOLVING_S):
                found = await _addresses_of(endpoint)
        except (TimeoutError, OSError, ValueError) as error:
            log.info(
                "the controller's address is not known anew", endpoint=endpoint, why=str(error)
            )
            return
        if found != self.addresses:
            self.addresses = found
            await asyncio.to_thread(self._keep)

    def _keep(self) -> None:
        try:
            replace_file(self._path, json.dumps(sorted(self.addresses)).encode())
        except OSError as error:
            log.warning("the controller's addresses are not kept", why=str(error))


async def _addresses_of(endpoint: str) -> frozenset[str]:
    """None for what is no place in a network, as ``unix:PATH``."""
    if endpoint.startswith(("unix:", "unix-abstract:")):
        return frozenset()
    host, _, port = endpoint.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    return frozenset(_normal(str(each[4][0])) for each in found)


def _normal(address: str) -> str:
    return str(ipaddress.ip_address(address.partition("%")[0]))


def _load(path: Path) -> frozenset[str]:
    try:
        return frozenset(_normal(str(each)) for each in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return frozenset()  # never written, or torn: the next session tells
