/** Which fields come first, and which mean something only beside a certain choice. */

import type { Kind } from "../kinds/kinds";

type Spec = Record<string, unknown>;
type Rule = (spec: Spec) => boolean;

/** Most people need these; the rest is folded away. In this order. */
export const FIRST: Record<Kind, string[]> = {
  Host: ["vteps", "vtep_pool", "zones", "underlay_mtu", "overlay_bridge_type", "management_interface", "state"],
  Segment: ["vni", "mtu", "subnets", "zone", "backend", "topology", "hubs", "links"],
  Port: [
    "host",
    "segment",
    "bridge",
    "type",
    "interface",
    "iface_id",
    "bond",
    "patch",
    "peer",
    "tap_owner",
    "tag",
    "addresses",
    "mac",
  ],
  Bridge: ["host", "host_group", "interface", "type", "linux", "datapath_type", "fail_mode"],
  Tunnel: ["ends", "key", "dst_port", "address_family"],
  HostGroup: ["selector"],
  TransportZone: ["vni_pool", "vtep_pool"],
  Pool: ["type", "ranges", "quarantine_s"],
  TunnelProfile: ["dst_port", "ttl", "tos", "csum", "df_default", "gbp"],
  QosPolicy: [
    "type",
    "max_rate_bps",
    "queues",
    "target_us",
    "interval_us",
    "latency_us",
    "jitter_us",
    "loss_percent",
    "limit",
    "flows",
    "quantum_b",
    "perturb_s",
  ],
  Mirror: [
    "host",
    "bridge",
    "select_all",
    "select_src_ports",
    "select_dst_ports",
    "select_segments",
    "select_vlans",
    "output_port",
    "output_vlan",
    "tunnel",
  ],
  FlowExport: ["protocol", "targets", "host_group", "overlay", "bridge_selector", "sampling"],
};

/** Of groups of fields, such as the ends of a tunnel. */
export const FIRST_WITHIN = ["enabled", "id", "members", "mode", "type", "host", "bridge", "netns", "interface", "remote_ip", "ip", "tag"];

const isBound: Rule = ({ type }) => type === "bound";

/** What is missing beside a certain choice if it is left out. */
export const REQUIRED_WITH: Partial<Record<Kind, Record<string, Rule>>> = {
  Port: {
    host: (spec) => !isBound(spec),
    interface: (spec) => !isBound(spec),
    iface_id: isBound,
    bond: ({ type }) => type === "bond",
    patch: ({ type }) => type === "patch",
    peer: ({ type }) => type === "veth",
  },
  Segment: {
    hubs: ({ topology }) => topology === "hub_spoke",
    links: ({ topology }) => topology === "explicit",
  },
};

const isOvs: Rule = ({ type }) => type !== "linux";
const onBridge: Rule = ({ segment }) => !segment;
const ofType =
  (...types: string[]): Rule =>
  ({ type = "linux-htb" }) =>
    types.includes(String(type));
const ofProtocol =
  (...protocols: string[]): Rule =>
  ({ protocol }) =>
    protocol === undefined || protocols.includes(String(protocol));

const classes = ofType("linux-htb", "linux-hfsc");
const codel = ofType("linux-codel", "linux-fq_codel");
const netem = ofType("linux-netem");

/** A field that is not here always means something. */
export const ONLY_WITH: Partial<Record<Kind, Record<string, Rule>>> = {
  Host: {
    vtep_pool: ({ vteps }) => !Array.isArray(vteps) || vteps.length === 0,
    datapath_type: ({ overlay_bridge_type }) => overlay_bridge_type !== "linux",
  },
  Port: {
    segment: ({ bridge }) => !bridge,
    bridge: onBridge,
    bond: ({ type }) => type === "bond",
    patch: ({ type }) => type === "patch",
    peer: ({ type }) => type === "veth",
    tap_owner: ({ type }) => type === "tap",
    iface_id: isBound,
    interface: (spec) => !isBound(spec),
    tag: onBridge,
    trunks: onBridge,
    cvlans: onBridge,
    vlan_mode: onBridge,
    priority_tags: onBridge,
    qinq_ethtype: onBridge,
    protected: onBridge,
    stp: onBridge,
    rstp: onBridge,
    bridge_port: onBridge,
    mcast_snooping: onBridge,
  },
  Bridge: {
    host: ({ host_group }) => !host_group,
    host_group: ({ host }) => !host,
    linux: ({ type }) => type === "linux",
    datapath_type: isOvs,
    datapath_id: isOvs,
    fail_mode: isOvs,
    forward_bpdu: isOvs,
    mac_aging_time_s: isOvs,
    mac_table_size: isOvs,
    stp: isOvs,
    rstp: isOvs,
    protocols: isOvs,
    mcast_snooping: isOvs,
  },
  Segment: {
    hubs: ({ topology }) => topology === "hub_spoke",
    links: ({ topology }) => topology === "explicit",
    vni_pool: ({ vni }) => vni === undefined,
  },
  QosPolicy: {
    queues: classes,
    max_rate_bps: classes,
    target_us: codel,
    interval_us: codel,
    flows: ofType("linux-fq_codel"),
    quantum_b: ofType("linux-fq_codel", "linux-sfq"),
    perturb_s: ofType("linux-sfq"),
    limit: ofType("linux-codel", "linux-fq_codel", "linux-netem"),
    latency_us: netem,
    jitter_us: netem,
    loss_percent: netem,
  },
  FlowExport: {
    active_timeout_s: ofProtocol("netflow", "ipfix"),
    add_id_to_interface: ofProtocol("netflow"),
    engine_id: ofProtocol("netflow"),
    engine_type: ofProtocol("netflow"),
    agent: ofProtocol("sflow"),
    header_b: ofProtocol("sflow"),
    polling_s: ofProtocol("sflow"),
    sampling: ofProtocol("sflow", "ipfix"),
    cache_max_flows: ofProtocol("ipfix"),
    obs_domain_id: ofProtocol("ipfix"),
    obs_point_id: ofProtocol("ipfix"),
  },
};
