"""What a segment of the kernel lost without a word is still sent to, as a row would stay."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cache import with_owed
from agent.fragments import ArpMode, Neighbour, SegmentFragment, SegmentMember
from agent.model import BROADCAST_FDB, Backend, HostState, SegmentAttachment
from agent.observed import FdbEntry
from agent.planner import make_plan, still_lost
from agent.undoing import gone_back
from tests.support.agent_loop import Host
from tests.support.hosts import FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.switch import Switch

DEVICE = "kx10001"


def member(number: int) -> SegmentMember:
    host = OWN_HOST if number == 0 else f"h{number}"
    mac = f"02:00:00:00:00:{number:02x}"
    return SegmentMember(host, host, f"192.0.2.{number + 1}", (mac,), (Neighbour(ip(number), mac),))


def ip(number: int) -> str:
    return f"10.0.0.{number + 1}"


def fragment(numbers: Collection[int], **changes: object) -> SegmentFragment:
    members = tuple(map(member, sorted({0, *numbers})))
    name = b"".join(b"%d," % each for each in numbers) or b"-"
    vteps = ("198.51.100.9",)
    whole = SegmentFragment(name, "S", 10001, 8472, 1450, members, external_vteps=vteps)
    return replace(whole, **changes)  # type: ignore[arg-type]


def on_linux(part: SegmentFragment, revision: int = 1, **changes: object) -> HostState:
    attachment = SegmentAttachment("S", 0, part.hash, Backend.KERNEL, "br-v10001")
    state = HostState(
        FLEET,
        1,
        revision,
        b"%d" % revision,
        OWN_HOST,
        OWN_HOST,
        attachments=(attachment,),
        fragments={part.hash: part},
    )
    return replace(state, **changes)  # type: ignore[arg-type]


def on_overlay(part: SegmentFragment, revision: int = 1, **changes: object) -> HostState:
    attachments = (SegmentAttachment("S", 5, part.hash, Backend.KERNEL),)
    return on_linux(part, revision, overlay=OVERLAY, attachments=attachments, **changes)


def realized(desired: HostState) -> Switch:
    switch = Switch(bare_host())
    assert switch.run(make_plan(desired, switch.observed)) == ()
    return switch


def destinations(switch: Switch) -> set[str]:
    return {each.dst for each in switch.observed.fdb[DEVICE]} - {""}


def not_removed(desired: HostState, switch: Switch) -> set[str]:
    failures = make_plan(desired, switch.observed).failures
    return {each.resource for each in failures if each.reason == "NotRemoved"}


@pytest.mark.parametrize("place", [on_linux, on_overlay])
def test_whoever_is_merely_absent_is_still_sent_to_and_who_was_removed_is_not(
    place: Callable[..., HostState],
) -> None:
    whole = place(fragment({1, 2, 3}))
    switch = realized(whole)
    torn = with_owed(whole, place(fragment({3}, external_vteps=()), 2))
    assert make_plan(torn, switch.observed).is_empty
    assert not_removed(torn, switch) == {"tunnel:S/h1", "tunnel:S/h2", "tunnel:S/198.51.100.9"}
    named = place(fragment({3}, external_vteps=()), 3, removed=frozenset({"tunnel:S/h1"}))
    following = with_owed(torn, named)
    switch.run(make_plan(following, switch.observed))
    assert destinations(switch) == {"192.0.2.3", "192.0.2.4", "198.51.100.9"}
    assert not_removed(following, switch) == {"tunnel:S/h2", "tunnel:S/198.51.100.9"}
    again = with_owed(following, place(fragment({2, 3}), 4))
    assert again.lost == {}


def test_many_that_are_absent_are_a_mass_removal() -> None:
    whole = on_linux(fragment(range(1, 8)))
    switch = realized(whole)
    torn = with_owed(whole, on_linux(fragment({1}), 2))
    failures = {each.resource: each for each in make_plan(torn, switch.observed).failures}
    assert failures["removals"].reason == "MassRemovalHeld"
    assert "6 of the 9 resources" in failures["removals"].message
    few = with_owed(whole, on_linux(fragment(range(1, 3)), 2))
    assert "removals" not in {e.resource for e in make_plan(few, switch.observed).failures}


def test_a_member_that_stays_moves_as_ever_while_another_is_lost() -> None:
    whole = on_linux(fragment({1, 2, 3}))
    switch = realized(whole)
    moved = replace(member(1), vtep="192.0.2.77", macs=(*member(1).macs, *member(2).macs))
    members = (member(0), moved, replace(member(2), macs=()))
    part = replace(fragment({1, 2}), hash=b"moved", members=members)
    following = with_owed(whole, on_linux(part, 2))
    switch.run(make_plan(following, switch.observed))
    assert make_plan(following, switch.observed).is_empty
    table = switch.observed.fdb[DEVICE]
    assert {entry.dst for entry in table if entry.mac == BROADCAST_FDB} == {
        "192.0.2.77",
        "192.0.2.3",
        "192.0.2.4",
        "198.51.100.9",
    }
    assert FdbEntry("02:00:00:00:00:02", "192.0.2.77") in table
    assert "192.0.2.2" not in destinations(switch)
    assert not_removed(following, switch) == {"tunnel:S/h3"}


def test_what_a_lost_member_is_asked_for_is_answered_also_by_a_device_that_is_made_anew() -> None:
    whole = on_linux(fragment({1, 2}, arp_mode=ArpMode.STRICT))
    switch = realized(whole)
    known = switch.observed.neighbours[DEVICE]
    torn = with_owed(whole, on_linux(fragment({1}, arp_mode=ArpMode.STRICT, dst_port=8473), 2))
    switch.run(make_plan(torn, switch.observed))
    assert switch.observed.neighbours[DEVICE] == known
    assert not_removed(torn, switch) == {"tunnel:S/h2"}


def test_whoever_has_the_address_of_a_lost_member_takes_its_place() -> None:
    whole = on_linux(fragment({1, 2}))
    switch = realized(whole)
    heir = replace(member(3), vtep=member(2).vtep)
    part = replace(fragment({1}), hash=b"heir", members=(member(0), member(1), heir))
    following = with_owed(whole, on_linux(part, 2))
    switch.run(make_plan(following, switch.observed))
    assert make_plan(following, switch.observed).failures == ()
    assert FdbEntry("02:00:00:00:00:03", "192.0.2.3") in switch.observed.fdb[DEVICE]
    assert still_lost(following, switch.observed) == {}


def test_a_segment_that_was_away_comes_back_to_what_it_had() -> None:
    whole = on_linux(fragment({1, 2}))
    switch = realized(whole)
    away = with_owed(whole, on_linux(fragment({}), 2, attachments=()))
    back = with_owed(away, on_linux(fragment({1}), 3))
    assert make_plan(back, switch.observed).is_empty
    assert not_removed(back, switch) == {"tunnel:S/h2"}
    gone = with_owed(
        whole, on_linux(fragment({}), 2, attachments=(), removed=frozenset({"segment:S"}))
    )
    assert gone.lost == {}


async def test_the_agent_remembers_whom_a_segment_lost_until_nothing_is_sent_there(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path, Switch(bare_host()))
    await host.realize(on_linux(fragment({1, 2})))
    await host.realize(on_linux(fragment({1}), 2))
    assert host.reasons() == {"tunnel:S/h2": "NotRemoved"}
    host = host.started_again()
    await host.loop.turn()
    assert host.reasons() == {"tunnel:S/h2": "NotRemoved"}
    assert destinations(host.switch) == {"192.0.2.2", "192.0.2.3", "198.51.100.9"}
    await host.realize(on_linux(fragment({1}), 3))
    assert host.reasons() == {"tunnel:S/h2": "NotRemoved"}
    await host.realize(on_linux(fragment({1}), 4, removed=frozenset({"tunnel:S/h2"})))
    assert host.reasons() == {}
    assert destinations(host.switch) == {"192.0.2.2", "198.51.100.9"}
    assert host.cache.cached is not None
    assert host.cache.cached.state.lost == {}


def test_what_an_undone_change_lost_is_there_again_and_what_it_brought_is_gone() -> None:
    whole = on_linux(fragment({1, 2}))
    switch = realized(whole)
    candidate = with_owed(whole, on_linux(fragment({1, 3}), 2))
    switch.run(make_plan(candidate, switch.observed))
    third = with_owed(candidate, on_linux(fragment({1}), 3))
    assert not_removed(third, switch) == {"tunnel:S/h2", "tunnel:S/h3"}
    back = gone_back(third, whole, frozenset())
    switch.run(make_plan(back, switch.observed))
    assert make_plan(back, switch.observed).describe() == ()
    assert destinations(switch) == {"192.0.2.2", "192.0.2.3", "198.51.100.9"}


def test_a_lost_member_whose_former_address_another_one_has_is_still_reached() -> None:
    former = replace(member(2), former_vtep=member(1).vtep)
    part = replace(fragment({1, 2}), hash=b"former", members=(member(0), member(1), former))
    whole = on_linux(part)
    switch = realized(whole)
    torn = with_owed(whole, on_linux(fragment({1}), 2))
    assert make_plan(torn, switch.observed).is_empty
    assert not_removed(torn, switch) == {"tunnel:S/h2"}
