"""Members of a segment that the kernel carries come and go: that is no drift of it, and goes on
while the segment is left as somebody changed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ErrorKind
from agent.fragments import ArpMode, Neighbour, SegmentMember
from agent.model import BROADCAST_FDB, HostState
from agent.observed import FdbEntry
from agent.safety import DriftPolicy, Grants, Safety
from tests.support.agent_loop import Host, refused
from tests.support.hosts import bare_host
from tests.support.switch import Switch
from tests.unit.test_agent_drift import told
from tests.unit.test_planner_kernel import FRAGMENT, MEMBERS, ON_LINUX, ON_OVERLAY

MAC = "02:00:00:00:00:%02x"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, Switch(bare_host()))


def meshed(
    revision: int, *numbers: int, policy: DriftPolicy = DriftPolicy.REPORT, grants: int = 0
) -> HostState:
    """A segment with these other members, besides that of the plain state."""
    others = (SegmentMember(f"x{n}", f"x{n}", f"192.0.2.{n}", (MAC % n,)) for n in numbers)
    name = b"%d" % revision
    return replace(
        ON_LINUX,
        revision=revision,
        hash=name,
        attachments=(replace(ON_LINUX.attachments[0], fragment_hash=name),),
        fragments={name: replace(FRAGMENT, hash=name, members=(*MEMBERS, *others))},
        safety=Safety(drift={"segment:S": policy}),
        grants=Grants(grants, mended=grants),
    )


def table(host: Host) -> dict[FdbEntry, bool]:
    (device,) = (each for each in host.switch.kernel.links.values() if each.kind == "vxlan")
    return host.switch.kernel.forwarding[device.ifindex]


def places(host: Host) -> set[str]:
    return {entry.dst for entry in table(host) if entry.mac == BROADCAST_FDB}


def cut_off(host: Host) -> None:
    """Somebody takes away where the first member's frames go."""
    del table(host)[FdbEntry(BROADCAST_FDB, "192.0.2.2")]
    host.switch.reconfigure()


async def test_members_that_come_and_go_are_neither_drift_nor_a_fight(host: Host) -> None:
    await host.realize(meshed(1, policy=DriftPolicy.ENFORCE))
    for number in range(2, 8):
        await host.realize(meshed(number, *range(10, 10 + number), policy=DriftPolicy.ENFORCE))
    assert len(places(host)) == 8
    assert (told(host), host.reasons()) == ([], {})


async def test_a_member_that_had_to_wait_is_no_drift_either(host: Host) -> None:
    await host.realize(meshed(1))
    host.kernel.answers["segment:S"] = refused("segment:S", ErrorKind.TRANSIENT)
    delay = await host.realize(meshed(2, 10))
    del host.kernel.answers["segment:S"]
    await host.turn_at(delay)
    assert "192.0.2.10" in places(host)
    assert (told(host), host.reasons()) == ([], {})


async def test_what_is_left_of_a_segment_stays_and_its_members_come_and_go(host: Host) -> None:
    await host.realize(meshed(1))
    cut_off(host)
    await host.loop.turn()
    assert host.reasons() == {"segment:S": "Drifted"}
    await host.realize(meshed(2, 10, 11))
    assert places(host) == {"192.0.2.10", "192.0.2.11"}
    assert FdbEntry(MAC % 10, "192.0.2.10") in table(host)
    await host.realize(replace(meshed(3, 11), removed=frozenset({"tunnel:S/x10"})))
    assert places(host) == {"192.0.2.11"}
    assert host.reasons() == {"segment:S": "Drifted"}
    assert len(told(host)) == 1
    host = host.started_again()
    await host.realize(meshed(4, 11, 12))
    assert places(host) == {"192.0.2.11", "192.0.2.12"}
    await host.realize(meshed(5, 11, 12, grants=1))
    assert places(host) == {"192.0.2.2", "192.0.2.11", "192.0.2.12"}
    assert host.reasons() == {}


async def test_members_of_a_segment_whose_device_is_left_deleted_wait_for_it(host: Host) -> None:
    await host.realize(meshed(1))
    (device,) = (each for each in host.switch.kernel.links.values() if each.kind == "vxlan")
    host.switch.kernel.delete_link(device.name)
    await host.loop.turn()
    before = host.writes
    await host.realize(meshed(2, 10))
    assert (host.writes, host.reasons()) == (before, {"segment:S": "Drifted"})
    await host.realize(meshed(3, 10, grants=1))
    assert (places(host), host.reasons()) == ({"192.0.2.2", "192.0.2.10"}, {})


@pytest.mark.parametrize("base", [ON_LINUX, ON_OVERLAY])
async def test_a_device_that_only_making_it_anew_would_mend_stays_plugged_as_it_is(
    host: Host, base: HostState
) -> None:
    await host.realize(replace(base, safety=Safety(drift={"segment:S": DriftPolicy.REPORT})))
    links = host.switch.kernel.links
    (device,) = (each for each in links.values() if each.vxlan is not None)
    assert device.vxlan is not None
    links[device.name] = replace(device, vxlan=replace(device.vxlan, learning=True))
    before = host.writes
    for _ in range(3):
        await host.loop.turn()
    assert (host.writes, host.reasons()) == (before, {"segment:S": "Drifted"})


async def test_entries_of_a_bridge_that_is_left_deleted_wait_for_it(host: Host) -> None:
    own, other = MEMBERS
    known = replace(other, neighbours=(Neighbour("10.0.0.2", other.macs[0]),))
    answering = replace(FRAGMENT, members=(own, known), arp_mode=ArpMode.SUPPRESS)
    safety = Safety(drift={"segment:S": DriftPolicy.REPORT})
    await host.realize(replace(ON_LINUX, fragments={b"s": answering}, safety=safety))
    placed = FdbEntry(other.macs[0], "")
    assert placed in table(host)
    host.switch.kernel.delete_link("br-v10001")
    del table(host)[placed]
    before = host.writes
    for _ in range(3):
        await host.loop.turn()
    assert host.writes == before
    assert host.reasons() == {"port:a": "StandsOnDrift", "segment:S": "Drifted"}
