"""Hypothesis strategies for policies, mirrors, groups and exports, over the names of
``intent_strategies``."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from controller.domain.definitions import (
    FlowExportSpec,
    FlowProtocol,
    HostGroupSpec,
    MirrorSpec,
    MirrorTunnelSpec,
    MirrorTunnelType,
    QosPolicySpec,
    QosType,
    QueueSpec,
)
from controller.domain.intent import DEFAULT_PROJECT, Kind, Manifest, Ref, Spec
from controller.domain.safety import DriftPolicy

NAMES = {
    Kind.QOS_POLICY: ("q1", "q2"),
    Kind.MIRROR: ("m1", "m2", "m3"),
    Kind.HOST_GROUP: ("g1", "g2"),
    Kind.FLOW_EXPORT: ("e1", "e2"),
}

_POLICIES = st.sampled_from([DriftPolicy.ENFORCE, *DriftPolicy])


def policies() -> st.SearchStrategy[Spec]:
    queues = st.sampled_from([(), (QueueSpec(1, dscp=3), QueueSpec(0, min_rate_bps=20_000))])
    return st.one_of(
        st.builds(
            QosPolicySpec, max_rate_bps=st.sampled_from([None, 10_000, 10**6]), queues=queues
        ),
        st.builds(QosPolicySpec, type=st.sampled_from([QosType.NOOP, QosType.SFQ])),
    )


def mirrors(ports: tuple[str, ...], segments: tuple[str, ...]) -> st.SearchStrategy[Spec]:
    """Mirrors on h1 and h2, at the bridge of their number or at that of their segments."""
    some_ports = st.sampled_from([(), (), (), *((port,) for port in ports)])
    some_segments = st.lists(st.sampled_from(segments), max_size=2).map(tuple)
    tunnels = st.builds(
        MirrorTunnelSpec,
        st.sampled_from(MirrorTunnelType),
        st.sampled_from(["203.0.113.9", "192.0.2.1"]),
        local_ip=st.sampled_from(["198.51.100.7", None]),
        key=st.sampled_from([None, 1, 2]),
    )
    return st.builds(
        _agreeing,
        st.builds(
            MirrorSpec,
            host=st.sampled_from(["h1", "h2"]),
            bridge=st.sampled_from([None, "b1", "b2", "bg"]),
            select_src_ports=some_ports,
            select_segments=some_segments,
            output_port=st.sampled_from([None] * 5 + [*ports]),
            tunnel=tunnels,
            drift_policy=_POLICIES,
        ),
    )


def _agreeing(loose: MirrorSpec) -> MirrorSpec:
    """Make the parts agree with each other, though not with what there is."""
    is_own = loose.bridge is not None and loose.bridge != "bg"
    bridge = f"b{loose.host[1]}" if is_own else loose.bridge
    segments = loose.select_segments if bridge is None else ()
    ports = tuple(port for port in loose.select_src_ports if port != loose.output_port)
    return replace(
        loose,
        bridge=bridge,
        select_all=not (ports or segments),
        select_src_ports=ports,
        select_segments=segments,
        tunnel=loose.tunnel if loose.output_port is None else None,
    )


def groups() -> st.SearchStrategy[Spec]:
    return st.sampled_from(["role", "!role", "role=edge"]).map(HostGroupSpec)


def exports() -> st.SearchStrategy[Spec]:
    return st.builds(
        FlowExportSpec,
        st.sampled_from([FlowProtocol.SFLOW, FlowProtocol.SFLOW, FlowProtocol.IPFIX]),
        st.just(("203.0.113.9:6343",)),
        host_group=st.sampled_from([None, *NAMES[Kind.HOST_GROUP]]),
        overlay=st.booleans(),
        bridge_selector=st.sampled_from([None, "", "!role"]),
        sampling=st.sampled_from([None, 64]),
        drift_policy=_POLICIES,
    )


def watcher_manifests(
    ports: tuple[str, ...], segments: tuple[str, ...]
) -> st.SearchStrategy[Manifest]:
    specs = {
        Kind.QOS_POLICY: policies(),
        Kind.MIRROR: mirrors(ports, segments),
        Kind.HOST_GROUP: groups(),
        Kind.FLOW_EXPORT: exports(),
    }
    kinds = st.sampled_from([Kind.MIRROR, Kind.MIRROR, Kind.FLOW_EXPORT, *specs])
    return kinds.flatmap(lambda kind: st.builds(Manifest, _refs(kind), specs[kind]))


def _refs(kind: Kind) -> st.SearchStrategy[Ref]:
    return st.builds(Ref, st.just(kind), st.just(DEFAULT_PROJECT), st.sampled_from(NAMES[kind]))


def wild_watchers() -> st.SearchStrategy[Spec]:
    """Anything that the types allow."""
    return st.one_of(*(st.from_type(kind) for kind in (QosPolicySpec, MirrorSpec, FlowExportSpec)))
