/** What counts packets on a host, by the resource id under which the agent reports it. Pure. */

import type { EffectiveTunnel, Port } from "../api/documents";

export interface Subject {
  id: string;
  label: string;
}

export const subjectOfPort = (port: Port): string => `port:${port.metadata.uid}`;

/** The kernel has one device for all remotes of a segment, and counts there. */
export function subjectOfTunnel({ id, backend }: EffectiveTunnel): string {
  const segment = /^tunnel:([^/]+)\//.exec(id)?.[1];
  return backend === "kernel" && segment ? `segment:${segment}` : id;
}

export const labelOfTunnel = (tunnel: EffectiveTunnel): string =>
  `${tunnel.name} to ${tunnel.remote_host ?? tunnel.remote_ip}`;

/** What stands behind the name of a segment that the kernel counts. */
export const TO_ALL = " to all";

/** Each once: the kernel counts for all remotes of a segment together. */
export function subjectsOf(tunnels: EffectiveTunnel[]): Subject[] {
  const all = tunnels.map((tunnel) => ({
    id: subjectOfTunnel(tunnel),
    label: tunnel.backend === "kernel" ? `${tunnel.name}${TO_ALL}` : labelOfTunnel(tunnel),
  }));
  return [...new Map(all.map((subject) => [subject.id, subject])).values()];
}
