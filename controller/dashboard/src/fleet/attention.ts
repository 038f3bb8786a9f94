/** What needs a person, worst first. Pure. */

import { blockingCondition, hostsOf, type Host, type Phase, type Port } from "../api/documents";
import type { Segment, Tunnel } from "../api/documents";

/** What people can be told to look after. */
export type Watched = Host | Segment | Port | Tunnel;

export interface AttentionItem {
  key: string;
  kind: Watched["kind"];
  name: string;
  /** Where to look further; null for what is on no single host. */
  host: string | null;
  phase: Phase;
  reason: string;
  message: string;
  /** Ports that merely wait for this host. */
  waiting: number;
}

const URGENCY: Record<Phase, number> = { Failed: 0, Degraded: 1, Unknown: 2, Pending: 3, Ready: 4 };

/** Ports that wait for an ailing host are counted with the host: one cause, one line. */
export function needsAttention(
  hosts: Host[],
  segments: Segment[],
  ports: Port[],
  tunnels: Tunnel[],
): AttentionItem[] {
  const ailing = new Set(hosts.filter(isNotReady).map((host) => host.metadata.name));
  const waitsForHost = (port: Port) =>
    hostsOf(port).some((host) => ailing.has(host)) &&
    (port.status.phase === "Unknown" || port.status.phase === "Pending");
  const waiting = new Map<string, number>();
  for (const port of ports.filter(isNotReady).filter(waitsForHost))
    for (const host of hostsOf(port)) waiting.set(host, (waiting.get(host) ?? 0) + 1);
  const items = [
    ...hosts.filter(isNotReady).map((host) => item(host, waiting.get(host.metadata.name))),
    ...[...segments, ...tunnels].filter(isNotReady).map((object) => item(object)),
    ...ports
      .filter(isNotReady)
      .filter((port) => !waitsForHost(port))
      .map((port) => item(port)),
  ];
  return items.sort((a, b) => URGENCY[a.phase] - URGENCY[b.phase]);
}

const isNotReady = (object: Watched): boolean => object.status.phase !== "Ready";

function item(object: Watched, waiting = 0): AttentionItem {
  const condition = blockingCondition(object);
  return {
    key: object.metadata.uid,
    kind: object.kind,
    name: object.metadata.name,
    host: hostOf(object),
    phase: object.status.phase,
    reason: condition?.reason ?? object.status.phase,
    message: condition?.message ?? "",
    waiting,
  };
}

function hostOf(object: Watched): string | null {
  switch (object.kind) {
    case "Host":
      return object.metadata.name;
    case "Port":
      return object.spec.host;
    case "Tunnel":
      return object.spec.ends[0]?.host ?? null;
    case "Segment":
      return null;
  }
}
