/** What needs a person, worst first. Pure. */

import { blockingCondition, type Host, type Phase, type Port, type Segment } from "../api/documents";

export interface AttentionItem {
  key: string;
  kind: "Host" | "Segment" | "Port";
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
export function needsAttention(hosts: Host[], segments: Segment[], ports: Port[]): AttentionItem[] {
  const ailing = new Set(hosts.filter(isNotReady).map((host) => host.metadata.name));
  const waitsForHost = (port: Port) =>
    ailing.has(port.spec.host) && (port.status.phase === "Unknown" || port.status.phase === "Pending");
  const waiting = new Map<string, number>();
  for (const port of ports.filter(isNotReady).filter(waitsForHost))
    waiting.set(port.spec.host, (waiting.get(port.spec.host) ?? 0) + 1);
  const items = [
    ...hosts.filter(isNotReady).map((host) => item("Host", host, waiting.get(host.metadata.name))),
    ...segments.filter(isNotReady).map((segment) => item("Segment", segment)),
    ...ports
      .filter(isNotReady)
      .filter((port) => !waitsForHost(port))
      .map((port) => item("Port", port)),
  ];
  return items.sort((a, b) => URGENCY[a.phase] - URGENCY[b.phase]);
}

const isNotReady = (object: Host | Segment | Port): boolean => object.status.phase !== "Ready";

function item(
  kind: AttentionItem["kind"],
  object: Host | Segment | Port,
  waiting = 0,
): AttentionItem {
  const condition = blockingCondition(object);
  return {
    key: object.metadata.uid,
    kind,
    name: object.metadata.name,
    host: hostOf(kind, object),
    phase: object.status.phase,
    reason: condition?.reason ?? object.status.phase,
    message: condition?.message ?? "",
    waiting,
  };
}

function hostOf(kind: AttentionItem["kind"], object: Host | Segment | Port): string | null {
  if (kind === "Host") return object.metadata.name;
  return "host" in object.spec ? object.spec.host : null;
}
