"""What segments say of their meshes: stored, sent to whom it concerns, and taken away again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from controller.compiler import CompiledHost, compile_host
from controller.domain.definitions import TunnelProfileSpec
from controller.domain.errors import DomainError
from controller.domain.host_intent import SegmentIntent
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Backend,
    DatapathType,
    Kind,
    Manifest,
    PortType,
    Ref,
)
from controller.domain.settings import PatchSpec, PortSettings
from controller.domain.status import Phase
from controller.domain.topology import ArpMode, Topology
from controller.services import changes, desired, effective, queries
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment, tunnel
from tests.support.stored_fleet import StoredFleet

pytestmark = pytest.mark.integration


class Fleet(StoredFleet):
    """Hosts h1 to h3, each with a port on ``star``, whose hub is h1, and on ``quiet``, where the
    kernel answers for addresses."""

    def __init__(self, db: Database) -> None:
        super().__init__(
            db,
            *(host(number) for number in (1, 2, 3, 4)),
            profile(ttl=7),
            segment("star", tunnel_profile="wan", topology=Topology.HUB_SPOKE, hubs=("h1",)),
            segment("quiet", arp_mode=ArpMode.STRICT, backend=Backend.KERNEL),
            *(port(f"s{n}", f"h{n}", segment="star") for n in (1, 2, 3)),
            *(
                port(f"q{n}", f"h{n}", segment="quiet", addresses=(f"10.0.0.{n}/24",))
                for n in (1, 2)
            ),
        )

    def segment(self, name: str, seen_from: str) -> SegmentIntent:
        intent = desired.load_host_intent(self.db, self.uid[seen_from])
        return next(s for s in intent.segments if s.segment.name == name)

    def compiled(self, name: str, *, confirmed: int) -> CompiledHost:
        intent = desired.load_host_intent(self.db, self.uid[name], confirmed=confirmed)
        return compile_host(intent)

    def tunnels(self, name: str) -> set[tuple[str, str | None]]:
        found = effective.segment_tunnels(self.db, ADMIN, DEFAULT_PROJECT, name, page_size=50)
        return {(each.host, each.remote_host or each.remote_ip) for each in found.tunnels}


def profile(name: str = "wan", **fields: Any) -> Manifest:
    return Manifest(Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, name), TunnelProfileSpec(**fields))


def star(*hubs: str, **fields: Any) -> Manifest:
    return segment("star", tunnel_profile="wan", topology=Topology.HUB_SPOKE, hubs=hubs, **fields)


@pytest.fixture
def fleet(db: Database) -> Fleet:
    return Fleet(db)


def codes(error: DomainError) -> list[str]:
    return [violation.code for violation in error.violations]


def test_a_profile_concerns_the_members_of_its_segments_and_is_where_they_are(
    fleet: Fleet,
) -> None:
    assert fleet.dirty_after(profile(ttl=9)) == {"h1", "h2", "h3"}
    fragment = compile_host(desired.load_host_intent(fleet.db, fleet.uid["h2"])).fragments
    assert {found.options.ttl for found in fragment.values()} == {"9", ""}
    view = queries.get(fleet.db, ADMIN, Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, "wan")
    assert view.status.phase is Phase.PENDING
    assert fleet.dirty_after(profile("unused", ttl=9)) == set()


def test_spokes_have_a_tunnel_to_their_hub_alone(fleet: Fleet) -> None:
    assert fleet.tunnels("star") == {("h1", "h2"), ("h1", "h3"), ("h2", "h1"), ("h3", "h1")}
    apply(fleet.db, segment("wide", external_vteps=("203.0.113.9",)))
    apply(fleet.db, port("w1", "h1", segment="wide"), port("w2", "h2", segment="wide"))
    outside = {("h1", "203.0.113.9"), ("h2", "203.0.113.9")}
    assert fleet.tunnels("wide") == {("h1", "h2"), ("h2", "h1")} | outside


def test_a_tunnel_between_hosts_that_both_stay_is_named_when_it_goes(fleet: Fleet) -> None:
    apply(fleet.db, segment("wide", external_vteps=("203.0.113.9",)))
    apply(fleet.db, *(port(f"w{n}", f"h{n}", segment="wide") for n in (1, 2)))
    confirmed = changes.head(fleet.db)
    apply(fleet.db, segment("wide"))
    wide = queries.get(fleet.db, ADMIN, Kind.SEGMENT, DEFAULT_PROJECT, "wide").object.uid
    removed = fleet.compiled("h1", confirmed=confirmed).removed
    assert removed == (f"tunnel:{wide}/203.0.113.9",)
    before = fleet.compiled("h2", confirmed=confirmed).removed
    apply(fleet.db, segment("wide", topology=Topology.EXPLICIT))
    gone = {*fleet.compiled("h2", confirmed=confirmed).removed} - {*before}
    assert gone == {f"tunnel:{wide}/{fleet.uid['h1']}"}


def test_a_spoke_that_moves_to_a_new_hub_is_told_to_leave_the_old_one(fleet: Fleet) -> None:
    apply(fleet.db, star("h1", "h4"))
    confirmed = changes.head(fleet.db)
    had = fleet.tunnels("star")
    apply(fleet.db, port("s4", "h4", segment="star"))
    uid = fleet.uid["star"]
    for name in ("h1", "h2", "h3"):
        lost = {far for near, far in had - fleet.tunnels("star") if near == name}
        named = {f"tunnel:{uid}/{fleet.uid[str(far)]}" for far in lost}
        removed = {*fleet.compiled(name, confirmed=confirmed).removed}
        kept = {f for near, f in fleet.tunnels("star") if near == name}
        assert named <= removed
        assert not removed & {f"tunnel:{uid}/{fleet.uid[str(far)]}" for far in kept}


def test_who_answers_for_addresses_is_told_of_them(fleet: Fleet) -> None:
    known = fleet.segment("quiet", "h2").neighbours
    assert {ip for pairs in known.values() for ip, _ in pairs} == {"10.0.0.1", "10.0.0.2"}
    moved = port("q1", "h1", segment="quiet", addresses=("10.0.0.9/24",))
    assert fleet.dirty_after(moved) == {"h1", "h2"}
    apply(fleet.db, segment("loud", backend=Backend.KERNEL))
    apply(fleet.db, *(port(f"l{n}", f"h{n}", segment="loud") for n in (1, 2)))
    plain = port("l1", "h1", segment="loud", addresses=("10.0.0.9/24",))
    assert fleet.dirty_after(plain) == {"h1"}


def test_rules_see_what_is_on_hosts_that_a_request_does_not_touch(fleet: Fleet) -> None:
    for change, code in (
        (profile(ttl=7, dst_port=4790), "immutable_in_use"),
        (profile(source_port_min=5000, source_port_max=6000), "unsupported_on_backend"),
        (star("h2"), "flooding_loop_pending"),
        (
            segment("quiet", arp_mode=ArpMode.STRICT, subnets=("10.0.9.0/24",)),
            "address_outside_subnets",
        ),
        (host(9, vteps=("192.0.2.1",)), "vtep_taken"),
    ):
        with pytest.raises(DomainError) as caught:
            apply(fleet.db, change)
        assert code in codes(caught.value)
    with pytest.raises(DomainError) as caught:
        remove(fleet.db, profile())
    assert codes(caught.value) == ["still_in_use"]
    apply(fleet.db, star("h1", "h4"))
    with pytest.raises(DomainError) as caught:
        remove(fleet.db, host(4))
    assert codes(caught.value) == ["still_in_use"]
    apply(fleet.db, segment("wide", external_vteps=("192.0.2.77",)))
    with pytest.raises(DomainError) as caught:
        apply(fleet.db, host(7, vteps=("192.0.2.77",)))
    assert codes(caught.value) == ["vtep_of_host"]


def test_a_segment_and_the_bridges_that_it_leaves_by_close_no_circle(fleet: Fleet) -> None:
    netdev = {"datapath_type": DatapathType.NETDEV}
    apply(fleet.db, bridge("near", "h1", **netdev), bridge("far", "h2", **netdev))
    apply(fleet.db, star("h1", provider_loop_safe=True))
    apply(fleet.db, attachment("out1", "h1", "near"))
    apply(fleet.db, attachment("out2", "h2", "far"))
    with pytest.raises(DomainError) as caught:
        apply(fleet.db, tunnel("t", "h1/near", "h2/far"))
    assert codes(caught.value) == ["flooding_loop"]
    assert "Segment 'star'" in caught.value.violations[0].detail
    with pytest.raises(DomainError) as caught:
        apply(fleet.db, star("h1"))
    assert codes(caught.value) == ["provider_attached"]
    part = fleet.compiled("h1", confirmed=0).part
    out = next(found for found in part.ports if found.interface == "out1")
    local_vlan = next(a for a in part.attachments if UUID(a.segment_uid) == fleet.uid["star"])
    assert (out.bridge, out.tag) == ("br-fleet", local_vlan.local_vlan)
    assert (out.patch.bridge, out.patch.tag, out.mac) == ("near", 100, "")


def attachment(name: str, on: str, at: str) -> Manifest:
    patch = PortSettings(patch=PatchSpec(at, f"{name}-far", 100))
    return port(name, on, segment="star", type=PortType.PATCH, settings=patch)
