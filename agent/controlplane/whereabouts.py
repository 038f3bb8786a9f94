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
from agent.observed import SOMEWHERE

log = structlog.get_logger(__name__)

FILE_NAME = "controller-addresses.json"
RESOLVING_S = 12.0
"""A resolver that is slower than that tells nothing new for this session; longer than the 5 s after
which one is given up and the next asked (resolv.conf(5), timeout), twice.
"""


class Whereabouts:
    """``addresses`` may be asked for from any thread."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._known = _load(self._path)
        self._was_learned = True
        self._is_doubtful = False

    @property
    def addresses(self) -> frozenset[str]:
        """With SOMEWHERE among them where the controller may be at another one."""
        if self._known is None:
            return frozenset({SOMEWHERE})
        return self._known | {SOMEWHERE} if self._is_doubtful else self._known

    async def learn(self, endpoint: str) -> None:
        """Look ``endpoint`` up; what cannot be looked up stays as it was known."""
        self._was_learned = False
        try:
            async with asyncio.timeout(RESOLVING_S):
                found = await _addresses_of(endpoint)
        except (TimeoutError, OSError, ValueError) as error:
            log.warning(
                "the controller's address is not known anew", endpoint=endpoint, why=str(error)
            )
            return
        self._was_learned, self._is_doubtful = True, False
        if found != self._known:
            self._known = found
            await asyncio.to_thread(self._keep, found)

    def reached(self) -> None:
        """The controller answers; at an address that others looked up, if it was not learned."""
        self._is_doubtful = not self._was_learned

    def _keep(self, found: frozenset[str]) -> None:
        try:
            replace_file(self._path, json.dumps(sorted(found)).encode())
        except OSError as error:
            log.warning("the controller's addresses are not kept", why=str(error))


async def _addresses_of(endpoint: str) -> frozenset[str]:
    """None for what is no place in a network, as ``unix:PATH``; ``host:port``, or as gRPC writes
    it with the way to look it up (``dns:///host:port``, ``ipv4:192.0.2.1:9443``).
    """
    if endpoint.startswith(("unix:", "unix-abstract:")):
        return frozenset()
    for scheme in ("dns:", "ipv4:", "ipv6:"):
        endpoint = endpoint.removeprefix(scheme)
    host, _, port = endpoint.rpartition("/")[2].rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ValueError("it is not host:port")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    return frozenset(_normal(str(each[4][0])) for each in found)


def _normal(address: str) -> str:
    return str(ipaddress.ip_address(address.partition("%")[0]))


def _load(path: Path) -> frozenset[str] | None:
    try:
        return frozenset(_normal(str(each)) for each in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None  # never written, or torn: the next session tells
