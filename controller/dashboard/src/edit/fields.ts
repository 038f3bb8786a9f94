/** What the forms know of each kind: the fields of its spec, from the API's own description.
 *
 * What is said here on top is only what helps a person: which fields come first, which have a
 * meaning for which choice, and which name other objects. */

import type { Kind } from "../kinds/kinds";
import { FIRST, FIRST_WITHIN, ONLY_WITH, REQUIRED_WITH } from "./order";
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

/** The fields that a form shows for a spec as it is now; what has a value or a fault is never
 * hidden. */
export function sorted(kind: Kind, spec: Values, faulty: readonly string[] = []): Sorted {
  const rules = ONLY_WITH[kind] ?? {};
  const isShown = ({ name }: Field) =>
    name in spec || faulty.includes(name) || (rules[name]?.(spec) ?? true);
  const needs = REQUIRED_WITH[kind] ?? {};
  const needed = (field: Field): Field => (needs[field.name]?.(spec) ? { ...field, required: true } : field);
  const shown = fieldsOf(kind).filter(isShown).map(needed);
  const order = FIRST[kind];
  const isFirst = ({ name, required }: Field) => required || order.includes(name);
  const place = ({ name }: Field) => (order.includes(name) ? order.indexOf(name) : order.length);
  return {
    first: shown.filter(isFirst).sort((a, b) => place(a) - place(b)),
    more: shown.filter((field) => !isFirst(field)),
  };
}

/** Those of a group within a form: what is required, then what the others depend on. */
export function ordered(fields: Field[]): Field[] {
  const place = ({ name }: Field) => (FIRST_WITHIN.includes(name) ? FIRST_WITHIN.indexOf(name) : FIRST_WITHIN.length);
  return [...fields].sort((a, b) => Number(b.required) - Number(a.required) || place(a) - place(b));
}

const UNITS: [suffix: RegExp, unit: string][] = [
  [/_ms$/, "ms"],
  [/_us$/, "µs"],
  [/_s$/, "seconds"],
  [/_bps$/, "bit/s"],
  [/_kbps$/, "kbit/s"],
  [/_kb$/, "kbit"],
  [/_b$/, "bytes"],
  [/_percent$/, "%"],
];
const CAPITALS =
  /\b(arp|bfd|bpdu|df|dscp|erspan|gbp|gid|id|ids|igmp|ip|lacp|mac|mld|mtu|nf|pvid|qos|rstp|rx|stp|tos|ttl|tx|udp|uid|ovs|vlan|vlans|vni|vtep|vteps)\b/gi;

/** Where the field's own name says too little, or another unit than it seems to. */
const LABELS: Record<string, string> = {
  a: "One host",
  b: "Other host",
  burst_b: "Burst (bits)",
  csum: "UDP checksums",
  cvlans: "Customer VLANs",
  df_default: "Don’t fragment",
  dst_port: "UDP port",
  external_ids: "External IDs",
  gbp: "Group policy (GBP)",
  hwaddr: "MAC address",
  kpkts_burst: "Burst (1,000 packets)",
  kpkts_rate: "Rate (1,000 packets/s)",
  mac: "MAC address",
  mult: "Multiplier",
  netns: "Network namespace",
  nf_call_arptables: "Call arptables",
  nf_call_ip6tables: "Call ip6tables",
  nf_call_iptables: "Call iptables",
  obs_domain_id: "Observation domain",
  obs_point_id: "Observation point",
  select_all: "All traffic",
  select_dst_ports: "Destination ports",
  select_segments: "Segments",
  select_src_ports: "Source ports",
  select_vlans: "VLANs",
  snaplen: "Snap length (bytes)",
  tag: "VLAN tag",
  trunks: "Trunk VLANs",
  ttl_s: "Lifetime (seconds)",
  tunnel: "Output tunnel",
  underlay_mtu: "Underlay MTU (bytes)",
};

/** A field's name as a label: its unit in brackets, abbreviations in capitals. */
export function labelOf(name: string): string {
  const given = LABELS[name];
  if (given) return given;
  const found = UNITS.find(([suffix]) => suffix.test(name));
  const words = (found ? name.replace(found[0], "") : name).replaceAll("_", " ");
  const cased = words.replace(CAPITALS, (word) =>
    word.endsWith("s") && word.length > 3 ? `${word.slice(0, -1).toUpperCase()}s` : word.toUpperCase(),
  );
  const label = cased.charAt(0).toUpperCase() + cased.slice(1);
  return found ? `${label} (${found[1]})` : label;
}

/** A label within a sentence: abbreviations stay in capitals. */
export const inSentence = (label: string): string =>
  /^[A-Z][a-z]/.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label;
