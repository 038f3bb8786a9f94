"""Hypothesis strategies for requests: small enough to clash often, odd enough to hurt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from controller.domain.definitions import (
    Bfd,
    PoolSpec,
    PoolType,
    TransportZoneSpec,
    TunnelProfileSpec,
)
from controller.domain.intent import (
    DEFAULT_PROJECT,
    INHERIT,
    KEEPS_MTU,
    AddressFamily,
    Backend,
    BridgeSpec,
    BridgeType,
    DatapathType,
    HostSpec,
    Kind,
    Lifecycle,
    Manifest,
    PortSpec,
    PortType,
    Ref,
    Removal,
    SegmentSpec,
    Spec,
    TunnelEnd,
    TunnelSpec,
    VethPeerSpec,
)
from controller.domain.safety import ConfirmPolicy, DriftPolicy
from controller.domain.settings import (
    BRIDGE_DEFAULTS,
    PORT_DEFAULTS,
    BridgeSettings,
)
from controller.domain.topology import ArpMode, Topology
from tests.support.intent_settings import (
    FULL_BRIDGE,
    FULL_BRIDGE_PORT,
    FULL_LINUX_BRIDGE,
    FULL_PORT,
    fitting,
)
from tests.support.watcher_strategies import NAMES as WATCHERS
from tests.support.watcher_strategies import watcher_manifests

LINUX_HOST = "h4"
"""Has no Open vSwitch, unless a request says otherwise."""
HOSTS = ("h1", "h2", "h3", LINUX_HOST)
SEGMENTS = ("s1", "s2", "s3")
BRIDGES = ("b1", "b2", "b3")
"""Each on the host of the same number."""
LINUX_BRIDGE = "b4"
"""On the host of the same number, too, whether that has Open vSwitch or not."""
GROUP_BRIDGE = "bg"
"""On the hosts of g1."""
TUNNELS = ("t1", "t2", "t3", "t4")
ZONES = ("z1", "z2")
PROFILES = ("tp1", "tp2")
POOLS = ("low", "small", "four", "six")
"""The first two of VNIs, unless a request says otherwise."""
PORTS = ("p1", "p2", "p3", "p4", "p5")

drift_policies = st.sampled_from([DriftPolicy.ENFORCE, *DriftPolicy])

_vteps = st.lists(
    st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]),
    max_size=2,
).map(tuple)
_mtus = st.none() | st.sampled_from([1200, 1280, 1400, 1450, 1500])
_devices = st.sampled_from(["eth0", "tap0", "tap1", "tap2", "br-x", "br-fleet"])


_LIVING = [each for each in Lifecycle if each is not Lifecycle.REMOVED]


def host_manifests() -> st.SearchStrategy[Manifest]:
    specs = st.builds(
        HostSpec,
        vteps=_vteps,
        underlay_mtu=st.sampled_from([1400, 1500, 9000]),
        datapath_type=st.sampled_from(DatapathType),
        zones=st.sampled_from([("z1",), ("z1", "z2"), ("z2",), ()]),
        vtep_pool=st.sampled_from([None, None, "four", "six"]),
        management_interface=st.sampled_from([None, None, "eth0"]),
        state=st.sampled_from([*[Lifecycle.ACTIVE] * 4, *_LIVING]),
        confirm=st.sampled_from(ConfirmPolicy),
        confirm_timeout_s=st.sampled_from([60, 60, 10, 600]),
    )
    roles = st.sampled_from([{"role": "edge"}, {"role": "edge"}, {"role": "core"}, {}])
    return st.builds(_host, st.sampled_from(HOSTS), st.integers(0, 9), specs, roles)


def _host(name: str, chance: int, spec: HostSpec, labels: dict[str, str]) -> Manifest:
    is_linux = (name == LINUX_HOST) != (chance == 0)
    spec = replace(spec, overlay_bridge_type=BridgeType.LINUX if is_linux else BridgeType.OVS)
    return Manifest(Ref(Kind.HOST, DEFAULT_PROJECT, name), spec, labels)


def bridge_manifests() -> st.SearchStrategy[Manifest]:
    ovs = _bridges(BRIDGES, BridgeType.OVS, FULL_BRIDGE)
    linux = _bridges([LINUX_BRIDGE], BridgeType.LINUX, FULL_LINUX_BRIDGE)
    return st.one_of(ovs, ovs, linux, _group_bridges())


def _group_bridges() -> st.SearchStrategy[Manifest]:
    """Of the kernel's now and then, so that any host may have it."""
    return st.builds(
        lambda interface, kind, group: Manifest(
            Ref(Kind.BRIDGE, DEFAULT_PROJECT, GROUP_BRIDGE),
            BridgeSpec(None, interface, type=kind, host_group=group),
        ),
        st.one_of(st.just("br-g"), _devices),
        st.sampled_from(BridgeType),
        st.sampled_from(["g1", "g1", "g2"]),
    )


def _bridges(
    names: Sequence[str], kind: BridgeType, full: BridgeSettings
) -> st.SearchStrategy[Manifest]:
    return st.builds(
        lambda name, interface, settings, drift: Manifest(
            Ref(Kind.BRIDGE, DEFAULT_PROJECT, name),
            BridgeSpec(f"h{name[1]}", interface, settings=settings, type=kind, drift_policy=drift),
        ),
        st.sampled_from(names),
        _devices,
        st.sampled_from([BRIDGE_DEFAULTS, BRIDGE_DEFAULTS, full]),
        drift_policies,
    )


def segment_specs() -> st.SearchStrategy[Spec]:
    return st.one_of([_segment_specs(topology) for topology in TOPOLOGIES])


def _segment_specs(topology: dict[str, st.SearchStrategy[object]]) -> st.SearchStrategy[Spec]:
    return st.builds(
        SegmentSpec,
        vni=st.none() | st.sampled_from([1, 2, 10_000, 10_001]),
        mtu=_mtus,
        dst_port=st.sampled_from([None, None, 4789, 8472]),
        address_family=st.sampled_from(AddressFamily),
        backend=st.sampled_from([None, *Backend]),
        zone=st.sampled_from([*[None] * 5, *ZONES]),
        vni_pool=st.sampled_from([*[None] * 3, "low", "small"]),
        tunnel_profile=st.sampled_from([None, None, *PROFILES]),
        arp_mode=st.sampled_from([*[ArpMode.FLOOD] * 5, *ArpMode]),
        subnets=st.sampled_from([*[()] * 6, ("10.0.0.0/24", "2001:db8::/64"), ("10.0.0.0/31",)]),
        provider_loop_safe=st.booleans(),
        drift_policy=drift_policies,
        **topology,
    )


_OUTSIDE = ["203.0.113.1", "192.0.2.3"]
_HUBS = [("h1",), ("h1", "h2"), ("h2", "h3")]
_LINKS = [(("h1", "h2"), ("h2", "h3")), (("h1", "h3"),), (("h1", "h2"), ("h1", "h3"))]
TOPOLOGIES: list[dict[str, st.SearchStrategy[object]]] = [
    {},
    {"external_vteps": st.lists(st.sampled_from(_OUTSIDE), max_size=2).map(tuple)},
    {"topology": st.just(Topology.HUB_SPOKE), "hubs": st.sampled_from(_HUBS)},
    {"topology": st.just(Topology.EXPLICIT), "links": st.sampled_from(_LINKS)},
]


def profile_specs() -> st.SearchStrategy[Spec]:
    return st.builds(
        TunnelProfileSpec,
        dst_port=st.sampled_from([None, None, 4790]),
        ttl=st.sampled_from([None, 64, INHERIT]),
        csum=st.none() | st.booleans(),
        gbp=st.sampled_from([None, None, True]),
        egress_pkt_mark=st.sampled_from([None, None, 7]),
        flow_label=st.sampled_from([None, None, 9]),
        bfd=st.sampled_from([None, None, Bfd(enabled=True)]),
    )


def pool_specs() -> st.SearchStrategy[Spec]:
    vnis = st.sampled_from(["1-2", "2-5", "9999-10001", "10001-10002", "7"])
    vteps = st.sampled_from(["192.0.2.1", "192.0.2.2-192.0.2.5", "2001:db8::1-2001:db8::3"])
    return st.one_of(
        [
            st.builds(PoolSpec, st.just(of), st.lists(words, min_size=1, max_size=2).map(tuple))
            for of, words in ((PoolType.VNI, vnis), (PoolType.VTEP, vteps))
        ]
    )


def zone_specs() -> st.SearchStrategy[Spec]:
    return st.builds(
        TransportZoneSpec,
        vni_pool=st.sampled_from([None, None, "low", "small"]),
        vtep_pool=st.sampled_from([None, "four", "six"]),
    )


def tunnel_ends() -> st.SearchStrategy[TunnelEnd]:
    return st.builds(
        lambda bridge, is_spread, ip, tag: TunnelEnd(
            f"h{bridge[1]}", GROUP_BRIDGE if is_spread else bridge, ip, tag
        ),
        st.sampled_from(BRIDGES),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([*[None] * 8, "192.0.2.1", "192.0.2.77"]),
        st.sampled_from([None, 5, 6]),
    )


def outside_ends() -> st.SearchStrategy[TunnelEnd]:
    return st.builds(TunnelEnd, ip=st.sampled_from(["203.0.113.1", "203.0.113.2", "192.0.2.77"]))


def tunnel_specs() -> st.SearchStrategy[Spec]:
    far = st.one_of(tunnel_ends(), tunnel_ends(), outside_ends())
    ends = st.tuples(tunnel_ends(), far).filter(lambda pair: pair[0].host != pair[1].host)
    return st.builds(
        TunnelSpec,
        ends,
        key=st.sampled_from([*[None] * 5, 1, 7, 10_000]),
        dst_port=st.sampled_from([*[4789] * 5, 8472]),
        ttl=st.sampled_from([None, 64, INHERIT]),
        tos=st.sampled_from([None, 0, INHERIT]),
        csum=st.none() | st.booleans(),
        df_default=st.none() | st.booleans(),
        drift_policy=drift_policies,
    )


def port_manifests() -> st.SearchStrategy[Manifest]:
    return st.builds(_port, st.sampled_from(PORTS), st.booleans(), st.booleans(), _loose_ports())


def _loose_ports() -> st.SearchStrategy[PortSpec]:
    peers = st.builds(VethPeerSpec, netns=st.sampled_from(["red", "blue"]), interface=_devices)
    return st.builds(
        PortSpec,
        host=st.sampled_from(HOSTS),
        interface=_devices,
        type=st.sampled_from(PortType),
        segment=st.sampled_from(SEGMENTS),
        bridge=st.sampled_from([*BRIDGES, LINUX_BRIDGE, GROUP_BRIDGE]),
        tag=st.none() | st.integers(1, 4094),
        mac=st.none() | st.sampled_from(["02:00:00:00:00:01", "02:00:00:00:00:02"]),
        mtu=st.none() | st.sampled_from([1280, 1450, 1500]),
        addresses=st.sets(
            st.sampled_from(["10.0.0.1/24", "10.0.0.2/24", "2001:db8::5/64"]), max_size=2
        ).map(lambda found: tuple(sorted(found))),
        peer=peers,
        qos_policy=st.sampled_from([*[None] * 9, "q1"]),
        settings=st.sampled_from([PORT_DEFAULTS, PORT_DEFAULTS, FULL_PORT]),
        iface_id=st.sampled_from(["if:", "if:h1", "if:h2,h3", "of:h1,h2,h3", "on:h1"]),
        migrating_to=st.sampled_from([None, None, *HOSTS]),
        drift_policy=drift_policies,
    )


def _port(name: str, on_segment: bool, tame: bool, loose: PortSpec) -> Manifest:
    """Make the parts agree, so that most ports are acceptable by themselves."""
    if tame and loose.type is PortType.BOUND:
        return _bound_port(name, loose)
    if tame and not on_segment and loose.bridge != GROUP_BRIDGE:
        loose = replace(loose, host=f"h{str(loose.bridge)[1]}")
    carrier = PortType.VETH if loose.host == LINUX_HOST and tame else loose.type
    if tame and on_segment and carrier in KEEPS_MTU - {PortType.PATCH}:
        carrier = PortType.TAP
    if tame and not on_segment and loose.bridge == LINUX_BRIDGE:
        loose, carrier = _at_linux_bridge(loose)
    loose = replace(loose, settings=fitting(name, loose, carrier, on_segment=on_segment))
    spec = replace(
        loose,
        type=carrier,
        segment=loose.segment if on_segment else None,
        bridge=None if on_segment else loose.bridge,
        tag=None if on_segment else loose.tag,
        peer=loose.peer if carrier is PortType.VETH else None,
        iface_id=loose.iface_id if carrier is PortType.BOUND else None,
        migrating_to=loose.migrating_to if on_segment and carrier is PortType.TAP else None,
    )
    if tame:
        quiet = VethPeerSpec("green", f"eth-{name}") if spec.peer else None
        spec = replace(spec, interface=f"t-{name}", mtu=None, addresses=(), mac=None, peer=quiet)
    return Manifest(Ref(Kind.PORT, DEFAULT_PROJECT, name), spec)


def _bound_port(name: str, loose: PortSpec) -> Manifest:
    spec = PortSpec(
        host=None,
        interface="",
        type=PortType.BOUND,
        segment=loose.segment,
        mac=loose.mac,
        addresses=loose.addresses,
        iface_id=f"{name}{loose.iface_id}",
    )
    return Manifest(Ref(Kind.PORT, DEFAULT_PROJECT, name), spec)


def _at_linux_bridge(loose: PortSpec) -> tuple[PortSpec, PortType]:
    says_something = loose.settings != PORT_DEFAULTS
    enslaved = (PortType.VETH, PortType.TAP, PortType.SYSTEM)
    told = replace(
        loose,
        tag=(loose.tag or 7) if says_something else None,
        settings=FULL_BRIDGE_PORT if says_something else PORT_DEFAULTS,
    )
    return told, loose.type if loose.type in enslaved else PortType.VETH


def plausible_manifests() -> st.SearchStrategy[Manifest]:
    """Manifests that one by one could be accepted, over few names."""
    return st.one_of(
        host_manifests(),
        bridge_manifests(),
        _manifests(Kind.SEGMENT, SEGMENTS, segment_specs()),
        _manifests(Kind.TUNNEL, TUNNELS, tunnel_specs()),
        st.one_of(
            _manifests(Kind.TUNNEL_PROFILE, PROFILES, profile_specs()),
            _manifests(Kind.POOL, POOLS, pool_specs()),
            _manifests(Kind.TRANSPORT_ZONE, ZONES, zone_specs()),
        ),
        watcher_manifests(PORTS, SEGMENTS),
        port_manifests(),
        port_manifests(),
        port_manifests(),
    )


def _manifests(
    kind: Kind, names: tuple[str, ...], specs: st.SearchStrategy[Spec]
) -> st.SearchStrategy[Manifest]:
    refs = st.builds(Ref, st.just(kind), st.just(DEFAULT_PROJECT), st.sampled_from(names))
    return st.builds(Manifest, refs, specs)


def removals() -> st.SearchStrategy[Removal]:
    names: dict[Kind, tuple[str, ...]] = {
        Kind.HOST: HOSTS,
        Kind.BRIDGE: (*BRIDGES, LINUX_BRIDGE, GROUP_BRIDGE),
        Kind.SEGMENT: SEGMENTS,
        Kind.PORT: PORTS,
        Kind.TUNNEL: TUNNELS,
        Kind.POOL: POOLS,
        Kind.TRANSPORT_ZONE: ZONES,
        Kind.TUNNEL_PROFILE: PROFILES,
    }
    names |= WATCHERS
    refs = [Ref(kind, DEFAULT_PROJECT, name) for kind, found in names.items() for name in found]
    return st.builds(Removal, st.sampled_from(refs), missing_ok=st.booleans())
