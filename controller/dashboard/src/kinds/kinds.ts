/** The kinds of intent, as screens name and reach them. */

import type { components } from "../api/schema";

export type Kind = components["schemas"]["Kind"];

export interface KindInfo {
  kind: Kind;
  /** Its part of the path, of the API and of this page alike: `/v1/<collection>`, `/<collection>`. */
  collection: Collection;
  /** As it stands in a sentence. */
  noun: string;
  plural: string;
  /** Owned by projects; what is not is shared by all. */
  ofProjects: boolean;
  /** Can be asked for by the host that it is on. */
  onHosts: boolean;
  /** Has a history of rates. */
  counted: boolean;
}

export type Collection =
  | "hosts"
  | "segments"
  | "ports"
  | "bridges"
  | "tunnels"
  | "host-groups"
  | "transport-zones"
  | "pools"
  | "tunnel-profiles"
  | "qos-policies"
  | "mirrors"
  | "flow-exports";

const kind = (
  kind: Kind,
  collection: Collection,
  noun: string,
  more: Partial<Pick<KindInfo, "plural" | "ofProjects" | "onHosts" | "counted">> = {},
): KindInfo => ({
  kind,
  collection,
  noun,
  plural: `${noun}s`,
  ofProjects: false,
  onHosts: false,
  counted: false,
  ...more,
});

export const KINDS: readonly KindInfo[] = [
  kind("Host", "hosts", "host", { counted: true }),
  kind("Segment", "segments", "segment", { ofProjects: true, counted: true }),
  kind("Port", "ports", "port", { ofProjects: true, onHosts: true, counted: true }),
  kind("Bridge", "bridges", "bridge", { onHosts: true }),
  kind("Tunnel", "tunnels", "tunnel", { onHosts: true, counted: true }),
  kind("HostGroup", "host-groups", "host group"),
  kind("TransportZone", "transport-zones", "transport zone"),
  kind("Pool", "pools", "pool"),
  kind("TunnelProfile", "tunnel-profiles", "tunnel profile"),
  kind("QosPolicy", "qos-policies", "QoS policy", { plural: "QoS policies" }),
  kind("Mirror", "mirrors", "mirror", { onHosts: true }),
  kind("FlowExport", "flow-exports", "flow export"),
];

const BY_KIND = new Map(KINDS.map((info) => [info.kind, info]));
const BY_COLLECTION = new Map<string, KindInfo>(KINDS.map((info) => [info.collection, info]));

export const DEFAULT_PROJECT = "default";

export function infoOf(kind: Kind): KindInfo {
  const info = BY_KIND.get(kind);
  if (!info) throw new Error(`no such kind: ${kind}`);
  return info;
}

export const ofCollection = (collection: string): KindInfo | undefined =>
  BY_COLLECTION.get(collection);

export const isKind = (word: string): word is Kind => BY_KIND.has(word as Kind);

/** At the beginning of a heading or a sentence. */
export const capitalized = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** Where the page of an object is. */
export function pathOf(kind: Kind, name: string, project?: string | null): string {
  const { collection, ofProjects } = infoOf(kind);
  const path = `/${collection}/${encodeURIComponent(name)}`;
  const other = ofProjects && project && project !== DEFAULT_PROJECT;
  return other ? `${path}?project=${encodeURIComponent(project)}` : path;
}
