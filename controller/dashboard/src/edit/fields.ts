/** What the forms know of each kind: the fields of its spec, from the API's own description.
 *
 * What is said here on top is only what helps a person: which fields come first, which have a
 * meaning for which choice, and which name other objects. */

import type { Kind } from "../kinds/kinds";
import { FIRST, ONLY_WITH } from "./order";
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
  const shown = fieldsOf(kind).filter(isShown);
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
const CAPITALS = /\b(bpdu|dscp|erspan|pvid|rx|tx|vni|vtep|vteps|mtu|mac|ip|vlan|vlans|stp|rstp|qos|bfd|ttl|tos|df|id|ids|arp|udp|lacp|gbp|ovs|uid|gid|mld|igmp)\b/g;

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
