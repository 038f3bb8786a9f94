"""Explicit tunnels in the store: what is loaded to check them, whom they concern, what they hold.

The rules themselves are proven in ``tests/unit/test_validation*``; here it shows that they are
given all that they have to look at.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from controller.domain.errors import ConflictError, DomainError, InvalidError
from controller.domain.intent import HostSpec, Kind, Manifest, PortType, TunnelSpec
from controller.domain.settings import PatchSpec, PortSettings
from controller.domain.status import Phase, Status
from controller.services import changes, desired, queries
from controller.services.realization import realization
from controller.services.status import ReportedFailure
from controller.store.engine import Database
from tests.support.manifests import (
    ADMIN,
    apply,
    bridge,
    host,
    port,
    remove,
    segment,
    tunnel,
)
from tests.support.stored_fleet import ReportingFleet

pytestmark = pytest.mark.integration


class Fleet(ReportingFleet):
    """Three hosts, each with a bridge ``b1`` to ``b3`` and an agent that reports."""

    def __init__(self, db: Database) -> None:
        names = (1, 2, 3)
        super().__init__(db, *(host(n) for n in names), *(bridge(f"b{n}", f"h{n}") for n in names))

    def uid_of(self, manifest: Manifest) -> UUID:
        return self.get(manifest).object.uid

    def status(self, manifest: Manifest) -> Status:
        return self.get(manifest).status

    def get(self, manifest: Manifest) -> queries.View:
        ref = manifest.ref
        return queries.get(self.db, ADMIN, ref.kind, ref.project, ref.name)

    def key(self, manifest: Manifest) -> int | None:
        spec = self.get(manifest).object.spec
        assert isinstance(spec, TunnelSpec)
        return spec.key


@pytest.fixture
def fleet(db: Database) -> Fleet:
    return Fleet(db)


def codes(error: DomainError) -> list[tuple[str, str]]:
    return [(violation.pointer, violation.code) for violation in error.violations]


def changed(manifest: Manifest, **fields: Any) -> Manifest:
    return replace(manifest, spec=replace(manifest.spec, **fields))


T12 = tunnel("t12", "h1/b1", "h2/b2")
T23 = tunnel("t23", "h2/b2", "h3/b3")


def test_both_hosts_of_a_tunnel_learn_of_each_change_and_nobody_else_does(fleet: Fleet) -> None:
    assert fleet.dirty_after(T12) == {"h1", "h2"}
    assert fleet.dirty_after(changed(T12, ttl=9)) == {"h1", "h2"}
    assert fleet.dirty_after(host(2, vteps=("192.0.2.22",))) == {"h1", "h2"}
    assert fleet.dirty_after(host(2, vteps=("192.0.2.22",), underlay_mtu=1600)) == {"h2"}
    assert fleet.dirty_after(changed(T12, ttl=9)) == set()
    assert fleet.dirty_after(gone=(T12,)) == {"h1", "h2"}
    log = changes.since(fleet.db, 1)
    assert [(e.name, e.action) for e in log] == [
        ("t12", "created"),
        ("t12", "updated"),
        ("h2", "updated"),
        ("h2", "updated"),
        ("t12", "deleted"),
    ]


def test_both_hosts_are_given_a_tunnel_with_the_hosts_of_its_ends(fleet: Fleet) -> None:
    apply(fleet.db, T12, tunnel("out", "h1/b1", "203.0.113.9"))
    uids = [fleet.uid[name] for name in ("h1", "h2", "h3")]
    found = desired.load_host_intents(fleet.db, uids, confirmed={})
    told = {
        intent.host.name: {
            t.tunnel.name: {
                end.name: end.spec.vteps for end in t.hosts if isinstance(end.spec, HostSpec)
            }
            for t in intent.tunnels
        }
        for intent in found.values()
    }
    ends = {"h1": ("192.0.2.1",), "h2": ("192.0.2.2",)}
    assert told == {
        "h1": {"t12": ends, "out": {"h1": ("192.0.2.1",)}},
        "h2": {"t12": ends},
        "h3": {},
    }


def test_a_deleted_tunnel_is_named_to_both_hosts_until_each_confirmed(fleet: Fleet) -> None:
    apply(fleet.db, T12)
    fleet.confirm("h1", "h2")
    confirmed, uid = changes.head(fleet.db), fleet.uid_of(T12)
    apply(fleet.db, changed(T12, ttl=9))
    remove(fleet.db, T12)
    for name, expected in (("h1", {uid}), ("h2", {uid}), ("h3", set())):
        intent = desired.load_host_intent(fleet.db, fleet.uid[name], confirmed=confirmed)
        assert intent.departed.tunnels == expected
    fleet.confirm("h1")
    intent = desired.load_host_intent(fleet.db, fleet.uid["h1"], confirmed=changes.head(fleet.db))
    assert intent.departed.tunnels == set()


def test_a_circle_is_found_through_tunnels_that_the_request_does_not_name(fleet: Fleet) -> None:
    apply(fleet.db, T12, T23)
    head = changes.head(fleet.db)
    with pytest.raises(DomainError) as caught:
        apply(fleet.db, tunnel("t31", "h3/b3", "h1/b1"))
    assert [code for _, code in codes(caught.value)] == ["flooding_loop"]
    detail = caught.value.violations[0].detail
    assert all(name in detail for name in ("t12", "t23", "t31", "b1", "b2", "b3"))
    assert changes.head(fleet.db) == head


def test_a_circle_is_found_through_an_outside_vtep(fleet: Fleet) -> None:
    outside = "203.0.113.9"
    apply(fleet.db, T12, tunnel("o1", "h1/b1", outside, key=500))
    apply(fleet.db, tunnel("o3", "h3/b3", outside, key=501), tunnel("o2", "h2/b2", outside, key=7))
    with pytest.raises(DomainError) as caught:
        apply(fleet.db, tunnel("o2b", "h2/b2", outside, key=500))
    assert [code for _, code in codes(caught.value)] == ["flooding_loop"]


def test_what_two_lagging_hosts_may_still_carry_is_a_part_of_circles(fleet: Fleet) -> None:
    apply(fleet.db, host(4), bridge("b4", "h4"))
    closing = tunnel("t41", "h4/b4", "h1/b1")
    apply(fleet.db, T12, T23, tunnel("t34", "h3/b3", "h4/b4"))
    fleet.confirm("h1", "h2", "h3")
    remove(fleet.db, T23)
    with pytest.raises(ConflictError) as caught:
        apply(fleet.db, closing)
    (violation,) = caught.value.violations
    assert violation.code == "flooding_loop_pending"
    assert "h2, h3" in violation.fix
    fleet.confirm("h1", "h2")
    apply(fleet.db, closing)


@pytest.mark.parametrize("moved", [None, 20], ids=["deleted", "retagged"])
def test_a_patch_that_a_lagging_host_may_still_carry_is_a_part_of_circles(
    fleet: Fleet, moved: int | None
) -> None:
    apply(fleet.db, bridge("x1", "h1", interface="br-x"))
    joint, closing = patch("joint", "b1", "x1", 10), tunnel("t23", "h2/b2", "h3/b3")
    apply(fleet.db, joint, T12, tunnel("t13", "h1/x1", "h3/b3"))
    fleet.confirm("h1", "h2", "h3")
    if moved is None:
        remove(fleet.db, joint)
    else:
        apply(fleet.db, patch("joint", "b1", "x1", moved))
    with pytest.raises(ConflictError) as caught:
        apply(fleet.db, changed_tags(closing, 10))
    assert [code for _, code in codes(caught.value)] == ["flooding_loop_pending"]
    fleet.confirm("h1")
    apply(fleet.db, changed_tags(closing, 10))


def changed_tags(manifest: Manifest, tag: int) -> Manifest:
    assert isinstance(manifest.spec, TunnelSpec)
    first, second = (replace(end, tag=tag) for end in manifest.spec.ends)
    return changed(manifest, ends=(first, second))


def patch(name: str, near: str, far: str, vlan: int) -> Manifest:
    settings = PortSettings(trunks=(vlan,), patch=PatchSpec(far, f"{name}-far"))
    return port(name, "h1", bridge=near, type=PortType.PATCH, settings=settings)


def test_an_address_of_a_host_is_not_one_outside(fleet: Fleet) -> None:
    with pytest.raises(ConflictError) as caught:
        apply(fleet.db, tunnel("out", "h1/b1", "192.0.2.3"))
    assert codes(caught.value) == [("/spec/ends/1/ip", "vtep_of_host")]
    apply(fleet.db, tunnel("out", "h1/b1", "203.0.113.9"))
    with pytest.raises(ConflictError) as caught:
        apply(fleet.db, host(3, vteps=("203.0.113.9",)))
    assert codes(caught.value) == [("/spec/vteps/0", "vtep_of_host")]


def test_keys_and_vnis_are_one_space_of_numbers(fleet: Fleet) -> None:
    apply(fleet.db, T12, segment("red"))
    assert fleet.key(T12) == 10_000
    assert queries.get(fleet.db, ADMIN, Kind.SEGMENT, "default", "red").object.spec.vni == 10_001  # type: ignore[union-attr]
    with pytest.raises(ConflictError, match="t12"):
        apply(fleet.db, segment("blue", vni=10_000))
    with pytest.raises(ConflictError, match="red"):
        apply(fleet.db, changed(T23, key=10_001))
    apply(fleet.db, changed(T23, key=10_000))
    assert fleet.key(T23) == 10_000


def test_a_key_is_free_for_a_segment_only_when_both_hosts_confirmed(fleet: Fleet) -> None:
    apply(fleet.db, T12)
    fleet.confirm("h1", "h2")
    uid = fleet.uid_of(T12)
    remove(fleet.db, T12)
    fleet.confirm("h1")
    with pytest.raises(ConflictError):
        apply(fleet.db, segment("red", vni=10_000))
    stuck = ReportedFailure(f"tunnel:{uid}", "datapath", "PortStays", "it cannot go")
    fleet.confirm("h2", failure=stuck)
    with pytest.raises(ConflictError):
        apply(fleet.db, segment("red", vni=10_000))
    apply(fleet.db, segment("other"))
    assert queries.get(fleet.db, ADMIN, Kind.SEGMENT, "default", "other").object.spec.vni == 10_001  # type: ignore[union-attr]
    fleet.confirm("h2")
    apply(fleet.db, segment("red", vni=10_000))


def test_a_tunnel_is_as_its_worst_end_is(fleet: Fleet) -> None:
    apply(fleet.db, T12)
    assert fleet.status(T12).phase is Phase.PENDING
    fleet.confirm("h1")
    assert fleet.status(T12).phase is Phase.PENDING
    assert "host 'h2'" in fleet.status(T12).conditions[0].message
    fleet.confirm("h2")
    assert fleet.status(T12).phase is Phase.READY
    resource = f"tunnel:{fleet.uid_of(T12)}"
    fleet.confirm("h2", failure=ReportedFailure(resource, "datapath", "NoRoute", "no way"))
    found = fleet.status(T12)
    assert (found.phase, found.conditions[0].reason) == (Phase.FAILED, "NoRoute")
    assert found.conditions[0].message == "on host 'h2': no way"
    assert queries.summary(fleet.db, ADMIN, Kind)[Kind.TUNNEL][Phase.FAILED] == 1
    (failure,) = queries.failures(fleet.db, ADMIN, "h2")
    assert failure.object == T12.ref


def test_a_deleted_tunnel_that_a_host_still_carries_is_not_realized(fleet: Fleet) -> None:
    apply(fleet.db, T12)
    fleet.confirm("h1", "h2", "h3")
    resource = f"tunnel:{fleet.uid_of(T12)}"
    deleted = remove(fleet.db, T12).revision
    found = realization(fleet.db, ADMIN, deleted)
    assert (found.total, found.applied) == (2, 0)
    fleet.confirm("h1")
    fleet.confirm("h2", failure=ReportedFailure(resource, "datapath", "PortStays", "stays"))
    found = realization(fleet.db, ADMIN, deleted)
    assert [pending.host for pending in found.pending] == ["h2"]


def test_what_a_tunnel_stands_on_cannot_be_deleted_or_outgrown(fleet: Fleet) -> None:
    apply(fleet.db, T12)
    for gone in (bridge("b2", "h2"), host(2)):
        with pytest.raises(ConflictError, match="t12"):
            remove(fleet.db, gone)
    with pytest.raises(InvalidError) as caught:
        apply(fleet.db, port("p2", "h2", bridge="b2", mtu=1500))
    assert [code for _, code in codes(caught.value)] == ["mtu_exceeds_underlay"]
    apply(fleet.db, port("p1", "h1", bridge="b1", mtu=1440))
    with pytest.raises(InvalidError) as caught:
        apply(fleet.db, host(2, underlay_mtu=1400))
    assert [code for _, code in codes(caught.value)] == ["mtu_exceeds_underlay"]


def test_lists_are_narrowed_to_what_is_on_a_host(fleet: Fleet) -> None:
    apply(fleet.db, T12, T23, segment("red"), port("p3", "h3", segment="red"))

    def names(kind: Kind, on: str) -> list[str]:
        page = queries.list_views(fleet.db, ADMIN, kind, None, page_size=10, host=on)
        return [view.object.name for view in page.items]

    assert names(Kind.TUNNEL, "h1") == ["t12"]
    assert names(Kind.TUNNEL, "h2") == ["t12", "t23"]
    assert names(Kind.BRIDGE, str(fleet.uid["h3"])) == ["b3"]
    assert names(Kind.PORT, "h3") == ["p3"]
    assert names(Kind.PORT, "nowhere") == []
