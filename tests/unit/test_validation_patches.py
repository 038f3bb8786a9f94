"""Rules of patches: their ends, and that with tunnels they close no circle."""

from __future__ import annotations

from typing import Any

import pytest

from controller.domain.intent import DatapathType, Kind, PortType, TunnelEnd
from controller.domain.settings import PatchSpec, PortSettings
from controller.domain.validation import plan_change
from tests.support.bridge_manifests import patch
from tests.support.model_fleet import ModelFleet, bridge, host, port, removal, tunnel
from tests.support.refusals import refused


@pytest.fixture
def fleet(fleet: ModelFleet) -> ModelFleet:
    """The small fleet, with two more bridges beside ``lan`` on h1."""
    fleet.apply(bridge("dmz", "h1"), bridge("wan", "h1"), bridge("far", "h2"))
    return fleet


def test_the_ends_of_a_patch_are_bridges_of_one_host(fleet: ModelFleet) -> None:
    where = "/objects/0/spec/patch/bridge"
    assert refused(fleet, patch("new", "lan", "lan"))[0] == (where, "same_bridge")
    assert refused(fleet, patch("new", "lan", "far")) == [(where, "bridge_on_other_host")]
    assert refused(fleet, patch("new", "lan", "nowhere")) == [(where, "unknown_bridge")]


def test_a_patch_joins_bridges_of_one_datapath(fleet: ModelFleet) -> None:
    where, userspace = "/objects/0/spec/patch/bridge", DatapathType.NETDEV
    fleet.apply(bridge("fast", "h1", datapath_type=userspace), host("h9", "192.0.2.9"))
    differs = [(where, "datapath_type_differs")]
    assert refused(fleet, patch("new", "lan", "fast")) == differs
    provider = port("out", "h1", segment="red", type=PortType.PATCH, **to("fast"))
    assert refused(fleet, provider) == differs
    fleet.apply(patch("new", "lan", "dmz"))
    moved = [e for e in refused(fleet, patch("new", "fast", "dmz")) if e in differs]
    assert moved == differs
    fleet.apply(port("out", "h1", segment="red", type=PortType.PATCH, **to("lan")))
    # What is joined keeps the datapath of its host.
    again = host("h1", "192.0.2.1", datapath_type=userspace)
    assert refused(fleet, again) == [("/objects/0/spec/datapath_type", "immutable_in_use")]


def to(far: str) -> dict[str, Any]:
    return {"settings": PortSettings(patch=PatchSpec(far, "out-far"))}


def test_a_bridge_at_the_far_end_of_a_patch_cannot_be_deleted(fleet: ModelFleet) -> None:
    fleet.apply(patch("joint", "lan", "dmz"))
    planned = removal(Kind.BRIDGE, "dmz")
    with pytest.raises(Exception, match="Port joint"):
        plan_change(fleet.world([], [planned]), [], [planned])


# --- patches and floods --------------------------------------------------------------------------

LOOP = "flooding_loop"


def test_patches_that_close_a_circle_are_refused(fleet: ModelFleet) -> None:
    fleet.apply(patch("a", "lan", "dmz"), patch("b", "dmz", "wan"))
    assert refused(fleet, patch("c", "wan", "lan")) == [("/objects/0/spec/patch", LOOP)]
    assert refused(fleet, patch("d", "lan", "dmz", (7, 7))) == [("/objects/0/spec/patch", LOOP)]


def test_patches_of_different_vlans_close_no_circle(fleet: ModelFleet) -> None:
    fleet.apply(patch("a", "lan", "dmz", (7, 7)), patch("b", "lan", "dmz", (8, 8)))
    fleet.apply(patch("c", "lan", "dmz", trunks=(9, 10)))
    assert refused(fleet, patch("d", "lan", "dmz", trunks=(10, 11)))[0][1] == LOOP
    fleet.apply(patch("d", "lan", "dmz", trunks=(11, 12)))


def test_a_patch_that_is_moved_into_a_circle_is_refused(fleet: ModelFleet) -> None:
    fleet.apply(patch("a", "lan", "dmz", (7, 7)), patch("b", "lan", "dmz", (8, 8)))
    assert refused(fleet, patch("b", "lan", "dmz", (7, 7)))[0][1] == LOOP


def test_a_patch_and_tunnels_that_close_a_circle_are_refused(fleet: ModelFleet) -> None:
    fleet.apply(
        tunnel("t1", TunnelEnd("h1", "dmz"), TunnelEnd("h2", "far")),
        tunnel("t2", TunnelEnd("h1", "wan"), TunnelEnd("h2", "far"), dst_port=4790),
    )
    assert refused(fleet, patch("a", "dmz", "wan")) == [("/objects/0/spec/patch", LOOP)]
    fleet.delete(removal(Kind.TUNNEL, "t2"))
    fleet.apply(patch("a", "dmz", "wan"))
    again = tunnel("t3", TunnelEnd("h1", "wan"), TunnelEnd("h2", "far"), dst_port=4790)
    assert refused(fleet, again) == [("/objects/0/spec/ends", LOOP)]


def test_what_a_patch_joins_is_fixed(fleet: ModelFleet) -> None:
    fleet.apply(patch("a", "lan", "dmz"))
    assert ("/objects/0/spec/patch", "immutable") in refused(fleet, patch("a", "lan", "wan"))
