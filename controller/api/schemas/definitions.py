"""Shapes of the specs of groups, zones, pools, profiles, policies, mirrors and exports of flows.

Every field stands under the name it has in ``controller.domain.definitions``. Owns nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from controller.api.schemas.base import Shape, Text

# No rule of intent, only a bound for what one request can make the checks say.
_FEW = 256


def _checked_inheritable(value: object) -> object:
    if value == "inherit" or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("inheritable_type", "must be an integer or the word inherit")


Inheritable = Annotated[int | Literal["inherit"], BeforeValidator(_checked_inheritable)]
DriftPolicyName: TypeAlias = Literal["enforce", "report", "ignore"]
Texts = Annotated[list[Text], Field(max_length=_FEW)]


class PoolSpec(Shape):
    type: Literal["vni", "vtep"]
    """What it gives out: VNIs to segments, or VTEPs to hosts."""
    ranges: Annotated[list[Text], Field(min_length=1, max_length=_FEW)]
    """`first-last`, both included, or one value alone: of VNIs, or of addresses of one family."""
    quarantine_s: int = 0
    """Seconds that a released value is not given out again; 0..2592000."""


class TransportZoneSpec(Shape):
    vni_pool: Text | None = None
    """A Pool that segments of the zone take their VNIs from."""
    vtep_pool: Text | None = None
    """A Pool that hosts of the zone without a VTEP take one from."""


class HostGroupSpec(Shape):
    selector: Annotated[str, Field(max_length=2048)]
    """Labels of its hosts: `k=v`, `k!=v`, `k in (a,b)`, `k`, `!k`, with commas."""


class Bfd(Shape):
    """RFC 5880 over each tunnel; Open vSwitch only."""

    enabled: bool | None = None
    """Whether each tunnel is watched."""
    min_rx_ms: int | None = None
    """1..60000."""
    min_tx_ms: int | None = None
    """1..60000."""
    decay_min_rx_ms: int | None = None
    """0 (never), or at least min_rx_ms."""
    forwarding_if_rx: bool | None = None
    """Take a tunnel that packets come from for up."""
    cpath_down: bool | None = None
    """Tell the other end to send nothing here."""
    check_tnl_key: bool | None = None
    """Take only BFD packets whose VNI is 0."""
    bfd_local_dst_mac: Text | None = None
    """MAC address that BFD packets are sent to."""
    bfd_remote_dst_mac: Text | None = None
    """MAC address that BFD packets have to be for; any when it is left out."""
    bfd_src_ip: Text | None = None
    """IPv4 address that BFD packets are sent from."""
    bfd_dst_ip: Text | None = None
    """IPv4 address that BFD packets are sent to."""
    mult: int | None = None
    """1..255."""


class TunnelProfileSpec(Shape):
    dst_port: int | None = None
    """UDP port of segments that name none."""
    ttl: Inheritable | None = None
    """1..255 or `inherit`."""
    tos: Inheritable | None = None
    """0..255 or `inherit`."""
    csum: bool | None = None
    """Whether UDP checksums are sent."""
    df_default: bool | None = None
    """Whether outer packets must not be fragmented."""
    flow_label: int | None = None
    """0..1048575, of IPv6; kernel backend only."""
    gbp: bool | None = None
    """The VXLAN group policy extension; all tunnels of a UDP port have it, or none."""
    egress_pkt_mark: int | None = None
    """0..4294967295; ovs backend only."""
    source_port_min: int | None = None
    """UDP port; both or neither; kernel backend only."""
    source_port_max: int | None = None
    """UDP port; both or neither; kernel backend only."""
    bfd: Bfd | None = None


class Queue(Shape):
    id: int
    """0..4294967295; 0 is the one that packets take by default."""
    min_rate_bps: int | None = None
    """Bits a second that it gets in any case."""
    max_rate_bps: int | None = None
    """Bits a second that it never exceeds."""
    burst_b: int | None = None
    """Bits."""
    priority: int | None = None
    """0..4294967295; less is served first."""
    dscp: int | None = None
    """0..63."""


class QosPolicySpec(Shape):
    type: Literal[
        "linux-htb",
        "linux-hfsc",
        "linux-sfq",
        "linux-codel",
        "linux-fq_codel",
        "linux-netem",
        "linux-noop",
    ] = "linux-htb"
    """The kernel's queueing discipline: classes by htb and hfsc, fair queues by sfq, short ones by
    codel and fq_codel, delay and loss by netem, nothing by noop."""
    max_rate_bps: int | None = None
    """linux-htb and linux-hfsc: of all queues together, in bits a second."""
    perturb_s: int | None = None
    """linux-sfq."""
    quantum_b: int | None = None
    """linux-sfq and linux-fq_codel; bytes."""
    limit: int | None = None
    """linux-codel, linux-fq_codel and linux-netem; packets."""
    target_us: int | None = None
    """linux-codel and linux-fq_codel."""
    interval_us: int | None = None
    """linux-codel and linux-fq_codel."""
    flows: int | None = None
    """linux-fq_codel."""
    latency_us: int | None = None
    """linux-netem."""
    jitter_us: int | None = None
    """linux-netem."""
    loss_percent: int | None = None
    """linux-netem; 0..100."""
    queues: list[Queue] = Field(default_factory=list, max_length=_FEW)
    """linux-htb and linux-hfsc."""


class MirrorTunnel(Shape):
    type: Literal["gre", "erspan"]
    """How copies are wrapped."""
    remote_ip: Text
    """Address of the collector."""
    local_ip: Text | None = None
    """The host's VTEP of the same family when it is left out."""
    key: int | None = None
    """0..4294967295; for ERSPAN the session, 0..1023."""
    erspan_ver: int | None = None
    """1 or 2."""
    erspan_idx: int | None = None
    """Version 1: 0..1048575."""
    erspan_dir: int | None = None
    """Version 2: 0 ingress, 1 egress."""
    erspan_hwid: int | None = None
    """Version 2: 0..63."""


class MirrorSpec(Shape):
    host: Text
    """Where the traffic is."""
    bridge: Text | None = None
    """A Bridge of the host; left out: the bridge that its segments are on."""
    select_all: bool = False
    """Everything on the bridge."""
    select_src_ports: Texts = Field(default_factory=list)
    """Ports as `project/name`, or `name` in the default project: what enters the bridge there."""
    select_dst_ports: Texts = Field(default_factory=list)
    """What leaves the bridge there."""
    select_vlans: list[int] = Field(default_factory=list, max_length=4096)
    """0..4095, on an explicit bridge."""
    select_segments: Texts = Field(default_factory=list)
    """As `project/name`, or `name` in the default project, on the bridge of the segments."""
    output_port: Text | None = None
    """A Port, which gets copies and nothing else. Exactly one of the three outputs."""
    output_vlan: int | None = None
    """1..4094, on an explicit bridge."""
    tunnel: MirrorTunnel | None = None
    """To a collector somewhere else."""
    snaplen: int | None = None
    """Bytes of each packet, 14..65535; all when it is left out."""
    ttl_s: int | None = None
    """The controller deletes the mirror so long after its last change."""
    drift_policy: DriftPolicyName = "enforce"
    """What the agents do when somebody else changes it on a host: mend it, leave and tell, or leave
    it."""


class FlowExportSpec(Shape):
    protocol: Literal["netflow", "sflow", "ipfix"]
    """What the collectors speak."""
    targets: Annotated[list[Text], Field(min_length=1, max_length=_FEW)]
    """`ip:port`, or `[ip]:port` for IPv6."""
    host_group: Text | None = None
    """A HostGroup; all hosts with Open vSwitch when it is left out."""
    overlay: bool = True
    """Whether it is for the bridges that segments are on."""
    bridge_selector: Annotated[str, Field(max_length=2048)] | None = None
    """Labels of the explicit Bridges that it is for; none of them when it is left out."""
    sampling: int | None = None
    """sFlow and IPFIX: one packet of so many."""
    active_timeout_s: int | None = None
    """NetFlow: 0 (default), or -1 for never. IPFIX: of its cache, 0..4200."""
    engine_id: int | None = None
    """NetFlow; 0..255."""
    engine_type: int | None = None
    """NetFlow; 0..255."""
    add_id_to_interface: bool | None = None
    """NetFlow."""
    agent: Text | None = None
    """sFlow: the device whose address it reports as its own."""
    header_b: int | None = None
    """sFlow: bytes of each packet."""
    polling_s: int | None = None
    """sFlow: of counters."""
    obs_domain_id: int | None = None
    """IPFIX; 0..4294967295."""
    obs_point_id: int | None = None
    """IPFIX; 0..4294967295."""
    cache_max_flows: int | None = None
    """IPFIX."""
    drift_policy: DriftPolicyName = "enforce"
    """What the agents do when somebody else changes it on a host: mend it, leave and tell, or leave
    it."""
