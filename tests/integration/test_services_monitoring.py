"""Policies, mirrors and exports in the store: what is loaded, whom they concern, how they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from controller.auth import Principal, Role
from controller.compiler import compile_host
from controller.domain.definitions import MirrorTunnelSpec, MirrorTunnelType, TunnelProfileSpec
from controller.domain.errors import ConflictError, ForbiddenError, NotFoundError
from controller.domain.intent import Kind, Lifecycle, Manifest, PortType, Ref, VethPeerSpec
from controller.domain.realization import State
from controller.domain.status import Phase, Status
from controller.services import changes, desired, mirrors, queries
from controller.services.exports import Question, pages
from controller.services.intent import Change, commit
from controller.services.object_realization import object_realization
from controller.services.status import ReportedFailure
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment
from tests.support.stored_fleet import ReportingFleet
from tests.support.watchers import export, group, mirror, policy

pytestmark = pytest.mark.integration

NAMES = ("h1", "h2", "h3")
TUNNEL = MirrorTunnelSpec(MirrorTunnelType.GRE, "198.51.100.1")


def labelled(manifest: Manifest, **labels: str) -> Manifest:
    return replace(manifest, labels=labels)


def replaced(manifest: Manifest, **fields: Any) -> Manifest:
    spec: Any = manifest.spec
    return replace(manifest, spec=replace(spec, **fields))


def shaped(number: int, **fields: Any) -> Manifest:
    """A veth port on host ``h<number>`` with the policy ``slow``."""
    peer = VethPeerSpec("blue", f"eth{number}")
    given = {"segment": "red", "type": PortType.VETH, "peer": peer, "qos_policy": "slow", **fields}
    return port(f"p{number}", f"h{number}", **given)


class Fleet(ReportingFleet):
    """Hosts h1 and h2 at the edge, h3 in the core, each with a port on the segment ``red``."""

    def __init__(self, db: Database) -> None:
        hosts = [labelled(host(n), role="core" if n == 3 else "edge") for n in (1, 2, 3)]
        ports = [port(f"web{n}", f"h{n}", segment="red") for n in (1, 2, 3)]
        super().__init__(db, *hosts, segment("red"), *ports, bridge("lan", "h1"))

    def removed(self, name: str, confirmed: int) -> tuple[str, ...]:
        uid = self.uid[name]
        intent = desired.load_host_intent(self.db, uid, confirmed=confirmed)
        return compile_host(intent).removed

    def get(self, manifest: Manifest, principal: Principal = ADMIN) -> queries.View:
        ref = manifest.ref
        return queries.get(self.db, principal, ref.kind, ref.project, ref.name)

    def status(self, manifest: Manifest) -> Status:
        return self.get(manifest).status

    def realization(self, manifest: Manifest) -> tuple[State, int]:
        ref = manifest.ref
        found = object_realization(self.db, ADMIN, ref.kind, ref.project, ref.name)
        return found.state, len(found.verdicts)


@pytest.fixture
def fleet(db: Database) -> Fleet:
    return Fleet(db)


def test_a_policy_concerns_the_hosts_that_have_a_port_with_it(fleet: Fleet) -> None:
    slow = policy("slow", max_rate_bps=1_000_000)
    assert fleet.dirty_after(slow) == set()
    assert fleet.status(slow).phase is Phase.READY
    assert fleet.dirty_after(shaped(1), shaped(2)) == {"h1", "h2"}
    assert fleet.dirty_after(policy("slow", max_rate_bps=2_000_000)) == {"h1", "h2"}
    assert fleet.realization(slow) == (State.IN_PROGRESS, 2)
    fleet.confirm("h1")
    assert fleet.status(slow).phase is Phase.PENDING
    fleet.confirm("h2")
    assert fleet.status(slow).phase is Phase.READY
    assert fleet.realization(slow) == (State.REALIZED, 2)
    (told,) = (
        p.qos
        for p in compile_host(desired.load_host_intent(fleet.db, fleet.uid["h1"])).part.ports
        if p.HasField("qos")
    )
    assert dict(told.other_config) == {"max-rate": "2000000"}


def test_a_policy_goes_with_the_last_port_that_has_it_and_not_before(fleet: Fleet) -> None:
    slow, first = policy("slow"), shaped(1)
    spec: dict[str, Any] = {"segment": "red", "type": PortType.TAP, "qos_policy": "slow"}
    others = tuple(port(f"q{i}", "h2", **spec) for i in range(9))
    apply(fleet.db, slow, first, *others)
    with pytest.raises(ConflictError, match="still used by Port"):
        remove(fleet.db, slow, *others)
    assert fleet.dirty_after(gone=(slow, first, *others)) == {"h1", "h2"}


def test_a_mirror_concerns_its_host_and_is_removed_by_name(fleet: Fleet) -> None:
    watching = mirror("m", "h1", select_segments=("red",), output_port="web1")
    confirmed = changes.head(fleet.db)
    assert fleet.dirty_after(watching) == {"h1"}
    uid = fleet.get(watching).object.uid
    assert fleet.dirty_after(mirror("m", "h1", select_segments=("red",), tunnel=TUNNEL)) == {"h1"}
    with pytest.raises(ConflictError, match="Mirror m"):
        remove(fleet.db, segment("red"), *(port(f"web{n}", f"h{n}") for n in (1, 2, 3)))
    fleet.confirm("h1", failure=ReportedFailure(f"mirror:{uid}", "CONFLICT", "Taken", "no"))
    assert fleet.status(watching).phase is Phase.FAILED
    assert fleet.dirty_after(gone=(watching,)) == {"h1"}
    assert f"mirror:{uid}" in fleet.removed("h1", confirmed)
    assert f"mirror:{uid}" not in fleet.removed("h2", confirmed)


def test_a_port_of_another_host_that_is_mirrored_cannot_be_taken_from_it(fleet: Fleet) -> None:
    apply(fleet.db, mirror("m", "h2", select_src_ports=("web2",), tunnel=TUNNEL))
    with pytest.raises(ConflictError, match="Mirror m"):
        remove(fleet.db, port("web2", "h2"))


def test_an_export_concerns_the_hosts_whose_labels_its_group_matches(fleet: Fleet) -> None:
    edge = group("edge", "role=edge")
    flows = export("s", host_group="edge")
    assert fleet.dirty_after(edge) == set()
    assert fleet.dirty_after(flows) == {"h1", "h2"}
    fleet.confirm("h1", "h2")
    assert fleet.realization(flows) == (State.REALIZED, 2)
    assert fleet.dirty_after(group("edge", "role in (edge,core)")) == {"h3"}
    assert fleet.realization(flows) == (State.IN_PROGRESS, 3)
    fleet.confirm(*NAMES)
    assert fleet.status(flows).phase is Phase.READY
    assert fleet.dirty_after(export("s", host_group="edge", sampling=64)) == {"h1", "h2", "h3"}
    head = changes.head(fleet.db)
    assert fleet.dirty_after(group("edge", "role=edge")) == {"h3"}
    uid: UUID = fleet.get(flows).object.uid
    assert f"flow-export:{uid}" in fleet.removed("h3", head)
    assert fleet.dirty_after(gone=(flows,)) == {"h1", "h2"}
    assert f"flow-export:{uid}" in fleet.removed("h1", head)


def test_an_export_that_no_host_is_chosen_for_is_told(fleet: Fleet) -> None:
    some = apply(fleet.db, group("edge", "role=edge"), export("s", host_group="edge"))
    nobody = apply(fleet.db, group("edge", "role=none"))
    assert [[w.code for w in each.warnings] for each in (some, nobody)] == [[], ["exports_nothing"]]


def test_exports_that_a_later_one_would_meet_are_found(fleet: Fleet) -> None:
    apply(fleet.db, group("edge", "role=edge"), export("s", host_group="edge"))
    with pytest.raises(ConflictError, match="FlowExport s"):
        apply(fleet.db, export("all"))
    apply(fleet.db, group("core", "role=core"), export("rest", host_group="core"))
    with pytest.raises(ConflictError, match="keeps this one from meeting"):
        apply(fleet.db, group("core", "role"))


def test_a_mirror_ends_when_its_time_is_over_and_a_second_look_finds_nothing(fleet: Fleet) -> None:
    brief = mirror("brief", "h1", select_all=True, tunnel=TUNNEL, ttl_s=60)
    lasting = mirror("lasting", "h2", select_all=True, tunnel=TUNNEL)
    apply(fleet.db, brief, lasting)
    start = fleet.get(brief).object.updated_at
    assert mirrors.end_due(fleet.db, now=start + timedelta(seconds=59)) == ()
    before = changes.head(fleet.db)
    assert mirrors.end_due(fleet.db, now=start + timedelta(seconds=60)) == ("brief",)
    after = changes.head(fleet.db)
    assert changes.dirty_hosts(fleet.db, before, after) == {fleet.uid["h1"]}
    assert mirrors.end_due(fleet.db, now=start + timedelta(days=1)) == ()
    assert changes.head(fleet.db) == after
    assert fleet.get(lasting).object.name == "lasting"


def test_what_watches_traffic_does_not_exist_for_who_is_limited_to_projects(fleet: Fleet) -> None:
    watching = mirror("m", "h1", select_src_ports=("web1",), tunnel=TUNNEL)
    apply(fleet.db, watching, export("flows"))
    limited = Principal("tenant", frozenset({Role.NETWORK_ADMIN}), frozenset({"default"}))
    auditor = Principal("auditor", frozenset({Role.AUDITOR}))
    for manifest in (watching, export("flows")):
        kind, uid = manifest.ref.kind, str(fleet.get(manifest).object.uid)
        with pytest.raises(NotFoundError):
            fleet.get(manifest, limited)
        with pytest.raises(NotFoundError):
            queries.get(fleet.db, limited, kind, "default", uid)
        with pytest.raises(ForbiddenError):
            commit(fleet.db, limited, Change((manifest,)), request_id="test")
        page = queries.list_views(fleet.db, limited, kind, None, page_size=10)
        assert page.items == ()
        exported = [*pages(fleet.db, limited, Question(kinds=(kind,)), page.revision)]
        assert not any(exported)
        assert fleet.get(manifest, auditor).object.name == manifest.ref.name


def test_an_export_is_on_a_host_once_that_applied_the_label_that_brought_it(fleet: Fleet) -> None:
    flows = export("flows", host_group="edge")
    apply(fleet.db, group("edge", "role=edge"), flows)
    fleet.confirm(*NAMES)
    assert fleet.dirty_after(labelled(host(3), role="edge")) == {"h3"}
    assert fleet.status(flows).phase is Phase.PENDING
    assert fleet.realization(flows) == (State.IN_PROGRESS, 3)
    fleet.confirm("h3")
    assert fleet.realization(flows) == (State.REALIZED, 3)
    apply(fleet.db, replaced(labelled(host(1), role="edge"), underlay_mtu=9000))
    assert fleet.status(flows).phase is Phase.READY


def test_an_export_is_on_a_bridge_once_its_host_applied_the_label(fleet: Fleet) -> None:
    flows = export("flows", overlay=False, bridge_selector="tier=access")
    apply(fleet.db, flows)
    fleet.confirm(*NAMES)
    assert fleet.dirty_after(labelled(bridge("lan", "h1"), tier="access")) == {"h1"}
    assert fleet.status(flows).phase is Phase.PENDING
    fleet.confirm("h1")
    assert fleet.status(flows).phase is Phase.READY


def test_an_export_waits_for_the_bridge_that_a_host_s_first_segment_brings(fleet: Fleet) -> None:
    flows = export("flows")
    apply(fleet.db, flows)
    remove(fleet.db, port("web1", "h1"))
    fleet.confirm(*NAMES)
    assert fleet.status(flows).phase is Phase.READY
    apply(fleet.db, port("web1", "h1", segment="red"))
    assert fleet.status(flows).phase is Phase.PENDING
    fleet.confirm("h1")
    apply(fleet.db, port("another", "h1", segment="red"))
    assert fleet.status(flows).phase is Phase.READY


def test_a_policy_is_on_a_host_once_that_applied_the_port_that_brought_it(fleet: Fleet) -> None:
    slow = policy("slow", max_rate_bps=1_000_000)
    apply(fleet.db, slow, shaped(1))
    fleet.confirm(*NAMES)
    assert fleet.dirty_after(shaped(2)) == {"h2"}
    assert fleet.status(slow).phase is Phase.PENDING
    assert fleet.realization(slow) == (State.IN_PROGRESS, 2)
    fleet.confirm("h2")
    assert fleet.status(slow).phase is Phase.READY


def test_a_profile_is_on_a_host_once_that_applied_the_segment_s_newest_mesh(fleet: Fleet) -> None:
    profile = Manifest(Ref(Kind.TUNNEL_PROFILE, "default", "marked"), TunnelProfileSpec(ttl=9))
    apply(fleet.db, profile, segment("green"), port("g1", "h1", segment="green"))
    fleet.confirm(*NAMES)
    apply(fleet.db, segment("green", tunnel_profile="marked"))
    assert fleet.status(profile).phase is Phase.PENDING
    fleet.confirm("h1")
    assert fleet.status(profile).phase is Phase.READY
    apply(fleet.db, port("g2", "h2", segment="green"))
    fleet.confirm("h2")
    assert fleet.status(profile).phase is Phase.PENDING
    fleet.confirm("h1")
    assert fleet.realization(profile) == (State.REALIZED, 2)


def test_a_mirror_of_which_there_is_nothing_on_its_host_says_so(fleet: Fleet) -> None:
    blue, red = segment("blue"), mirror("r", "h1", select_segments=("red",), tunnel=TUNNEL)
    waiting = mirror("b", "h1", select_segments=("blue",), output_port="web1")
    apply(fleet.db, blue, red, waiting)
    fleet.confirm("h1")
    found = fleet.status(waiting)
    assert (found.phase, found.conditions[0].reason) == (Phase.PENDING, "NothingToMirror")
    assert "put a port" in found.conditions[0].message
    assert fleet.realization(waiting) == (State.IN_PROGRESS, 1)
    assert fleet.status(red).phase is Phase.READY
    host_state = compile_host(desired.load_host_intent(fleet.db, fleet.uid["h1"]))
    assert [each.name for each in host_state.part.mirrors] == ["r"]
    apply(fleet.db, port("b1", "h1", segment="blue"))
    fleet.confirm("h1")
    assert fleet.status(waiting).phase is Phase.READY


def test_a_host_that_is_emptied_does_not_tell_everybody_of_its_mirrors(fleet: Fleet) -> None:
    leaving = replaced(labelled(host(3), role="core"), state=Lifecycle.DECOMMISSIONING)
    apply(fleet.db, mirror("m", "h3", select_all=True, tunnel=TUNNEL))
    apply(fleet.db, leaving)
    fleet.confirm("h3")
    limited = Principal("tenant", frozenset({Role.VIEWER}), frozenset({"default"}))
    assert "1 Port, 1 Mirror;" in fleet.status(leaving).conditions[-1].message
    message = fleet.get(leaving, limited).status.conditions[-1].message
    assert "1 Port, 1 other object;" in message


def test_a_name_that_no_database_holds_is_no_segment_of_a_mirror(fleet: Fleet) -> None:
    with pytest.raises(NotFoundError):
        remove(fleet.db, segment("\ud800"))
