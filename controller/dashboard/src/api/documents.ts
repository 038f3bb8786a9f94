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
