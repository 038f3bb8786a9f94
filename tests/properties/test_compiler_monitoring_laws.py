"""What hosts are told of mirrors and exports is about what they are told of bridges and ports."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from ovsfleet.v1 import state_pb2

from controller.compiler import compile_host
from controller.domain.intent import Kind
from tests.support.histories import Request, fleet_after, histories


def ports_at(part: state_pb2.HostPart, bridge: str) -> set[str]:
    near = {port.interface for port in part.ports if port.bridge == bridge}
    return near | {port.patch.interface for port in part.ports if port.patch.bridge == bridge}


def bridges_of(part: state_pb2.HostPart) -> set[str]:
    overlay = {part.overlay.name} if part.HasField("overlay") else set()
    return overlay | {bridge.name for bridge in part.bridges}


@given(histories)
def test_what_watches_a_host_is_about_what_is_there_and_the_rest_is_named_as_removed(
    history: list[Request],
) -> None:
    fleet = fleet_after(history)
    exports = {f"flow-export:{export.uid}" for export in fleet.of_kind(Kind.FLOW_EXPORT)}
    for owner in fleet.of_kind(Kind.HOST):
        compiled = compile_host(fleet.host_intent(owner.name))
        part = compiled.part
        for mirror in part.mirrors:
            assert_mirrors_what_is_there(mirror, part)
        assert_tunnels_have_names_of_their_own(part)
        assert_bridges_have_one_export_of_a_protocol(part)
        told = {m.id for m in part.mirrors} | {e.id for e in part.flow_exports}
        assert not told & set(compiled.removed)
        assert exports <= told | set(compiled.removed)


def assert_mirrors_what_is_there(mirror: state_pb2.Mirror, part: state_pb2.HostPart) -> None:
    there = ports_at(part, mirror.bridge)
    selected = {*mirror.select_src_ports, *mirror.select_dst_ports}
    vlans = {attachment.local_vlan for attachment in part.attachments}
    assert mirror.bridge in bridges_of(part)
    assert selected <= there - {mirror.output_port}
    assert mirror.select_all is not bool(selected)
    assert mirror.bridge != part.overlay.name or {*mirror.select_vlans} <= vlans
    assert bool(mirror.output_port) is not mirror.HasField("tunnel")
    assert not mirror.output_port or mirror.output_port in there


def assert_tunnels_have_names_of_their_own(part: state_pb2.HostPart) -> None:
    tunnels = [mirror.tunnel.interface for mirror in part.mirrors if mirror.HasField("tunnel")]
    assert len(tunnels) == len(set(tunnels))
    assert all(len(tunnel) <= 15 for tunnel in tunnels)


def assert_bridges_have_one_export_of_a_protocol(part: state_pb2.HostPart) -> None:
    places = Counter((e.protocol, bridge) for e in part.flow_exports for bridge in e.bridges)
    assert all(number == 1 for number in places.values())
    assert {bridge for _, bridge in places} <= bridges_of(part)
