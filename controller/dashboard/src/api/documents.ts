/** The API's documents by short names; their shapes come from the OpenAPI snapshot. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Host = Schemas["HostDocument"];
export type Bridge = Schemas["BridgeDocument"];
export type Segment = Schemas["SegmentDocument"];
export type Port = Schemas["PortDocument"];
export type Tunnel = Schemas["TunnelDocument"];
export type AnyObject = Host | Bridge | Segment | Port | Tunnel;
export type EffectiveTunnel = Schemas["EffectiveTunnelDocument"];
export type Stats = Schemas["StatsDocument"];
export type CurrentRate = Schemas["CurrentRateDocument"];
export type Fleet = Schemas["FleetDocument"];
export type PhaseCounts = Schemas["PhaseCounts"];
export type Condition = Schemas["ConditionDocument"];
export type Failure = Schemas["FailureDocument"];
export type Kind = Schemas["Kind"];
export type Metadata = Schemas["ObjectMetadata"];
export type Status = Schemas["StatusDocument"] | Schemas["HostStatusDocument"];
export type Realization = Schemas["RealizationDocument"];
export type LaggingHost = Schemas["LaggingHost"];
export type ChangeWarning = Schemas["ChangeWarning"];
export type Problem = Schemas["Problem"];
export type ProblemError = Schemas["ProblemError"];
export type Change = Omit<Schemas["ChangeEvent"], "kind"> & { kind: Kind };
export type StatusEvent = Schemas["StatusEvent"];
export type Phase = AnyObject["status"]["phase"];

export const PHASES: readonly Phase[] = ["Ready", "Pending", "Degraded", "Failed", "Unknown"];

/** The condition that keeps an object from being Ready; the one that says most about it. */
export function blockingCondition(object: AnyObject): Condition | undefined {
  if (object.status.phase === "Ready") return undefined;
  const blocking = object.status.conditions.filter((condition) => condition.status !== "True");
  return blocking.find((condition) => condition.type === "Realized") ?? blocking[0];
}

/** Whether a person's words are found in what an object is or how it is doing. */
export function matches(object: AnyObject, filter: string): boolean {
  if (!filter) return true;
  const { metadata, spec, status } = object;
  const reasons = status.conditions.map((condition) => condition.reason);
  const text = [metadata.name, status.phase, ...reasons, JSON.stringify(spec)].join(" ");
  return text.toLowerCase().includes(filter.toLowerCase());
}

/** The hosts that a port is on: none for one that awaits its guest, two while the guest migrates. */
export function hostsOf({ spec: { host, migrating_to } }: Port): string[] {
  return [host, migrating_to].filter((name) => typeof name === "string");
}
