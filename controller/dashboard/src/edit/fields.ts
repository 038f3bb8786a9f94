/** What the forms know of each kind: the fields of its spec, from the API's own description.
 *
 * What is said here on top is only what helps a person: which fields come first, which have a
 * meaning for which choice, and which name other objects. */

import type { Kind } from "../kinds/kinds";
import specs from "./specs.json";

export interface Field {
  name: string;
  description: string;
  required: boolean;
  nullable: boolean;
  default: unknown;
  type: "text" | "integer" | "number" | "boolean" | "choice" | "list" | "map" | "object";
  options?: string[];
  /** What may stand in place of a number: `auto`, `inherit`. */
  words?: string[];
  items?: Omit<Field, "name" | "description" | "required" | "nullable" | "default">;
  fields?: Field[];
}

export type Values = Record<string, unknown>;

export const fieldsOf = (kind: Kind): Field[] => specs[kind] as Field[];

/** Most people need these; the rest is folded away. In this order. */
const FIRST: Record<Kind, string[]> = {
  Host: ["vteps", "vtep_pool", "zones", "underlay_mtu", "overlay_bridge_type", "state"],
  Segment: ["vni", "mtu", "subnets", "backend", "topology", "hubs", "links", "zone"],
  Port: ["host", "segment", "bridge", "type", "interface", "iface_id", "tag", "addresses", "mac"],
  Bridge: ["host", "host_group", "interface", "type", "datapath_type", "fail_mode"],
  Tunnel: ["ends", "key", "dst_port", "address_family"],
  HostGroup: ["selector"],
  TransportZone: ["vni_pool", "vtep_pool"],
  Pool: ["type", "ranges", "quarantine_s"],
  TunnelProfile: ["dst_port", "ttl", "tos", "csum", "df_default", "gbp"],
  QosPolicy: ["type", "max_rate_bps", "queues"],
  Mirror: ["host", "bridge", "select_all", "select_src_ports", "select_dst_ports", "output_port"],
  FlowExport: ["protocol", "targets", "host_group", "overlay", "sampling"],
};

/** Fields that mean something only beside a certain choice. */
const ONLY_WITH: Partial<Record<Kind, Record<string, (spec: Values) => boolean>>> = {
  Port: {
    bond: ({ type }) => type === "bond",
    patch: ({ type }) => type === "patch",
    peer: ({ type }) => type === "veth",
    tap_owner: ({ type }) => type === "tap",
    iface_id: ({ type }) => type === "bound",
    interface: ({ type }) => type !== "bound",
  },
  Bridge: {
    linux: ({ type }) => type === "linux",
    datapath_type: ({ type }) => type !== "linux",
    fail_mode: ({ type }) => type !== "linux",
    stp: ({ type }) => type !== "linux",
    rstp: ({ type }) => type !== "linux",
    protocols: ({ type }) => type !== "linux",
    mcast_snooping: ({ type }) => type !== "linux",
  },
  Segment: {
    hubs: ({ topology }) => topology === "hub_spoke",
    links: ({ topology }) => topology === "explicit",
  },
  QosPolicy: {
    queues: ({ type }) => type === undefined || /htb|hfsc/.test(String(type)),
    max_rate_bps: ({ type }) => type === undefined || /htb|hfsc/.test(String(type)),
  },
};

/** Fields that name an object of another kind. */
export const REFERENCES: Record<string, Kind> = {
  host: "Host",
  migrating_to: "Host",
  hubs: "Host",
  a: "Host",
  b: "Host",
  segment: "Segment",
  select_segments: "Segment",
  bridge: "Bridge",
  host_group: "HostGroup",
  zone: "TransportZone",
  zones: "TransportZone",
  vni_pool: "Pool",
  vtep_pool: "Pool",
  tunnel_profile: "TunnelProfile",
  qos_policy: "QosPolicy",
  output_port: "Port",
  select_src_ports: "Port",
  select_dst_ports: "Port",
};

export interface Sorted {
  first: Field[];
  /** Folded away until asked for. */
  more: Field[];
}

/** The fields that a form shows for a spec as it is now; what has a value is never hidden. */
export function sorted(kind: Kind, spec: Values): Sorted {
  const rules = ONLY_WITH[kind] ?? {};
  const shown = fieldsOf(kind).filter(({ name }) => name in spec || (rules[name]?.(spec) ?? true));
  const order = FIRST[kind];
  const isFirst = ({ name, required }: Field) => required || order.includes(name);
  const place = ({ name }: Field) => (order.includes(name) ? order.indexOf(name) : order.length);
  return {
    first: shown.filter(isFirst).sort((a, b) => place(a) - place(b)),
    more: shown.filter((field) => !isFirst(field)),
  };
}

const UNITS: [suffix: RegExp, unit: string][] = [
  [/_ms$/, "ms"],
  [/_us$/, "µs"],
  [/_s$/, "seconds"],
  [/_bps$/, "bit/s"],
  [/_kbps$/, "kbit/s"],
  [/_kb$/, "kbit"],
  [/_percent$/, "%"],
];
const CAPITALS = /\b(vni|vtep|vteps|mtu|mac|ip|vlan|vlans|stp|rstp|qos|bfd|ttl|tos|df|id|ids|arp|udp|lacp|gbp|ovs|uid|gid|mld|igmp)\b/g;

/** A field's name as a label: its unit in brackets, abbreviations in capitals. */
export function labelOf(name: string): string {
  const found = UNITS.find(([suffix]) => suffix.test(name));
  const words = (found ? name.replace(found[0], "") : name).replaceAll("_", " ");
  const cased = words.replace(CAPITALS, (word) =>
    word.endsWith("s") && word.length > 3 ? `${word.slice(0, -1).toUpperCase()}s` : word.toUpperCase(),
  );
  const label = cased.charAt(0).toUpperCase() + cased.slice(1);
  return found ? `${label} (${found[1]})` : label;
}
