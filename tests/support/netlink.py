"""The netlink adapter inside a namespace of a test: run steps, look at what came of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agent.errors import ErrorKind, Failure
from agent.netlink import Netlink
from agent.observed import Link
from agent.planner.plan import NetlinkStep
from tests.support.netns import Namespace


def with_netlink(
    host: Namespace, body: Callable[[Netlink], Awaitable[None]], **settings: int
) -> None:
    """Run the body with the adapter inside the host's namespace."""

    async def run() -> None:
        netlink = Netlink(**settings)  # type: ignore[arg-type]
        await netlink.open()
        try:
            await body(netlink)
        finally:
            await netlink.close()

    host.run(run)


def execute(host: Namespace, *steps: NetlinkStep) -> list[Failure | None]:
    answers: list[Failure | None] = []

    async def body(netlink: Netlink) -> None:
        answers.extend([await netlink.apply(step) for step in steps])

    with_netlink(host, body)
    return answers


def look(host: Namespace, *peers: tuple[str, str]) -> tuple[dict[str, Link], dict[str, Link]]:
    """The links here, and the asked ones by namespace."""
    seen: list[tuple[dict[str, Link], dict[str, Link]]] = []

    async def body(netlink: Netlink) -> None:
        snapshot = await netlink.observe(peers)
        by_namespace = {name: link for (name, _), link in snapshot.peers.items()}
        seen.append((dict(snapshot.links), by_namespace))

    with_netlink(host, body)
    return seen[0]


def refused(answers: list[Failure | None]) -> tuple[ErrorKind, str]:
    (failure,) = answers
    assert failure is not None
    return failure.kind, failure.reason
