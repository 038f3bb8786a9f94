"""What is new to a resource, and what is not; and how long events of drift are kept."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from agent.controlplane import codec
from agent.drift_events import BATCH, MOST_EVENTS, DriftAction, DriftQueue
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import HostState, Port, PortType, SegmentAttachment, desired_ids
from agent.monitoring import Mirror
from agent.planner.digests import Digests, digest
from tests.support.agent_loop import state

TUNNEL = "tunnel:s1/h2"


def meshed(*others: SegmentMember, vni: int = 5000) -> HostState:
    members = (SegmentMember("h1", "one", "192.0.2.1"), *others)
    fragment = SegmentFragment(b"f1", "s1", vni, 4789, 1450, members)
    attachment = SegmentAttachment("s1", 2, b"f1")
    return state(attachments=(attachment,), fragments={b"f1": fragment})


H2 = SegmentMember("h2", "two", "192.0.2.2")
H3 = SegmentMember("h3", "three", "192.0.2.3")


def test_another_member_is_no_news_to_a_tunnel_and_its_own_end_is() -> None:
    alone = digest(meshed(H2), TUNNEL)
    assert alone is not None
    assert digest(meshed(H2, H3), TUNNEL) == alone
    assert digest(meshed(dataclasses.replace(H2, vtep="192.0.2.9")), TUNNEL) != alone
    assert digest(meshed(H2, vni=5001), TUNNEL) != alone


def test_a_tunnel_that_is_not_wanted_has_no_digest_wherever_it_leads() -> None:
    outside = "198.51.100.77"
    before = meshed(H2)
    (fragment,) = before.fragments.values()
    wider = dataclasses.replace(fragment, external_vteps=(outside,))
    after = dataclasses.replace(before, fragments={b"f1": wider})
    assert digest(before, f"tunnel:s1/{outside}") is None
    assert digest(after, f"tunnel:s1/{outside}") is not None
    assert digest(after, TUNNEL) == digest(before, TUNNEL)
    assert digest(after, "tunnel:s1/h3") is None


def test_another_member_is_no_news_to_a_segment_and_its_own_end_is() -> None:
    before = meshed(H2)
    known = digest(before, "segment:s1")
    assert digest(meshed(H2, H3), "segment:s1") == known
    assert digest(meshed(H2, vni=5001), "segment:s1") != known
    other = dataclasses.replace(before, attachments=(SegmentAttachment("s1", 3, b"f1"),))
    assert digest(other, "segment:s1") != known


def test_another_port_is_no_news_to_a_port_and_a_mirror_hears_of_those_it_copies() -> None:
    mirror = Mirror("mirror:m", "m", "br-fleet", select_src_ports=frozenset({"a"}), output_vlan=9)
    before = state(mirrors=(mirror,))
    a, b = before.ports
    other = dataclasses.replace(before, ports=(a, dataclasses.replace(b, tag=7)))
    assert digest(other, "port:a") == digest(before, "port:a")
    assert digest(other, "mirror:m") == digest(before, "mirror:m")
    moved = dataclasses.replace(before, ports=(dataclasses.replace(a, tag=7), b))
    assert digest(moved, "mirror:m") != digest(before, "mirror:m")
    assert digest(before, "port:gone") is None


def test_a_digest_is_the_same_after_the_disk() -> None:
    before = dataclasses.replace(
        meshed(H2),
        ports=(Port("port:a", "a", PortType.INTERNAL, "br-fleet", trunks=frozenset(range(9))),),
    )
    after = codec.load_host_state(codec.dump_host_state(before))
    one, other = Digests(before), Digests(after)
    assert {r: one.of(r) for r in desired_ids(before)} == {
        r: other.of(r) for r in desired_ids(after)
    }


def test_the_oldest_events_go_when_there_are_too_many_and_are_counted() -> None:
    queue = DriftQueue()
    for _ in range(MOST_EVENTS + 5):
        queue.put(datetime.now(UTC), "port:a", DriftAction.ENFORCED, (), "")
    assert queue.dropped == 5
    assert [event.sequence for event in queue.take()] == list(range(6, 6 + BATCH))
    queue.received(MOST_EVENTS + 3)
    queue.rewind()
    assert [event.sequence for event in queue.take()] == [MOST_EVENTS + 4, MOST_EVENTS + 5]
    assert queue.take() == ()
