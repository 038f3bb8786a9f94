"""A host changes its VTEP under traffic, with a real Open vSwitch on both ends.

The one place where frames may be lost is the end: who drops the former tunnel first no longer takes
what the other sends by it until that one drops it, too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from agent.fragments import SegmentMember
from tests.support.agent_backends import Host
from tests.support.agent_frames import BROADCAST, Tap
from tests.support.agent_vteps import Stream, member, other_vtep, state, two_hosts

pytestmark = pytest.mark.integration

RATE = 500.0
LAG_S = 1.0
"""How long the peer knows nothing of the change."""
SOON_S = 0.3
SKEW_S = 0.5
"""Far more than two agents are apart that are told to let go at one time."""


def test_no_frame_is_lost_while_a_peer_lags_behind_a_change_of_vtep(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as (moving, peer):
        before = (member(moving), member(peer))
        changing = (member(moving, other_vtep(moving), moving.vtep), member(peer))
        after = (member(moving, other_vtep(moving)), member(peer))
        for host in (moving, peer):
            realize(host, 1, before)
        greet(moving, peer)
        there, back = (unicast(*ends) for ends in ((moving, peer), (peer, moving)))
        shouts = Stream(moving, peer, BROADCAST, 20.0, "all")
        with running(there, back, shouts):
            realize(moving, 2, changing)
            await_more(LAG_S, there, back)
            single = shouts.sent
            realize(peer, 2, changing)
            await_more(SOON_S, there, back)
        assert (there.lost, back.lost, shouts.lost) == ([], [], [])
        assert min(there.sent, back.sent) > RATE * LAG_S
        # Both copies of a flood arrive as soon as both ends have both tunnels, and never before.
        assert shouts.doubled
        assert min(shouts.doubled) >= single
        with running(there := unicast(moving, peer), back := unicast(peer, moving)):
            let_go(after, moving, peer)
            await_more(SOON_S, there, back)
        for stream in (there, back):
            assert len(stream.lost) < RATE * SKEW_S


def realize(host: Host, revision: int, members: tuple[SegmentMember, ...]) -> None:
    host.drive(lambda running: running.realize(state(host, revision, *members)))


def let_go(members: tuple[SegmentMember, ...], *hosts: Host) -> None:
    threads = [threading.Thread(target=realize, args=(host, 3, members)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def unicast(source: Host, target: Host) -> Stream:
    return Stream(source, target, target.mac, RATE, f"from{source.number}")


def greet(*hosts: Host) -> None:
    """Until the tunnels have found each other, and the switches have learned who is where."""
    taps = [Tap(host.workload, "eth0") for host in hosts]
    give_up = monotonic() + 10.0
    for near, far in ((0, 1), (1, 0), (0, 1)):
        while not taps[far].received():
            assert monotonic() < give_up
            taps[near].send(hosts[near].mac, hosts[far].mac, "greeting")
            sleep(0.02)
    for tap in taps:
        tap.close()


def await_more(seconds: float, *streams: Stream) -> None:
    """Until as much was sent after now as in that time."""
    marks = [stream.sent + RATE * seconds for stream in streams]
    give_up = monotonic() + 10.0
    while any(stream.sent < mark for stream, mark in zip(streams, marks, strict=True)):
        assert monotonic() < give_up
        sleep(0.02)


@contextmanager
def running(*streams: Stream) -> Iterator[None]:
    for stream in streams:
        stream.start()
    try:
        yield
    finally:
        for stream in streams:
            stream.stop()
