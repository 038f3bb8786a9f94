"""Laws 5, 6, 8 and 10 of the compiler, and what ``removed`` may and must name."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from ovsfleet.v1 import state_pb2

from controller.compiler import compile_host, compile_hosts, host_state
from controller.compiler.links import remotes
from controller.domain.host_intent import HostIntent, SegmentIntent, TunnelIntent
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeType,
    HostSpec,
    Kind,
    PortType,
    Ref,
    TunnelSpec,
)
from tests.support.histories import Request, attempt, fleet_after, histories
from tests.support.model_fleet import ModelFleet
from tests.support.world_slice import segment_of as segment_of_port


def intents(fleet: ModelFleet, confirmed: int = 0) -> list[HostIntent]:
    return [fleet.host_intent(o.name, confirmed=confirmed) for o in fleet.of_kind(Kind.HOST)]


def shuffled(intent: HostIntent, rng: random.Random) -> HostIntent:
    segments = [
        SegmentIntent(
            s.segment,
            tuple(rng.sample(s.members, len(s.members))),
            {
                uid: tuple(rng.sample(macs, len(macs)))
                for uid, macs in reversed(list(s.macs.items()))
            },
            s.profile,
            {
                uid: tuple(rng.sample(known, len(known)))
                for uid, known in reversed(list(s.neighbours.items()))
            },
        )
        for s in intent.segments
    ]
    tunnels = [
        TunnelIntent(t.tunnel, tuple(rng.sample(t.hosts, len(t.hosts)))) for t in intent.tunnels
    ]
    return replace(
        intent,
        bridges=tuple(rng.sample(intent.bridges, len(intent.bridges))),
        ports=tuple(rng.sample(intent.ports, len(intent.ports))),
        segments=tuple(rng.sample(segments, len(segments))),
        tunnels=tuple(rng.sample(tunnels, len(tunnels))),
        mirrors=tuple(rng.sample(intent.mirrors, len(intent.mirrors))),
        flow_exports=tuple(rng.sample(intent.flow_exports, len(intent.flow_exports))),
        local_vlans=dict(reversed(list(intent.local_vlans.items()))),
    )


@given(histories, st.randoms(use_true_random=False))
def test_the_order_in_which_intent_is_read_does_not_show_in_a_single_byte(
    history: list[Request], rng: random.Random
) -> None:
    for intent in intents(fleet_after(history)):
        one, other = compile_host(intent), compile_host(shuffled(intent, rng))
        assert one.hash == other.hash
        assert host_state(one, intent, ()).SerializeToString(deterministic=True) == host_state(
            other, intent, ()
        ).SerializeToString(deterministic=True)


@given(histories)
def test_hosts_compiled_together_are_as_hosts_compiled_alone(history: list[Request]) -> None:
    held = intents(fleet_after(history))
    together = compile_hosts(held)
    assert together == {intent.host.uid: compile_host(intent) for intent in held}


@given(histories)
def test_devices_of_a_host_have_names_of_their_own_of_at_most_15_bytes(
    history: list[Request],
) -> None:
    for intent in intents(fleet_after(history)):
        part = compile_host(intent).part
        names = [port.interface for port in part.ports if port.interface]
        names += [b.name for b in part.bridges]
        names += [part.overlay.name] if part.HasField("overlay") else []
        names += [a.linux_bridge for a in part.attachments if a.linux_bridge]
        assert len(names) == len(set(names))
        assert all(1 <= len(name.encode()) <= 15 for name in names)


KEEPING_THEIR_MTU = {
    state_pb2.PORT_TYPE_SYSTEM,
    state_pb2.PORT_TYPE_PATCH,
    state_pb2.PORT_TYPE_BOND,
}


@given(histories)
def test_everything_that_a_state_refers_to_is_in_it(history: list[Request]) -> None:
    for intent in intents(fleet_after(history)):
        compiled = compile_host(intent)
        part = compiled.part
        explicit = {bridge.name for bridge in part.bridges}
        places = [_place(attachment, part) for attachment in part.attachments]
        assert {a.fragment_hash for a in part.attachments} == set(compiled.fragments)
        assert len(set(places)) == len(places)
        for port in part.ports:
            assert port.mtu >= 68 or port.type in KEEPING_THEIR_MTU
            assert not port.HasField("patch") or port.patch.bridge in explicit - {port.bridge}
            assert port.bridge in explicit or (port.bridge, port.tag) in places
        assert {tunnel.bridge for tunnel in part.tunnels} <= explicit
        assert set(part.safety.drift) <= _resources(part)


def _resources(part: state_pb2.HostPart) -> set[str]:
    named = (part.bridges, part.ports, part.tunnels, part.mirrors, part.flow_exports)
    attached = {f"segment:{attachment.segment_uid}" for attachment in part.attachments}
    return {each.id for group in named for each in group} | attached


def _place(attachment: state_pb2.SegmentAttachment, part: state_pb2.HostPart) -> tuple[str, int]:
    """Say on which bridge and in which VLAN a segment's ports are."""
    assert bool(attachment.linux_bridge) == (not part.HasField("overlay"))
    return attachment.linux_bridge or part.overlay.name, attachment.local_vlan


@given(histories)
def test_members_of_a_segment_are_told_of_each_other_alike(history: list[Request]) -> None:
    compiled = compile_hosts(intents(fleet_after(history)))
    for uid, host in compiled.items():
        for fragment in host.fragments.values():
            members = {member.host_uid: member.vtep for member in fragment.members}
            assert str(uid) in members
            assert len(set(members.values())) == len(members)
            for other in compiled.values():
                if other.part.host_uid in members:
                    assert without_macs(fragment) in map(without_macs, other.fragments.values())


def without_macs(fragment: state_pb2.SegmentFragment) -> state_pb2.SegmentFragment:
    """Return what the variants for the two backends have in common."""
    common = state_pb2.SegmentFragment.FromString(fragment.SerializeToString())
    common.ClearField("hash")
    for member in common.members:
        member.ClearField("macs")
        member.ClearField("neighbours")
    return common


@given(histories)
def test_kernel_members_and_no_others_are_told_every_mac(history: list[Request]) -> None:
    fleet = fleet_after(history)
    compiled = compile_hosts(intents(fleet))
    macs: dict[tuple[str, str], set[str]] = {}
    for port, spec in fleet.ports():
        if (segment := segment_of_port(port)) is not None:
            assert spec.mac is not None or spec.type is PortType.PATCH
            for name in spec.hosts:
                owner = fleet.objects[Ref(Kind.HOST, DEFAULT_PROJECT, name)]
                told = macs.setdefault((str(fleet.objects[segment].uid), str(owner.uid)), set())
                told.update(filter(None, [None if spec.migrating_to else spec.mac]))
    for host in compiled.values():
        for attachment in host.part.attachments:
            fragment = host.fragments[attachment.fragment_hash]
            knows = attachment.backend == state_pb2.BACKEND_KERNEL
            for member in fragment.members:
                there = macs[fragment.segment_uid, member.host_uid]
                assert list(member.macs) == (sorted(there) if knows else [])


@given(histories)
def test_what_is_of_the_kernel_is_told_nothing_of_open_vswitch(history: list[Request]) -> None:
    for intent in intents(fleet_after(history)):
        part = compile_host(intent).part
        linux = {b.name for b in part.bridges if b.type == state_pb2.BRIDGE_TYPE_LINUX}
        for bridge in part.bridges:
            assert bridge.name in linux or not (bridge.link_attributes or no_ovs(intent))
            assert bridge.name not in linux or not (bridge.datapath_type or bridge.settings.maps)
        for port in part.ports:
            rows = (port.settings, port.interface_settings, port.qos)
            assert port.bridge in linux or not port.bridge_port_attributes
            assert port.bridge not in linux or not any(row.ListFields() for row in rows)
        on_ovs = [*(t.bridge for t in part.tunnels), *(m.bridge for m in part.mirrors)]
        on_ovs += [name for export in part.flow_exports for name in export.bridges]
        assert not linux & {*on_ovs}


def no_ovs(intent: HostIntent) -> bool:
    assert isinstance(intent.host.spec, HostSpec)
    return intent.host.spec.overlay_bridge_type is BridgeType.LINUX


@given(histories)
def test_a_udp_port_of_a_host_has_one_backend(history: list[Request]) -> None:
    for host in compile_hosts(intents(fleet_after(history))).values():
        used = {(t.dst_port, state_pb2.BACKEND_OVS) for t in host.part.tunnels}
        for attachment in host.part.attachments:
            fragment = host.fragments[attachment.fragment_hash]
            used.add((fragment.dst_port, attachment.backend))
        assert len({dst_port for dst_port, _ in used}) == len(used)


@given(histories)
def test_both_ends_of_a_tunnel_are_compiled_as_mirrors(history: list[Request]) -> None:
    fleet = fleet_after(history)
    ends: dict[str, list[state_pb2.Tunnel]] = {}
    for host in compile_hosts(intents(fleet)).values():
        keys = [(t.local_ip, t.remote_ip, t.vni, t.dst_port) for t in host.part.tunnels]
        assert len(set(keys)) == len(keys)
        for tunnel in host.part.tunnels:
            ends.setdefault(tunnel.id, []).append(tunnel)
    tunnels = fleet.of_kind(Kind.TUNNEL)
    assert ends.keys() == {f"tunnel:{found.uid}" for found in tunnels}
    for found in tunnels:
        compiled = ends[f"tunnel:{found.uid}"]
        assert isinstance(found.spec, TunnelSpec)
        assert len(compiled) == sum(end.host is not None for end in found.spec.ends)
        assert all(end.local_ip and end.remote_ip and end.vni for end in compiled)
        if len(compiled) == 2:
            first, second = compiled
            mirror = state_pb2.Tunnel(bridge=second.bridge, tag=second.tag)
            mirror.MergeFrom(common_of(first))
            mirror.local_ip, mirror.remote_ip = first.remote_ip, first.local_ip
            assert mirror == second


def common_of(end: state_pb2.Tunnel) -> state_pb2.Tunnel:
    common = state_pb2.Tunnel.FromString(end.SerializeToString())
    common.ClearField("bridge")
    common.ClearField("tag")
    return common


@given(histories)
def test_a_packet_of_the_compiled_mtu_fits_every_underlay(history: list[Request]) -> None:
    for intent in intents(fleet_after(history)):
        fragments = {f.segment_uid: f for f in compile_host(intent).fragments.values()}
        for segment in intent.segments:
            fragment = fragments[str(segment.segment.uid)]
            overhead = 70 if ":" in fragment.members[0].vtep else 50
            for member in segment.members:
                assert isinstance(member.spec, HostSpec)
                assert fragment.mtu + overhead <= member.spec.underlay_mtu


@given(histories)
def test_no_two_attachments_of_a_host_share_a_vlan_or_a_vni(history: list[Request]) -> None:
    """Floods stay within one segment: the graph of a segment is its full mesh and no more."""
    for intent in intents(fleet_after(history)):
        compiled = compile_host(intent)
        vnis = [fragment.vni for fragment in compiled.fragments.values()]
        assert len(vnis) == len(set(vnis))
        for fragment in compiled.fragments.values():
            uids = [member.host_uid for member in fragment.members]
            assert uids == sorted(set(uids))


def existing_ids(state: state_pb2.HostPart, fragments: list[state_pb2.SegmentFragment]) -> set[str]:
    ids = {port.id for port in state.ports} | {bridge.id for bridge in state.bridges}
    ids |= {f"segment:{a.segment_uid}" for a in state.attachments}
    ids |= {tunnel.id for tunnel in state.tunnels}
    kernel = {a.segment_uid for a in state.attachments if a.backend == state_pb2.BACKEND_KERNEL}
    ids |= {
        f"tunnel:{f.segment_uid}/{far}"
        for f in fragments
        for far in (*remotes(f, state.host_uid), *f.external_vteps)
        if f.segment_uid not in kernel
    }
    return ids | ({"overlay"} if state.HasField("overlay") else set())


def ids_on(fleet: ModelFleet, name: str) -> set[str]:
    compiled = compile_host(fleet.host_intent(name))
    return existing_ids(compiled.part, list(compiled.fragments.values()))


@given(histories, histories)
def test_removed_names_all_that_was_confirmed_and_is_gone_and_nothing_that_exists(
    before: list[Request], after: list[Request]
) -> None:
    fleet = fleet_after(before)
    hosts = {o.name: o.uid for o in fleet.of_kind(Kind.HOST)}
    confirmed = {name: (fleet.revision, ids_on(fleet, name)) for name in hosts}
    for manifests, gone in after:
        attempt(fleet, manifests, gone)
    for found in fleet.of_kind(Kind.HOST):
        if hosts.get(found.name) != found.uid:
            continue
        revision, had = confirmed[found.name]
        removed = set(compile_host(fleet.host_intent(found.name, confirmed=revision)).removed)
        exist = ids_on(fleet, found.name)
        assert not removed & exist
        covered = {i for i in had if "/" in i and segment_of(i) in removed}
        assert had - exist - covered <= removed


def segment_of(tunnel: str) -> str:
    return f"segment:{tunnel.removeprefix('tunnel:').partition('/')[0]}"


@given(histories)
def test_a_host_is_not_sent_the_fragments_that_it_has(history: list[Request]) -> None:
    for intent in intents(fleet_after(history)):
        compiled = compile_host(intent)
        known = list(compiled.fragments)[:1]
        sent = {f.hash for f in host_state(compiled, intent, known).fragments}
        assert sent == set(compiled.fragments) - set(known)
