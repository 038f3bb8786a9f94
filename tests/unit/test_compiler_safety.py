"""What a host is told of how careful its agent is to be."""

from __future__ import annotations

import pytest
from ovsfleet.v1 import state_pb2

from controller.compiler import compile_host
from controller.domain.definitions import (
    FlowExportSpec,
    FlowProtocol,
    MirrorSpec,
    MirrorTunnelSpec,
    MirrorTunnelType,
)
from controller.domain.errors import InvalidError
from controller.domain.intent import Kind, Manifest
from controller.domain.safety import ConfirmPolicy, DriftPolicy
from tests.support.model_fleet import ModelFleet, bridge, host, manifest, port, segment

LEFT = {"drift_policy": DriftPolicy.IGNORE}
TOLD = {"drift_policy": DriftPolicy.REPORT}
REPORT, IGNORE = state_pb2.DRIFT_POLICY_REPORT, state_pb2.DRIFT_POLICY_IGNORE


def part(fleet: ModelFleet, name: str = "h1") -> state_pb2.HostPart:
    return compile_host(fleet.host_intent(name)).part


def mirror(name: str, **fields: object) -> Manifest:
    return manifest(Kind.MIRROR, name, MirrorSpec("h1", **fields, drift_policy=DriftPolicy.REPORT))  # type: ignore[arg-type]


def test_a_fleet_that_says_nothing_of_safety_keeps_the_hashes_that_it_had() -> None:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1"), bridge("lan", "h1"), segment("red"))
    fleet.apply(port("p1", "h1", segment="red"))
    before = compile_host(fleet.host_intent("h1"))
    assert not before.part.HasField("safety")
    fleet.apply(bridge("lan", "h1", **TOLD))
    assert compile_host(fleet.host_intent("h1")).hash != before.hash
    fleet.apply(bridge("lan", "h1"))
    assert compile_host(fleet.host_intent("h1")).hash == before.hash


def test_each_host_is_told_the_policies_of_what_it_has() -> None:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1"), host("h2", "192.0.2.2"))
    fleet.apply(bridge("lan", "h1", **LEFT), segment("red", **TOLD), bridge("wan", "h2"))
    fleet.apply(port("p1", "h1", segment="red", **LEFT), port("p2", "h2", segment="red"))
    spec = FlowExportSpec(
        FlowProtocol.SFLOW, ("198.51.100.9:6343",), overlay=True, drift_policy=DriftPolicy.IGNORE
    )
    fleet.apply(manifest(Kind.FLOW_EXPORT, "flows", spec))
    uids = {ref.name: found.uid for ref, found in fleet.objects.items()}
    both = {f"segment:{uids['red']}": REPORT, f"flow-export:{uids['flows']}": IGNORE}
    here = {f"bridge:{uids['lan']}": IGNORE, f"port:{uids['p1']}": IGNORE}
    assert part(fleet).safety.drift == {**both, **here}
    assert part(fleet, "h2").safety.drift == both


def test_a_mirror_that_copies_nothing_yet_has_no_policy_on_its_host() -> None:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1"), bridge("lan", "h1"), segment("red"))
    collector = MirrorTunnelSpec(MirrorTunnelType.GRE, "198.51.100.9")
    fleet.apply(mirror("waiting", select_segments=("red",), tunnel=collector))
    assert not part(fleet).HasField("safety")
    fleet.apply(mirror("copying", bridge="lan", select_all=True, output_vlan=9))
    assert list(part(fleet).safety.drift.values()) == [REPORT]


def test_a_host_is_told_what_it_has_to_confirm_and_how_soon() -> None:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1", confirm=ConfirmPolicy.ALWAYS, confirm_timeout_s=90))
    safety = part(fleet).safety
    assert (safety.confirm, safety.confirm_timeout_s) == (state_pb2.CONFIRM_POLICY_ALWAYS, 90)


@pytest.mark.parametrize("seconds", [9, 601, -1])
def test_a_host_has_ten_seconds_to_ten_minutes_to_be_heard_again(seconds: int) -> None:
    with pytest.raises(InvalidError) as caught:
        ModelFleet().apply(host("h1", "192.0.2.1", confirm_timeout_s=seconds))
    (violation,) = caught.value.violations
    assert violation.pointer == "/objects/0/spec/confirm_timeout_s"
    assert violation.code == "invalid_confirm_timeout"
