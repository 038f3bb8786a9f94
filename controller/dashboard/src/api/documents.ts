/** The API's documents by short names; their shapes come from the OpenAPI snapshot. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Host = Schemas["HostDocument"];
export type Segment = Schemas["SegmentDocument"];
export type Port = Schemas["PortDocument"];
export type AnyObject = Host | Segment | Port;
export type Fleet = Schemas["FleetDocument"];
export type PhaseCounts = Schemas["PhaseCounts"];
export type Condition = Schemas["ConditionDocument"];
export type ChangeEvent = Schemas["ChangeEvent"];
export type Phase = AnyObject["status"]["phase"];

export const PHASES: readonly Phase[] = ["Ready", "Pending", "Degraded", "Failed", "Unknown"];

/** The condition that keeps an object from being Ready; the one that says most about it. */
export function blockingCondition(object: AnyObject): Condition | undefined {
  if (object.status.phase === "Ready") return undefined;
  const blocking = object.status.conditions.filter((condition) => condition.status !== "True");
  return blocking.find((condition) => condition.type === "Realized") ?? blocking[0];
}
