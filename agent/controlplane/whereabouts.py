"""Where the controller is spoken to: the addresses behind its name, also while it is out of reach.

Kept on disk, because a host may start while neither the controller nor a resolver is reached, and
has to know then what carries the connection. Owns that file. Must not decide what follows.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import time
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
GRACE_S = 1.0
"""How long a session waits for the look-up that began with it: who dials looks up the same name.
Longer would be taken from a trial, which ends with the answers of a session.
"""


class Whereabouts:
    """``addresses`` may be asked for from any thread."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._known = _load(self._path)
        self._was_learned = True
        self._is_doubtful = False
        self._looking: asyncio.Task[None] | None = None
        self._reached_at: float | None = None

    @property
    def addresses(self) -> frozenset[str]:
        """With SOMEWHERE among them where the controller may be at another one."""
        if self._known is None:
            return frozenset({SOMEWHERE})
        return self._known | {SOMEWHERE} if self._is_doubtful else self._known

    @property
    def reached_s(self) -> float:
        """For how long the session has been open, in seconds; 0 while there is none."""
        return 0.0 if self._reached_at is None else time.monotonic() - self._reached_at

    def look(self, endpoint: str) -> None:
        """Begin to look ``endpoint`` up while it is dialled; a look that goes on is not disturbed:
        sessions may fail faster than a resolver answers."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self.learn(endpoint), name="look-up")

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

    async def reached(self) -> None:
        """The controller answers; at an address that others looked up, if it is not learned yet."""
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=GRACE_S)
        self._is_doubtful = not self._was_learned
        self._reached_at = time.monotonic()

    def left(self) -> None:
        """The session is over."""
        self._reached_at = None

    def _keep(self, found: frozenset[str]) -> None:
        try:
            replace_file(self._path, json.dumps(sorted(found)).encode())
        except OSError as error:
            log.warning("the controller's addresses are not kept", why=str(error))


async def _addresses_of(endpoint: str) -> frozenset[str]:
    """Those of ``host:port``; none for what is no place in a network, as ``unix:PATH``."""
    if endpoint.startswith("unix:"):
        return frozenset()
    host, _, port = endpoint.rpartition(":")
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
