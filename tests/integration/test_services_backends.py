"""Segments carried by the kernel: who is told of which MAC address, and what is decided once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text

from controller.domain.errors import DomainError
from controller.domain.host_intent import SegmentIntent
from controller.domain.intent import (
    KERNEL_VXLAN_PORT,
    VXLAN_PORT,
    Backend,
    BridgeType,
    Kind,
    Manifest,
    PortSpec,
    PortType,
    SegmentSpec,
    VethPeerSpec,
)
from controller.domain.topology import Topology
from controller.services import changes, desired, effective, queries, status
from controller.services.effective_hosts import host_tunnels
from controller.services.realization import realization
from controller.services.status import SessionStart
from controller.store.elsewhere import load_elsewhere
from controller.store.engine import Database
from controller.store.meshes import mesh_tunnels
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment, tunnel
from tests.support.stored_fleet import StoredFleet

pytestmark = pytest.mark.integration

ALL_VLANS_TAKEN = text(
    "INSERT INTO host_segment (host_uid, segment_uid, bridge, local_vlan)"
    " SELECT :host, gen_random_uuid(), 'br-fleet', vlan FROM generate_series(1, 4094) vlan"
    " ON CONFLICT DO NOTHING"
)


class Fleet(StoredFleet):
    """Hosts h1 and h2 with Open vSwitch, h3 and h4 without. ``mixed`` is on h1, h2 and h3; the
    others are on h1 and h2."""

    def __init__(self, db: Database) -> None:
        super().__init__(
            db,
            host(1),
            host(2),
            host(3, overlay_bridge_type=BridgeType.LINUX),
            host(4, overlay_bridge_type=BridgeType.LINUX),
            segment("mixed"),
            segment("kernel", backend=Backend.KERNEL),
            segment("ovs"),
            port("m1", "h1", segment="mixed"),
            port("m2", "h2", segment="mixed"),
            veth("m3", "h3", "mixed"),
            *(port(f"{s[0]}{n}", f"h{n}", segment=s) for s in ("kernel", "ovs") for n in (1, 2)),
        )

    def segment(self, name: str, seen_from: str) -> SegmentIntent:
        intent = desired.load_host_intent(self.db, self.uid[seen_from])
        return next(s for s in intent.segments if s.segment.name == name)

    def mac(self, name: str) -> str:
        spec = spec_of(self.db, Kind.PORT, name)
        assert isinstance(spec, PortSpec)
        assert spec.mac is not None
        return spec.mac


@pytest.fixture
def fleet(db: Database) -> Fleet:
    return Fleet(db)


def veth(name: str, on: str, segment: str, **spec: Any) -> Manifest:
    peer = VethPeerSpec(f"ns-{name}", "eth0")
    return port(name, on, segment=segment, type=PortType.VETH, peer=peer, **spec)


def spec_of(db: Database, kind: Kind, name: str) -> object:
    return queries.get(db, ADMIN, kind, "default", name).object.spec


def test_a_port_concerns_its_host_and_the_segment_s_kernel_members_alone(fleet: Fleet) -> None:
    on_ovs, on_kernel = port("o1b", "h1", segment="ovs"), port("k1b", "h1", segment="kernel")
    on_mixed = port("m1b", "h1", segment="mixed")
    assert fleet.dirty_after(on_ovs) == {"h1"}
    assert fleet.dirty_after(on_kernel) == {"h1", "h2"}
    assert fleet.dirty_after(on_mixed) == {"h1", "h3"}
    mac = {"mac": "02:00:00:00:00:01"}
    assert fleet.dirty_after(port("m1b", "h1", segment="mixed", **mac)) == {"h1", "h3"}
    assert fleet.dirty_after(port("m1b", "h1", segment="mixed", mtu=1300, **mac)) == {"h1"}
    assert fleet.dirty_after(gone=(on_mixed,)) == {"h1", "h3"}
    assert fleet.dirty_after(gone=(on_kernel,)) == {"h1", "h2"}
    assert fleet.dirty_after(gone=(on_ovs,)) == {"h1"}


def test_a_port_on_a_new_host_concerns_every_member(fleet: Fleet) -> None:
    assert fleet.dirty_after(veth("m4", "h4", "mixed")) == {"h1", "h2", "h3", "h4"}


def test_who_waits_for_a_port_waits_for_its_host_and_for_a_mesh_that_grows(fleet: Fleet) -> None:
    """Not for kernel members that learn its MAC address: till then they flood, which works."""
    revisions = [
        apply(fleet.db, each).revision
        for each in (
            port("m1b", "h1", segment="mixed"),
            port("k1b", "h1", segment="kernel"),
            veth("m4", "h4", "mixed"),
        )
    ]
    assert [realization(fleet.db, ADMIN, each).total for each in revisions] == [1, 1, 4]


def test_following_entries_are_not_shown_as_changes(fleet: Fleet) -> None:
    revision = apply(fleet.db, port("k1b", "h1", segment="kernel")).revision
    assert [(e.name, e.action) for e in changes.since(fleet.db, revision - 1)] == [
        ("k1b", "created")
    ]


def test_every_mac_is_told_where_a_kernel_must_know_it(fleet: Fleet) -> None:
    apply(fleet.db, port("m1b", "h1", segment="mixed"))
    told = {
        "h1": tuple(sorted([fleet.mac("m1"), fleet.mac("m1b")])),
        "h2": (fleet.mac("m2"),),
        "h3": (fleet.mac("m3"),),
    }
    for seen_from in ("h1", "h3"):
        macs = fleet.segment("mixed", seen_from).macs
        assert {name: macs[fleet.uid[name]] for name in told} == told
    assert fleet.segment("kernel", "h1").macs.keys() == {fleet.uid["h1"], fleet.uid["h2"]}
    assert fleet.segment("ovs", "h1").macs == {}


def test_a_backend_is_decided_once_and_kept(fleet: Fleet) -> None:
    on_linux = (segment("deep"), veth("d3", "h3", "deep"), veth("d4", "h4", "deep"))
    apply(fleet.db, *on_linux)
    deep = spec_of(fleet.db, Kind.SEGMENT, "deep")
    assert isinstance(deep, SegmentSpec)
    assert (deep.backend, deep.dst_port) == (Backend.KERNEL, KERNEL_VXLAN_PORT)
    ovs = spec_of(fleet.db, Kind.SEGMENT, "ovs")
    assert isinstance(ovs, SegmentSpec)
    assert (ovs.backend, ovs.dst_port) == (Backend.OVS, VXLAN_PORT)
    head = changes.head(fleet.db)
    assert apply(fleet.db, *on_linux, segment("ovs")).revision == head
    apply(fleet.db, segment("deep", mtu=1300))
    assert spec_of(fleet.db, Kind.SEGMENT, "deep") == replace(deep, mtu=1300)


def test_whether_a_segment_reaches_open_vswitch_elsewhere_is_summed_up(fleet: Fleet) -> None:
    uids = [fleet.uid[name] for name in ("mixed", "ovs")]
    with fleet.db.snapshot() as tx:
        found = load_elsewhere(tx, uids, [fleet.uid["h1"]], [], [])
        beyond = load_elsewhere(tx, uids, [fleet.uid["h1"], fleet.uid["h2"]], [], [])
    assert [(found[uid].hosts, found[uid].has_ovs) for uid in uids] == [(2, True), (1, True)]
    assert {uid: (e.hosts, e.has_ovs) for uid, e in beyond.items()} == {uids[0]: (1, False)}


def test_backends_never_share_a_udp_port_on_a_host(fleet: Fleet) -> None:
    head = changes.head(fleet.db)
    clash = segment("clash", backend=Backend.KERNEL, dst_port=VXLAN_PORT)
    with pytest.raises(DomainError) as caught:
        apply(fleet.db, clash, port("c1", "h1", segment="clash"))
    assert {v.code for v in caught.value.violations} == {"backend_port_clash"}
    apply(fleet.db, bridge("b1", "h1"))
    with pytest.raises(DomainError) as caught:
        apply(fleet.db, tunnel("out", "h1/b1", "203.0.113.9", dst_port=KERNEL_VXLAN_PORT))
    assert {v.code for v in caught.value.violations} == {"backend_port_clash"}
    assert changes.head(fleet.db) == head + 1


def test_a_host_without_open_vswitch_needs_no_local_vlans(fleet: Fleet) -> None:
    with fleet.db.transaction() as tx:
        tx.execute(ALL_VLANS_TAKEN, {"host": fleet.uid["h3"]})
    apply(fleet.db, veth("k3", "h3", "kernel"))
    assert fleet.segment("kernel", "h3").members
    assert desired.load_host_intent(fleet.db, fleet.uid["h3"]).local_vlans == {}


def test_a_host_that_is_given_open_vswitch_is_given_local_vlans_too(fleet: Fleet) -> None:
    start = SessionStart("n", "1")
    status.open_session(fleet.db, fleet.uid["h4"], start, now=datetime(2026, 1, 1, tzinfo=UTC))
    apply(fleet.db, veth("m4", "h4", "mixed"))
    remove(fleet.db, veth("m4", "h4", "mixed"))
    # Not confirmed, so that the host is still listed as it was.
    apply(fleet.db, host(4))
    apply(fleet.db, port("m4b", "h4", segment="mixed"))
    assert [*desired.load_host_intent(fleet.db, fleet.uid["h4"]).local_vlans.values()] == [1]


def test_a_mac_is_made_once_and_stays(fleet: Fleet) -> None:
    mac = fleet.mac("m1")
    assert mac.startswith("0a:")
    head = changes.head(fleet.db)
    assert apply(fleet.db, port("m1", "h1", segment="mixed")).revision == head
    apply(fleet.db, port("m1", "h1", segment="mixed", mtu=1300))
    assert fleet.mac("m1") == mac


def test_the_tunnels_of_a_host_are_what_it_is_compiled_to(fleet: Fleet) -> None:
    apply(fleet.db, bridge("b1", "h1"), tunnel("out", "h1/b1", "203.0.113.9", dst_port=4790))
    found = host_tunnels(fleet.db, ADMIN, "h1", page_size=50).tunnels
    assert [(t.kind, t.backend, t.name, t.remote_host, t.bridge, t.dst_port) for t in found] == [
        ("mesh", "kernel", "kernel", "h2", "br-fleet", 8472),
        ("mesh", "ovs", "mixed", "h2", "br-fleet", 4789),
        ("mesh", "ovs", "mixed", "h3", "br-fleet", 4789),
        ("mesh", "ovs", "ovs", "h2", "br-fleet", 4789),
        ("explicit", "ovs", "out", None, "b1", 4790),
    ]
    assert {(t.local_ip, t.host) for t in found} == {("192.0.2.1", "h1")}
    assert found[-1].remote_ip == "203.0.113.9"


def test_tunnels_are_listed_by_the_names_of_their_ends(fleet: Fleet) -> None:
    apply(fleet.db, veth("m4", "h4", "mixed"))
    pairs: list[tuple[str, str | None]] = []
    sizes: list[int] = []
    after = ""
    while after or not sizes:
        page = effective.segment_tunnels(
            fleet.db, ADMIN, "default", "mixed", page_size=5, after=after
        )
        pairs += [(t.host, t.remote_host) for t in page.tunnels]
        after = page.next_after
        sizes.append(len(page.tunnels))
    members = ("h1", "h2", "h3", "h4")
    assert pairs == [*permutations(members, 2)]
    assert sizes == [5, 5, 2]


def test_the_tunnels_of_a_host_are_counted_as_the_topologies_of_its_segments_say(
    fleet: Fleet,
) -> None:
    """``ovs`` is a full mesh of two; ``star`` has the hub h1, ``line`` two links to h2."""
    star: dict[str, Any] = {"topology": Topology.HUB_SPOKE, "hubs": ("h1",), "backend": Backend.OVS}
    line: dict[str, Any] = {"topology": Topology.EXPLICIT, "links": (("h1", "h2"), ("h2", "h5"))}
    outside = ("198.51.100.1", "198.51.100.2")
    apply(fleet.db, segment("star", **star), segment("line", **line), host(5), host(6))
    apply(fleet.db, segment("leaf", backend=Backend.OVS, external_vteps=outside))
    everywhere = [(s, n) for s in ("star", "line", "leaf") for n in (1, 2, 5)]
    apply(fleet.db, *(port(f"{s}-{n}", f"h{n}", segment=s) for s, n in everywhere))
    uids = {
        queries.get(fleet.db, ADMIN, Kind.HOST, "default", name).object.uid: name
        for name in ("h1", "h2", "h5", "h6")
    }
    with fleet.db.snapshot() as tx:
        found = mesh_tunnels(tx, uids)
    # Of ``mixed``, which has the members h1, h2 and h3, each has two.
    assert {uids[uid]: count for uid, count in found.items()} == {
        "h1": 1 + 2 + 2 + 1 + 4,
        "h2": 1 + 2 + 1 + 2 + 4,
        "h5": 1 + 1 + 4,
    }
