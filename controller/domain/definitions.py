"""Specs of what other objects refer to, and of what watches traffic: groups, zones, pools,
profiles, policies, mirrors and exports.

Words and units are those of ovs-vswitchd.conf.db(5) and RFC 7348. None leaves a setting to whoever
has it. Stored as one document for each object (``docs/adr/0012``). Owns nothing; the rules are in
``validation``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from controller.domain.safety import DriftPolicy

# --- which hosts ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostGroupSpec:
    """The hosts whose labels a selector matches, now and whenever one changes."""

    selector: str
    """As in ``label_selector``: ``k=v``, ``k!=v``, ``k in (a,b)``, ``k``, ``!k``, with commas."""


@dataclass(frozen=True, slots=True)
class TransportZoneSpec:
    """Hosts that reach each other's VTEPs. A segment in a zone takes ports on its hosts alone."""

    vni_pool: str | None = None
    """A Pool that segments of the zone take their VNIs from."""
    vtep_pool: str | None = None
    """A Pool that hosts of the zone without a VTEP take one from."""


class PoolType(enum.StrEnum):
    VNI = "vni"
    VTEP = "vtep"


@dataclass(frozen=True, slots=True)
class PoolSpec:
    type: PoolType
    ranges: tuple[str, ...]
    """``first-last``, both included, or one value alone: of VNIs, or of addresses of one family."""
    quarantine_s: int = 0
    """How long a released value is not given out again, beyond what its hosts must confirm."""


# --- tunnels -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bfd:
    """RFC 5880 over each tunnel, column ``bfd`` of table Interface; Open vSwitch only."""

    enabled: bool | None = None
    min_rx_ms: int | None = None
    min_tx_ms: int | None = None
    decay_min_rx_ms: int | None = None
    forwarding_if_rx: bool | None = None
    cpath_down: bool | None = None
    check_tnl_key: bool | None = None
    bfd_local_dst_mac: str | None = None
    bfd_remote_dst_mac: str | None = None
    bfd_src_ip: str | None = None
    bfd_dst_ip: str | None = None
    mult: int | None = None


@dataclass(frozen=True, slots=True)
class TunnelProfileSpec:
    """What the tunnels of the segments that refer to it are like."""

    dst_port: int | None = None
    """UDP port of segments that name none."""
    ttl: int | str | None = None
    """1..255 or ``inherit``."""
    tos: int | str | None = None
    """0..255 or ``inherit``."""
    csum: bool | None = None
    df_default: bool | None = None
    flow_label: int | None = None
    """0..1048575, of IPv6; the kernel only."""
    gbp: bool | None = None
    """``options:exts=gbp``, the VXLAN group policy extension."""
    egress_pkt_mark: int | None = None
    """32 bits; Open vSwitch only."""
    source_port_min: int | None = None
    """Both or neither; the kernel only."""
    source_port_max: int | None = None
    bfd: Bfd | None = None


# --- quality of service --------------------------------------------------------------------------


class QosType(enum.StrEnum):
    HTB = "linux-htb"
    HFSC = "linux-hfsc"
    SFQ = "linux-sfq"
    CODEL = "linux-codel"
    FQ_CODEL = "linux-fq_codel"
    NETEM = "linux-netem"
    NOOP = "linux-noop"


@dataclass(frozen=True, slots=True)
class QueueSpec:
    id: int
    """0 is the one that packets take by default."""
    min_rate_bps: int | None = None
    max_rate_bps: int | None = None
    burst_b: int | None = None
    """Bits."""
    priority: int | None = None
    dscp: int | None = None


@dataclass(frozen=True, slots=True)
class QosPolicySpec:
    """How the ports that refer to it send: table QoS. Its columns are each type's own."""

    type: QosType = QosType.HTB
    max_rate_bps: int | None = None
    """linux-htb and linux-hfsc: of all queues together."""
    perturb_s: int | None = None
    quantum_b: int | None = None
    """linux-sfq, linux-fq_codel: bytes."""
    limit: int | None = None
    """linux-codel, linux-fq_codel, linux-netem: packets."""
    target_us: int | None = None
    interval_us: int | None = None
    flows: int | None = None
    latency_us: int | None = None
    """linux-netem."""
    jitter_us: int | None = None
    loss_percent: int | None = None
    queues: tuple[QueueSpec, ...] = ()


# --- mirrors and flows ---------------------------------------------------------------------------


class MirrorTunnelType(enum.StrEnum):
    GRE = "gre"
    ERSPAN = "erspan"


@dataclass(frozen=True, slots=True)
class MirrorTunnelSpec:
    """Copies go to a collector in a tunnel of their own."""

    type: MirrorTunnelType
    remote_ip: str
    local_ip: str | None = None
    """None: the host's VTEP of the same family."""
    key: int | None = None
    """32 bits; for ERSPAN the session, 10 bits."""
    erspan_ver: int | None = None
    """1 or 2."""
    erspan_idx: int | None = None
    """Version 1: 20 bits."""
    erspan_dir: int | None = None
    """Version 2: 0 ingress, 1 egress."""
    erspan_hwid: int | None = None
    """Version 2: 6 bits."""


@dataclass(frozen=True, slots=True)
class MirrorSpec:
    """Copies of the packets of one bridge: table Mirror."""

    host: str
    bridge: str | None = None
    """A Bridge of the host; None: the bridge that its segments are on."""
    select_all: bool = False
    select_src_ports: tuple[str, ...] = ()
    """Ports, by name in intent as ``project/name``, or ``name`` in the default project: what enters
    the bridge there."""
    select_dst_ports: tuple[str, ...] = ()
    """What leaves the bridge there."""
    select_vlans: tuple[int, ...] = ()
    """On an explicit bridge."""
    select_segments: tuple[str, ...] = ()
    """On the bridge of the segments, by name as ports are."""
    output_port: str | None = None
    """A Port, which gets copies and nothing else. Exactly one of the three outputs."""
    output_vlan: int | None = None
    tunnel: MirrorTunnelSpec | None = None
    snaplen: int | None = None
    """Bytes of each packet, 14..65535; None: all."""
    ttl_s: int | None = None
    """How long after its last change the controller takes the mirror away again."""
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE


class FlowProtocol(enum.StrEnum):
    NETFLOW = "netflow"
    SFLOW = "sflow"
    IPFIX = "ipfix"


@dataclass(frozen=True, slots=True)
class FlowExportSpec:
    """Records of flows to collectors: tables NetFlow, sFlow and IPFIX."""

    protocol: FlowProtocol
    targets: tuple[str, ...]
    """``ip:port``, or ``[ip]:port`` for IPv6."""
    host_group: str | None = None
    """A HostGroup; None: all hosts with Open vSwitch."""
    overlay: bool = True
    """Whether it is for the bridges that segments are on."""
    bridge_selector: str | None = None
    """Labels of the explicit Bridges that it is for; None: none of them."""
    sampling: int | None = None
    """sFlow and IPFIX: one packet of so many."""
    active_timeout_s: int | None = None
    """NetFlow; IPFIX: of its cache."""
    engine_id: int | None = None
    """NetFlow."""
    engine_type: int | None = None
    add_id_to_interface: bool | None = None
    agent: str | None = None
    """sFlow: the device whose address it reports as its own."""
    header_b: int | None = None
    """sFlow: bytes of each packet."""
    polling_s: int | None = None
    """sFlow: of counters."""
    obs_domain_id: int | None = None
    """IPFIX."""
    obs_point_id: int | None = None
    cache_max_flows: int | None = None
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE
