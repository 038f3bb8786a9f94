"""The way to the controller, as the kernel tells it and as it is remembered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agent.controlplane.whereabouts import FILE_NAME, Whereabouts
from agent.netlink import Netlink
from agent.observed import SOMEWHERE, Way
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration


def _set_up(host: Namespace) -> None:
    host.ip("link", "add", "c0", "type", "veth", "peer", "name", "c1")
    host.ip("link", "add", "link", "c0", "name", "c0.7", "type", "macvlan")
    for name in ("c0", "c1", "c0.7"):
        host.ip("link", "set", name, "up")
    host.ip("address", "add", "192.0.2.10/24", "dev", "c0.7")
    host.ip("-6", "address", "add", "2001:db8::10/64", "dev", "c0", "nodad")
    host.ip("route", "add", "default", "via", "192.0.2.1")


def test_the_way_is_the_kernels_and_stays_known_once_the_route_is_gone(netns: Namespace) -> None:
    _set_up(netns)
    ends = frozenset({"203.0.113.9", "192.0.2.7", "2001:db8::9", "2001:db8:1::1"})

    async def look() -> None:
        netlink = Netlink(destinations=lambda: ends)
        seen = await netlink.observe(())
        assert set(seen.ways.values()) == {
            Way("203.0.113.9", "c0.7", "192.0.2.10", "192.0.2.1"),
            Way("192.0.2.7", "c0.7", "192.0.2.10"),
            Way("2001:db8::9", "c0", "2001:db8::10"),
        }
        assert seen.links["c0.7"].lower == seen.links["c0"].ifindex
        assert {name for name, link in seen.links.items() if link.lower} == {"c0.7"}
        netns.ip("link", "set", "c0.7", "down")
        assert (await netlink.observe(())).ways == seen.ways

    netns.run(look)


def test_the_addresses_of_the_controller_outlive_a_restart_and_a_silent_resolver(
    tmp_path: Path,
) -> None:
    async def learn(*endpoints: str) -> frozenset[str]:
        whereabouts = Whereabouts(tmp_path)
        for endpoint in endpoints:
            await whereabouts.learn(endpoint)
        return whereabouts.addresses

    assert asyncio.run(learn("203.0.113.9:9443", "no such name:1")) == {"203.0.113.9"}
    assert asyncio.run(learn()) == {"203.0.113.9"}
    assert asyncio.run(learn("[2001:0db8::9]:9443")) == {"2001:db8::9"}
    assert json.loads((tmp_path / FILE_NAME).read_bytes()) == ["2001:db8::9"]
    (tmp_path / FILE_NAME).write_bytes(b"[1, ")
    assert asyncio.run(learn()) == {SOMEWHERE}
