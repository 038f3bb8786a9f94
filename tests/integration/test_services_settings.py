"""Settings and further types of ports in the database: stored whole, and read where rules look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.auth import Principal, Role
from controller.domain.errors import ConflictError, DomainError, ForbiddenError
from controller.domain.intent import Manifest, PortType
from controller.domain.settings import BondSpec, BridgeSettings, BridgeStp, PatchSpec, PortSettings
from controller.services import desired, queries
from controller.services.intent import Change, commit
from controller.services.pruning import Prune
from controller.store.engine import Database
from tests.support.intent_settings import FULL_BRIDGE, FULL_PORT
from tests.support.manifests import ADMIN, apply, bridge, host, port, removal, remove, tunnel

pytestmark = pytest.mark.integration

BRIDGES = (host(1), host(2), bridge("lan", "h1"), bridge("dmz", "h1"), bridge("far", "h2"))


def at(name: str, bridge_name: str, kind: PortType, **settings: Any) -> Manifest:
    told = PortSettings(**settings)
    return port(name, "h1", bridge=bridge_name, type=kind, settings=told)


def patch(name: str, near: str, to: str) -> Manifest:
    return at(name, near, PortType.PATCH, patch=PatchSpec(to, f"{name}-far"))


def codes(db: Database, *manifests: Manifest) -> set[str]:
    with pytest.raises(DomainError) as caught:
        apply(db, *manifests)
    return {violation.code for violation in caught.value.violations}


def test_settings_come_back_and_are_compiled_as_they_were_asked_for(db: Database) -> None:
    asked = (
        bridge("full", "h1", settings=FULL_BRIDGE),
        port(
            "bond0",
            "h1",
            bridge="lan",
            type=PortType.BOND,
            settings=PortSettings(
                protected=True, external_ids=FULL_PORT.external_ids, bond=FULL_PORT.bond
            ),
        ),
        patch("joint", "lan", "dmz"),
        at("nic", "dmz", PortType.SYSTEM, trunks=(0, 9), transient=False),
    )
    result = apply(db, *BRIDGES, *asked)
    assert apply(db, *asked).revision == result.revision
    uids = {each.ref.name: each.uid for each in result.results}
    for manifest in asked:
        found = queries.get(db, ADMIN, manifest.ref.kind, "default", manifest.ref.name)
        assert found.object.spec == manifest.spec
    h1 = uids["h1"]
    assert h1 is not None
    intent = desired.load_host_intent(db, h1)
    assert {o.name: o.spec for o in (*intent.bridges, *intent.ports)} == {
        m.ref.name: m.spec for m in (*BRIDGES[2:4], *asked)
    }


def test_a_device_that_a_bond_has_is_taken_wherever_it_is_asked_for(db: Database) -> None:
    bond = at("bond0", "lan", PortType.BOND, bond=BondSpec(("eth1", "eth2")))
    apply(db, *BRIDGES, bond, patch("joint", "lan", "dmz"))
    assert codes(db, at("eth2", "dmz", PortType.SYSTEM)) == {"interface_taken"}
    assert codes(db, at("joint-far", "dmz", PortType.SYSTEM)) == {"interface_taken"}
    other = at("bond1", "dmz", PortType.BOND, bond=BondSpec(("eth2", "eth3")))
    assert codes(db, other) == {"interface_taken"}
    remove(db, bond)
    apply(db, other)


def test_patches_and_tunnels_far_away_count_for_a_circle(db: Database) -> None:
    apply(db, *BRIDGES, bridge("wan", "h1"), bridge("end", "h2"))
    apply(db, patch("a", "lan", "dmz"), tunnel("t1", "h1/dmz", "h2/far"))
    apply(db, patch("b", "wan", "lan"))
    assert codes(db, tunnel("t2", "h1/wan", "h2/far", dst_port=4790)) == {"flooding_loop"}
    apply(db, tunnel("t2", "h1/wan", "h2/end", dst_port=4790))
    joint = port(
        "c",
        "h2",
        bridge="end",
        type=PortType.PATCH,
        settings=PortSettings(patch=PatchSpec("far", "c-far")),
    )
    assert codes(db, joint) == {"flooding_loop"}
    assert codes(db, patch("d", "dmz", "wan")) == {"flooding_loop"}


def test_a_bridge_at_either_end_of_a_patch_is_in_use(db: Database) -> None:
    joint = patch("joint", "lan", "dmz")
    apply(db, *BRIDGES, joint)
    for held in BRIDGES[2:4]:
        with pytest.raises(ConflictError, match="Port joint"):
            remove(db, held)
    remove(db, joint, *BRIDGES[2:4])


def test_a_spanning_tree_counts_every_port_of_its_bridge(db: Database) -> None:
    running = bridge("lan", "h1", settings=BridgeSettings(stp=BridgeStp(enabled=True)))
    nics = [at(f"nic{n}", "lan", PortType.SYSTEM) for n in range(254)]
    apply(db, *BRIDGES)
    apply(db, running, *nics, tunnel("t1", "h1/lan", "h2/far"))
    assert codes(db, at("one-more", "lan", PortType.SYSTEM)) == {"too_many_stp_ports"}
    assert codes(db, patch("joint", "dmz", "lan")) == {"too_many_stp_ports"}


def test_devices_of_a_host_are_the_network_admins_to_give(db: Database) -> None:
    apply(db, *BRIDGES)
    tenant = Principal("tenant", frozenset({Role.PROJECT_ADMIN}))
    for manifest in (at("eth1", "lan", PortType.SYSTEM), patch("joint", "lan", "dmz")):
        with pytest.raises(ForbiddenError, match="network-admin"):
            commit(db, tenant, Change((manifest,), ()), request_id="test")


def test_who_may_not_give_devices_of_a_host_may_not_take_them_away(db: Database) -> None:
    label = {"app": "shop"}
    uplink = replace(at("eth1", "lan", PortType.SYSTEM), labels=label)
    own = replace(at("own", "lan", PortType.INTERNAL), labels=label)
    apply(db, *BRIDGES, uplink, own)
    tenant = Principal("tenant", frozenset({Role.PROJECT_ADMIN}))
    other_type = at("eth1", "lan", PortType.INTERNAL)
    for change in (Change((other_type,)), Change(removals=(removal(uplink),))):
        with pytest.raises(ForbiddenError, match="network-admin"):
            commit(db, tenant, change, request_id="test")
    prune = Prune(label, lambda labels: labels.items() >= label.items())
    pruned = commit(db, tenant, Change(prune=prune), request_id="test")
    assert [result.ref for result in pruned.results] == [own.ref]
