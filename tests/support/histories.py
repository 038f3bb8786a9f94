"""Random histories of a small fleet: requests that mostly succeed, and what is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from controller.domain.definitions import PoolSpec, PoolType, TransportZoneSpec, TunnelProfileSpec
from controller.domain.errors import DomainError
from controller.domain.intent import Backend, BridgeSpec, BridgeType, Kind, Manifest, Removal
from controller.domain.validation import Planned
from tests.support.intent_settings import FULL_LINUX_BRIDGE
from tests.support.intent_strategies import (
    LINUX_BRIDGE,
    LINUX_HOST,
    plausible_manifests,
    removals,
)
from tests.support.model_fleet import ModelFleet, bridge, host, manifest, pointed, segment
from tests.support.watchers import group, policy

Request = tuple[list[Manifest], list[Removal]]

requests = st.tuples(
    st.lists(plausible_manifests(), max_size=3), st.lists(removals(), max_size=1)
).map(lambda pair: (pointed(pair[0]), pair[1]))
steps: st.SearchStrategy[Request] = st.one_of(
    plausible_manifests().map(lambda m: (pointed([m]), [])),
    plausible_manifests().map(lambda m: (pointed([m]), [])),
    requests,
)
histories = st.integers(0, 12).flatmap(lambda size: st.lists(steps, min_size=size, max_size=size))


def fleet_after(history: Sequence[Request]) -> ModelFleet:
    """Start from a fleet on which most plausible requests can succeed."""
    fleet = ModelFleet()
    fleet.apply(
        manifest(Kind.TUNNEL_PROFILE, "tp1", TunnelProfileSpec(ttl=9)),
        manifest(Kind.POOL, "low", PoolSpec(PoolType.VNI, ("1-9",))),
        manifest(Kind.POOL, "small", PoolSpec(PoolType.VNI, ("10001",))),
        manifest(Kind.POOL, "four", PoolSpec(PoolType.VTEP, ("192.0.2.1-192.0.2.9",))),
        manifest(Kind.POOL, "six", PoolSpec(PoolType.VTEP, ("2001:db8::1-2001:db8::9",))),
        manifest(Kind.TRANSPORT_ZONE, "z1", TransportZoneSpec(vtep_pool="four")),
        manifest(Kind.TRANSPORT_ZONE, "z2", TransportZoneSpec(vni_pool="low")),
        policy("q1", max_rate_bps=10**6),
        group("g1", "role"),
        group("g2", "!role"),
        replace(host("h1", "192.0.2.1", "2001:db8::1"), labels={"role": "edge"}),
        replace(host("h2", "192.0.2.2"), labels={"role": "edge"}),
        host("h3", "192.0.2.3", underlay_mtu=9000),
        host(LINUX_HOST, "192.0.2.4", overlay_bridge_type=BridgeType.LINUX),
        segment("s1"),
        segment("s2"),
        segment("s3", backend=Backend.KERNEL),
        manifest(Kind.BRIDGE, "bg", BridgeSpec(None, "br-g", host_group="g1")),
        bridge("b1", "h1", interface="br-x"),
        bridge("b2", "h2", interface="br-y"),
        bridge("b3", "h3", interface="br-y"),
        bridge(
            LINUX_BRIDGE,
            LINUX_HOST,
            interface="br-z",
            type=BridgeType.LINUX,
            settings=FULL_LINUX_BRIDGE,
        ),
    )
    for manifests, gone in history:
        attempt(fleet, manifests, gone)
    return fleet


def attempt(
    fleet: ModelFleet, manifests: Sequence[Manifest], gone: Sequence[Removal]
) -> Planned | None:
    try:
        return fleet.commit(manifests, gone)
    except DomainError:
        return None
