"""A real host and the in-memory switch side by side: the same plan on both, then one comparison.

What the real host chooses freely is left out: numbers of ports and devices, MAC addresses nobody
asked for, the words of an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from difflib import unified_diff
from pprint import pformat
from time import monotonic

from agent.errors import Failure
from agent.host import Kernel, Ovsdb, adapters, observe, peers_of
from agent.model import HostState
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface
from agent.ovsdb.apply import Outcome
from agent.planner.plan import Plan
from tests.support.bridging import is_explicit
from tests.support.netns import Namespace
from tests.support.switch import Switch

FLEET = "4f9c6e2a-0000-4000-8000-000000000001"
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03")
"""Those that the tests ask for."""
SETTLE_S = 5.0
"""An MTU that follows other devices' comes a moment after ovs-vswitchd said that it is done."""


class RealHost:
    """Observes and executes as the agent's loop does; of other namespaces it sees those of the
    peers in ``whole``.
    """

    def __init__(self, ovsdb: Ovsdb, kernel: Kernel, whole: HostState) -> None:
        self._ovsdb = ovsdb
        self._kernel = kernel
        self._whole = whole

    async def see(self) -> ObservedState:
        """All that the agent sees."""
        return (await observe(self._ovsdb, self._kernel, self._whole)).state

    async def look(self) -> ObservedState:
        """Without what every host has and nobody plans: loopback and the datapath's own tap; nor
        what this kernel makes of rows, which the switch does not imitate.
        """
        seen = await self.see()
        return replace(
            seen,
            links={n: link for n, link in seen.links.items() if n not in ("lo", "ovs-netdev")},
            traffic={},
            namespaces=seen.namespaces & {netns for netns, _ in peers_of(self._whole)},
        )

    async def run(self, plan: Plan) -> tuple[Failure, ...]:
        failures: list[Failure | None] = []
        for stage in plan.stages:
            failures += [await self._kernel.apply(step) for step in stage.pre]
            if stage.ovsdb:
                result = await self._ovsdb.apply(stage.ovsdb, "contract", 10.0)
                assert result.outcome is Outcome.COMMITTED, result.error
                assert result.realized
                failures += result.failures
            failures += [await self._kernel.apply(step) for step in stage.post]
        return tuple(failure for failure in failures if failure is not None)


def on_real(
    host: Namespace,
    remote: str | None,
    whole: HostState,
    body: Callable[[RealHost], Awaitable[None]],
) -> None:
    """Run the body on a host; ``remote`` None is one without Open vSwitch."""

    async def run() -> None:
        ovsdb, kernel = adapters(remote)
        await kernel.open()
        ovsdb.open()
        try:
            assert await ovsdb.ready(SETTLE_S)
            await body(RealHost(ovsdb, kernel, whole))
        finally:
            await ovsdb.close()
            await kernel.close()

    host.run(run)


async def compare(real: RealHost, plan: Plan) -> ObservedState:
    """Run the plan on both and compare; return what the real host shows then."""
    imagined = Switch(await real.look())
    told = imagined.run(plan)
    assert [each.resource for each in await real.run(plan)] == [each.resource for each in told]
    after = await real.look()
    deadline = monotonic() + SETTLE_S
    while comparable(after) != comparable(imagined.observed) and monotonic() < deadline:
        await asyncio.sleep(0.02)
        after = await real.look()
    assert comparable(after) == comparable(imagined.observed), difference(after, imagined.observed)
    return after


def difference(real: ObservedState, imagined: ObservedState) -> str:
    first, second = (pformat(comparable(each)).splitlines() for each in (real, imagined))
    return "\n".join(unified_diff(first, second, "the real host", "the switch", lineterm="", n=1))


def comparable(observed: ObservedState) -> object:
    return (
        {name: _bridge(bridge) for name, bridge in observed.bridges.items()},
        {name: _link(link) for name, link in observed.links.items()},
        {place: _link(link) for place, link in observed.peers.items()},
        {_ends(observed, link) for link in observed.links.values() if link.kind == "veth"},
        observed.namespaces,
        observed.fdb,
        observed.neighbours,
        (observed.has_ovs, observed.vswitchd_running),
    )


def _bridge(bridge: OvsBridge) -> OvsBridge:
    ports = sorted(bridge.ports, key=lambda port: port.name)
    return replace(
        bridge,
        external_ids=dict(bridge.external_ids),
        ports=tuple(
            replace(
                port,
                external_ids=dict(port.external_ids),
                interfaces=tuple(
                    map(_interface, sorted(port.interfaces, key=lambda each: each.name))
                ),
            )
            for port in ports
        ),
    )


def _interface(row: OvsInterface) -> OvsInterface:
    ofport = None if row.ofport is None else (1 if row.ofport > 0 else -1)
    return replace(
        row,
        ofport=ofport,
        error="some" if row.error else None,
        options=dict(row.options),
        external_ids=dict(row.external_ids),
    )


def _link(link: Link) -> Link:
    mac = link.mac if link.mac in MACS or link.kind in ("vxlan", "bridge") else "any"
    # Nobody asks of Open vSwitch's own TAP devices that the host keeps out of them.
    quiet = link.quiet or link.kind == "tun"
    # Nobody sets the MTU of an explicit Linux bridge, which follows its ports'.
    mtu = 0 if is_explicit(link) else link.mtu
    return replace(
        link,
        mac=mac,
        mtu=mtu,
        ifindex=0,
        peer_ifindex=bool(link.peer_ifindex),
        quiet=quiet,
        own_cost=0,
        lacks=frozenset(),
        running=True,
    )


def _ends(observed: ObservedState, link: Link) -> tuple[str, str]:
    """Which devices are the two ends of one veth."""
    others = [
        f"{netns}/{peer.name}"
        for (netns, _), peer in observed.peers.items()
        if (peer.ifindex, peer.peer_ifindex) == (link.peer_ifindex, link.ifindex)
    ]
    return (link.name, ",".join(others))
