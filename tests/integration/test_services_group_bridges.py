"""Bridges of host groups in the store: whom they concern, and what such a host lets go of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from controller.compiler import compile_host
from controller.domain.errors import ConflictError, InvalidError
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    Kind,
    Lifecycle,
    Manifest,
    PortType,
    Ref,
)
from controller.domain.label_selectors import Selector, parse_selector
from controller.domain.realization import State
from controller.domain.settings import PatchSpec, PortSettings
from controller.domain.status import Phase
from controller.domain.validation import wanted
from controller.services import changes, desired, queries
from controller.services.object_realization import object_realization
from controller.services.realization import realization
from controller.services.status import ReportedFailure
from controller.store import host_groups
from controller.store.engine import Database
from controller.store.world import load_world
from tests.support.api import Api
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, tunnel
from tests.support.stored_fleet import ReportingFleet
from tests.support.watchers import export, group, mirror

EXAMPLE = Path(__file__).parents[2] / "docs/examples/bridges-by-group.yaml"
YAML = {"Content-Type": "application/yaml"}

pytestmark = pytest.mark.integration


def labelled(number: int, role: str, **fields: object) -> Manifest:
    return replace(host(number, **fields), labels={"role": role})


def spread(name: str, of: str = "edge", **fields: object) -> Manifest:
    spec = BridgeSpec(None, name, host_group=of)
    return Manifest(Ref(Kind.BRIDGE, DEFAULT_PROJECT, name), replace(spec, **fields))  # type: ignore[arg-type]


class Fleet(ReportingFleet):
    """Hosts h1 and h2 at the edge with the bridge ``lan``, h3 in the core."""

    def __init__(self, db: Database) -> None:
        hosts = [labelled(n, "core" if n == 3 else "edge") for n in (1, 2, 3)]
        super().__init__(db, *hosts, group("edge", "role=edge"), spread("lan"))

    def bridges(self, name: str, *, revision: int | None = None) -> set[str]:
        intent = desired.load_host_intent(self.db, self.uid[name], revision=revision)
        return {each.name for each in compile_host(intent).part.bridges}

    def removed(self, name: str, confirmed: int) -> tuple[str, ...]:
        uid = self.uid[name]
        return compile_host(desired.load_host_intent(self.db, uid, confirmed=confirmed)).removed

    def uid_of(self, manifest: Manifest) -> UUID:
        ref = manifest.ref
        return queries.get(self.db, ADMIN, ref.kind, ref.project, ref.name).object.uid

    def phase(self, name: str) -> Phase:
        found = queries.get(self.db, ADMIN, Kind.BRIDGE, DEFAULT_PROJECT, name)
        return found.status.phase

    def realization(self, name: str) -> tuple[State, int]:
        found = object_realization(self.db, ADMIN, Kind.BRIDGE, DEFAULT_PROJECT, name)
        return found.state, len(found.verdicts)


@pytest.fixture
def fleet(db: Database) -> Fleet:
    return Fleet(db)


def test_a_bridge_comes_and_goes_with_labels_and_selectors(fleet: Fleet) -> None:
    fleet.confirm("h1", "h2", "h3")
    assert fleet.realization("lan") == (State.REALIZED, 2)
    assert [fleet.bridges(name) for name in ("h1", "h2", "h3")] == [{"lan"}, {"lan"}, set()]
    before = changes.head(fleet.db)
    resource = f"bridge:{fleet.uid_of(spread('lan'))}"
    # By the selector: who stays in the group is not concerned.
    assert fleet.dirty_after(group("edge", "role in (edge,core)")) == {"h3"}
    assert fleet.bridges("h3") == {"lan"}
    assert fleet.realization("lan") == (State.IN_PROGRESS, 3)
    fleet.confirm("h3")
    assert fleet.phase("lan") is Phase.READY
    wide = changes.head(fleet.db)
    # By the labels of a host.
    assert fleet.dirty_after(labelled(3, "lab")) == {"h3"}
    assert fleet.bridges("h3") == set()
    assert resource in fleet.removed("h3", wide)
    assert resource not in fleet.removed("h1", before)
    assert fleet.realization("lan") == (State.REALIZED, 2)
    # As it was, for whoever is held there; and h2 of today, which lost nothing.
    assert fleet.bridges("h3", revision=wide) == {"lan"}
    assert fleet.bridges("h3", revision=before) == set()
    # By the bridge itself.
    assert fleet.dirty_after(spread("wan"), replace(spread("lan"), labels={"a": "b"})) == {
        "h1",
        "h2",
    }
    gone = changes.head(fleet.db)
    assert fleet.dirty_after(gone=(spread("lan"),)) == {"h1", "h2"}
    assert resource in fleet.removed("h1", gone)
    assert resource not in fleet.removed("h3", gone)


def test_a_bridge_of_a_group_is_listed_with_each_of_its_hosts(fleet: Fleet) -> None:
    apply(fleet.db, bridge("own", "h3"))
    found = {
        name: {
            each.object.name
            for each in queries.list_views(
                fleet.db, ADMIN, Kind.BRIDGE, None, page_size=9, host=name
            ).items
        }
        for name in ("h1", "h3")
    }
    assert found == {"h1": {"lan"}, "h3": {"own"}}


def test_what_is_at_a_bridge_is_on_a_host_of_its_group_and_keeps_it_there(fleet: Fleet) -> None:
    with pytest.raises(InvalidError, match="on the hosts of HostGroup 'edge'"):
        apply(fleet.db, port("p", "h3", bridge="lan"))
    far = bridge("own", "h3")
    patch = PortSettings(patch=PatchSpec("other", "b"))
    users = (
        port("p", "h1", bridge="lan", mtu=1400),
        port("a", "h1", type=PortType.PATCH, bridge="lan", settings=patch),
        tunnel("t", "h2/lan", "h3/own"),
        mirror("m", "h2", bridge="lan", select_all=True, output_port="q"),
        port("q", "h2", bridge="lan", mtu=1400),
    )
    apply(fleet.db, far, bridge("other", "h1"), *users)
    with pytest.raises(ConflictError, match="would leave HostGroup 'edge'") as leaving:
        apply(fleet.db, labelled(1, "lab"))
    assert [(v.pointer, v.code) for v in leaving.value.violations] == [
        ("/metadata/labels", "bridge_in_use_leaves_host")
    ]
    with pytest.raises(ConflictError, match="Tunnel t") as narrowed:
        apply(fleet.db, group("edge", "role=lab"))
    assert "'h1', 'h2'" in narrowed.value.violations[0].detail
    with pytest.raises(ConflictError, match="still used by Bridge lan"):
        remove(fleet.db, group("edge", ""))
    with pytest.raises(ConflictError, match="still used by"):
        remove(fleet.db, spread("lan"))
    remove(fleet.db, *users[2:])
    assert fleet.dirty_after(labelled(2, "lab")) == {"h2"}


def test_a_device_name_is_taken_on_every_host_of_a_group(fleet: Fleet) -> None:
    apply(fleet.db, port("eth9", "h2", bridge="lan"), group("all", "role"))
    with pytest.raises(ConflictError, match="on host 'h2'") as taken:
        apply(fleet.db, spread("new", interface="eth9"))
    assert [v.code for v in taken.value.violations] == ["interface_taken"]
    with pytest.raises(ConflictError, match="hosts 'h1', 'h2'"):
        apply(fleet.db, spread("lan2", "all", interface="lan"))
    with pytest.raises(ConflictError, match="unique on the host"):
        apply(fleet.db, bridge("own", "h1", interface="lan"))
    with pytest.raises(ConflictError, match="on host 'h4'"):
        apply(fleet.db, bridge("own", "h4", interface="lan"), labelled(4, "edge"))
    apply(fleet.db, bridge("own", "h3", interface="lan"))
    with pytest.raises(ConflictError, match="on host 'h3'") as widened:
        apply(fleet.db, group("edge", "role in (edge,core)"))
    assert [(v.pointer, v.code) for v in widened.value.violations] == [
        ("/spec/selector", "interface_taken")
    ]


def test_a_name_is_free_again_when_the_host_that_left_has_confirmed_it(fleet: Fleet) -> None:
    fleet.confirm("h1", "h2", "h3")
    apply(fleet.db, labelled(2, "lab"))
    with pytest.raises(ConflictError, match="has not confirmed it"):
        apply(fleet.db, bridge("own", "h2", interface="lan"))
    apply(fleet.db, bridge("free", "h3", interface="lan"))
    fleet.confirm("h2")
    apply(fleet.db, bridge("own", "h2", interface="lan"))


def test_an_export_of_flows_follows_a_bridge_to_the_hosts_of_its_group(fleet: Fleet) -> None:
    flows = export("s", overlay=False, bridge_selector="tier=lan")
    apply(fleet.db, replace(spread("lan"), labels={"tier": "lan"}), flows)
    fleet.confirm("h1", "h2", "h3")
    assert fleet.dirty_after(labelled(3, "edge")) == {"h3"}
    status = queries.get(fleet.db, ADMIN, Kind.FLOW_EXPORT, DEFAULT_PROJECT, "s").status
    assert status.phase is Phase.PENDING
    fleet.confirm("h3")
    status = queries.get(fleet.db, ADMIN, Kind.FLOW_EXPORT, DEFAULT_PROJECT, "s").status
    assert status.phase is Phase.READY


HOSTS = "".join(
    f"kind: Host\nmetadata: {{name: {name}, labels: {{switch: ovs}}}}\n"
    f"spec: {{vteps: [198.51.100.{number}], datapath_type: netdev}}\n---\n"
    for number, name in enumerate(("h1", "h2"), 1)
)


async def test_the_example_is_read_back_as_it_was_written(api: Api) -> None:
    async with api.admin as client:
        for action in ("created", "unchanged"):
            body = HOSTS + EXAMPLE.read_text()
            answer = await client.post("/v1/apply", content=body, headers=YAML)
            assert answer.status_code == 200, answer.text
            assert {each["action"] for each in answer.json()["results"]} == {action}
            assert answer.json()["warnings"] == []
        shown = (await client.get("/v1/bridges/shared")).json()["spec"]
        assert (shown["host"], shown["host_group"]) == (None, "switches")
        asked = ({"filter": "spec.host_group = switches"}, {"host": "h2"})
        for params in asked:
            found = (await client.get("/v1/bridges", params=params)).json()["items"]
            assert [each["metadata"]["name"] for each in found] == ["shared"]
        both = {"host": "h1", "host_group": "switches"}
        refusals: tuple[tuple[dict[str, str], tuple[str, str]], ...] = (
            ({}, ("/spec/host", "host_missing")),
            (both, ("/spec/host_group", "host_twice")),
        )
        for named, error in refusals:
            bad = {"metadata": {"name": "b"}, "spec": {"interface": "b", **named}}
            refused = (await client.post("/v1/bridges", json=bad)).json()
            assert [(e["pointer"], e["code"]) for e in refused["errors"]] == [error]


def test_a_port_loads_nothing_of_the_other_hosts_of_its_group(fleet: Fleet) -> None:
    new = port("p", "h1", bridge="lan")
    worlds = []
    for first in (4, 12):
        members = [labelled(n, "edge") for n in range(first, first + 8)]
        there = [port(f"x{n}", f"h{n}", bridge="lan") for n in range(first, first + 8)]
        apply(fleet.db, *members, *there)
        with fleet.db.snapshot() as tx:
            worlds.append({*load_world(tx, wanted([new], [], {})).objects})
    assert worlds[0] == worlds[1]
    assert {ref.name for ref in worlds[0]} == {"h1", "lan", "edge"}


def test_a_host_is_not_empty_while_labels_keep_a_bridge_on_it(fleet: Fleet) -> None:
    def leaving() -> tuple[str, str]:
        fleet.confirm("h1")
        found = queries.get(fleet.db, ADMIN, Kind.HOST, DEFAULT_PROJECT, "h1").status
        return found.conditions[-1].reason, found.conditions[-1].message

    apply(fleet.db, labelled(1, "edge", state=Lifecycle.DECOMMISSIONING))
    reason, message = leaving()
    assert reason == "Decommissioning"
    assert "left on it: 1 Bridge of its groups" in message
    assert "take it out of those groups" in message
    apply(fleet.db, labelled(1, "gone", state=Lifecycle.DECOMMISSIONING))
    assert leaving()[0] == "Decommissioned"


def test_what_a_host_that_left_a_group_cannot_take_away_is_left_of_that_change(
    fleet: Fleet,
) -> None:
    lan = ReportedFailure(f"bridge:{fleet.uid_of(spread('lan'))}", "conflict", "InUse", "in use")

    def left(revision: int) -> set[str]:
        return {each.host for each in realization(fleet.db, ADMIN, revision).pending}

    stays = replace(labelled(1, "edge"), labels={"role": "edge", "row": "7"})
    no_change = apply(fleet.db, stays).revision
    by_label = apply(fleet.db, labelled(1, "lab")).revision
    by_selector = apply(fleet.db, group("edge", "role=core")).revision
    own = bridge("own", "h3")
    apply(fleet.db, own)
    fleet.confirm("h1", "h2", failure=lan)
    # There it is intended, and fails.
    fleet.confirm("h3", failure=lan)
    assert left(by_label) == {"h1"}
    assert left(by_selector) == {"h2"}
    assert left(no_change) == set()
    fleet.confirm("h2")
    apply(fleet.db, group("edge", "role in (core,edge)"))
    fleet.confirm("h2", failure=lan)
    assert (left(by_label), left(by_selector)) == ({"h1"}, set())
    gone = remove(fleet.db, spread("lan")).revision
    fleet.confirm("h1")
    fleet.confirm("h2", "h3", failure=lan)
    assert left(gone) == {"h2", "h3"}


def test_a_selector_is_read_once_for_all_hosts_that_left(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = changes.head(fleet.db)
    apply(fleet.db, labelled(1, "lab"), labelled(2, "lab"))
    words: list[str] = []

    def parse(text: str) -> Selector:
        words.append(text)
        return parse_selector(text)

    monkeypatch.setattr(host_groups, "parse_selector", parse)
    hosts = [fleet.uid["h1"], fleet.uid["h2"]]
    with fleet.db.snapshot() as tx:
        found = host_groups.ended(tx, hosts, [after, after], after + 1)
    assert found.keys() == {*hosts}
    assert words == ["role=edge"]
