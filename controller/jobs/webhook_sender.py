"""Posts one message to one address, and to no other than the one that was checked.

The host name is resolved here, every address it has is judged, and the connection goes to such an
address itself: a name that means something else a moment later leads nowhere. No proxy, no
redirect, no cookie. Owns the HTTP client of one turn; knows nothing of the database.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import Self

import httpx

from controller.domain.webhook_targets import (
    IpAddress,
    Target,
    TargetError,
    check_address,
    parse_url,
)
from controller.services.webhook_deliveries import Outcome

WITHIN_S = 10.0
"""From the first packet to the end of the answer; a receiver that needs longer should queue."""
_CONNECTING = 0.4
"""Part of that time in which DNS must answer, and then each address must let us connect: one that
does not must leave the others time."""
MOST_READ = 4096
_SHOWN = 200

Resolve = Callable[[str, int], Sequence[IpAddress]]


def resolve(host: str, port: int) -> list[IpAddress]:
    """All addresses, in the order in which to try them; OSError when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # What is behind the % of a scoped address is an interface of ours; judged without it.
    texts = dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found)
    return [ipaddress.ip_address(text) for text in texts]


def is_own_address(address: IpAddress) -> bool:
    """Whether an interface of this machine has it: then, and only then, packets to an address that
    is not loopback come from the same address."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe, suppress(OSError):
        # Nothing is sent: the kernel only looks up the route.
        probe.connect((str(address), 9))
        return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address
    return False


def checked_addresses(
    target: Target, *, allow_loopback: bool, resolve: Resolve = resolve
) -> list[IpAddress]:
    """TargetError when any of the host's addresses is refused, or it has none."""
    try:
        addresses = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise TargetError(f"{target.host} has no address: {reason or error}") from error
    for address in addresses:
        check_address(address, is_own=is_own_address(address), allow_loopback=allow_loopback)
    return list(addresses)


class Sender:
    """Sends from one thread, one message after the other. Keeps connections between messages."""

    def __init__(
        self,
        *,
        allow_loopback: bool,
        resolve: Resolve = resolve,
        within_s: float = WITHIN_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._within_s = within_s
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            verify=tls or _tls(),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(within_s, connect=within_s * _CONNECTING),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Never raises for what a receiver, its name or the network does."""
        return self._runner.run(self._send(url, headers, body))

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        try:
            async with asyncio.timeout(self._within_s):
                addresses = await self._addresses(
                    parse_url(url, allow_loopback=self._allow_loopback)
                )
                return await self._post_to_first(addresses, url, headers, body)
        except TargetError as error:
            return Outcome(error=f"not sent: {error}", unreachable=True)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(error=f"no complete answer within {self._within_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome(error=f"{type(error).__name__}: {error}")

    async def _addresses(self, target: Target) -> list[IpAddress]:
        within_s = self._within_s * _CONNECTING
        asking = asyncio.to_thread(
            checked_addresses, target, allow_loopback=self._allow_loopback, resolve=self._resolve
        )
        try:
            return await asyncio.wait_for(asking, within_s)
        except TimeoutError as error:
            raise TargetError(f"no DNS told of {target.host} within {within_s:g} s") from error

    async def _post_to_first(
        self, addresses: Sequence[IpAddress], url: str, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        """To the first address that lets us connect."""
        reason = "the name has no address"
        for address in addresses:
            try:
                return await self._post(url, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                reason = f"cannot connect to {address}: {str(error) or 'nobody answers'}"
        return Outcome(error=reason, unreachable=True)

    async def _post(
        self, url: str, address: IpAddress, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        named = httpx.URL(url)
        host = named.raw_host.decode()
        request = self._client.build_request(
            "POST",
            named.copy_with(host=str(address)),
            content=body,
            headers={**_HEADERS, **headers, "Host": named.netloc.decode()},
            extensions={"sni_hostname": host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            # Also of a success: a connection is used again only when its answer was read.
            text = await _beginning(answer)
        finally:
            await answer.aclose()
        return _outcome(answer, text)


async def _beginning(answer: httpx.Response) -> str:
    read = b""
    # As it comes: nothing is decompressed.
    async for chunk in answer.aiter_raw(MOST_READ):
        read += chunk
        if len(read) >= MOST_READ:
            break
    return read[:MOST_READ].decode(errors="replace")


def _outcome(answer: httpx.Response, text: str) -> Outcome:
    code = answer.status_code
    if answer.is_success:
        return Outcome(code)
    if answer.is_redirect:
        return Outcome(code, "the receiver redirects, which is not followed: give its final URL")
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN]
    return Outcome(code, f"the receiver answered {code}" + (f": {shown}" if shown else ""))


_HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"ovsfleet/{version('ovsfleet')}",
}


@cache
def _tls() -> ssl.SSLContext:
    """The machine's authorities (SSL_CERT_FILE names others); slow to load, so once."""
    return ssl.create_default_context()
